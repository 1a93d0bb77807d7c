"""Permission of the app to call this component: the globs of its `components`.

A right without a version opens the component in all its versions; `v2.cc.search_host` only the one whose main path
begins with /v2/. Aliases make no name. A component that is `restricted` is opened by a right for just this one: a name
in which a glob stands gives none.
"""

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any

from esb.config.component_paths import names_in_rights
from esb.contracts.explain import FOR_EVER, Decision, Question, allowed, attempted, refused
from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Handler, Middleware
from esb.core.call import Call
from esb.core.clock import utc_text
from esb.core.errors import EsbError, Message, PermissionDenied, template
from esb.middlewares._globs import ALL

RESTRICTED = template("{name} is restricted: only a right for just this name opens it, none with * ? or [")


class Permission(Middleware[NoConfig]):
    """Let a call pass, or refuse it with 1306403. Without an app there is nothing to permit."""

    inner = True
    """It also guards a component that another component calls."""
    early = True

    async def __call__(self, call: Call, handler: Handler) -> Any:
        globs = call.app.components if call.app is not None else ()
        if (call.restricted or ALL not in globs) and _opening(call, globs) is None:
            raise _denied(call)
        return await handler(call)

    async def explain(self, question: Question) -> Decision:
        call, service = question.call, "apps" if question.entry is not None else ""
        outcome = await attempted(self, call)
        if isinstance(outcome, EsbError):
            ended = [grant for grant in question.grants if _opening(call, grant.components) is not None]
            last = max(ended, key=lambda grant: grant.until, default=None)
            if last is not None:
                why = f"the right for {' '.join(last.components)} ended at {utc_text(last.until)}"
                return refused(outcome, why, where=last.place, service=service)
            why = f"{call.app.code} has no right for {call.component}" if call.app else "no app is known"
            if call.restricted:
                why += f"; {RESTRICTED.format(name=call.component)}"
            return refused(outcome, why, where=question.entry or (), service=service)
        glob = _opening(call, call.app.components if call.app is not None else ())
        longest = max(
            (grant for grant in question.grants if glob in grant.components),
            key=lambda grant: grant.until,
            default=None,
        )
        if longest is None:
            return allowed(f"by the right for {glob}")
        until = None if longest.until == FOR_EVER else longest.until
        return allowed(f"by the right for {glob}", where=longest.place, until=until, service=service)


def _opening(call: Call, globs: Collection[str]) -> str | None:
    """Return the first of these rights that opens the component of a call; None if none does."""
    for name in names_in_rights(call.component, call.path):
        for glob in globs:
            if name == glob if call.restricted else fnmatchcase(name, glob):
                return glob
    return None


def _denied(call: Call) -> PermissionDenied:
    system, _, name = call.component.partition(".")
    data = {"hint": Message(RESTRICTED, {"name": call.component})} if call.restricted else None
    return PermissionDenied(
        "APP permission is insufficient, APP has no permission to access the component ({name}) of the system"
        " ({system}). The APP manager can go to the Developer Center and apply for permission to access the"
        " component",
        data,
        name=name,
        system=system,
    )
