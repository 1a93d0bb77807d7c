"""Permission of the app to call this component: the globs of its `components`.

A right without a version opens the component in all its versions; `v2.cc.search_host` only the one whose main path
begins with /v2/. Aliases make no name. A component that is `restricted` is opened by a right for just this one: a name
in which a glob stands gives none, unless it was granted in the database.
"""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from esb.config.component_paths import names_in_rights
from esb.contracts.explain import Decision, Question, allowed, attempted, ends, longest, refused
from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Handler, Middleware
from esb.contracts.services import ChainServices
from esb.core.call import App, Call
from esb.core.errors import EsbError, Message, PermissionDenied, template
from esb.middlewares._globs import ALL

MOST_REMEMBERED = 2048
"""The most pairs of rights and component whose fit is remembered: what the hundred busiest apps call."""
NOBODY = App("", components=())
RESTRICTED = template("{name} is restricted: only a right for just this name opens it, none with * ? or [")


class Permission(Middleware[NoConfig]):
    """Let a call pass, or refuse it with 1306403. Without an app there is nothing to permit."""

    inner = True
    """It also guards a component that another component calls."""
    early = True

    def __init__(self, config: NoConfig, services: ChainServices) -> None:
        super().__init__(config, services)
        self._opening = lru_cache(MOST_REMEMBERED)(_opening)

    async def __call__(self, call: Call, handler: Handler) -> Any:
        app = call.app or NOBODY
        if call.restricted or ALL not in app.components:
            exactly = call.restricted and not app.opens_restricted
            if self._opening(call.component, call.path, app.components, exactly) is None:
                raise _denied(call)
        return await handler(call)

    async def explain(self, question: Question) -> Decision:
        call, service = question.call, "apps" if question.entry is not None else ""
        outcome = await attempted(self, call)
        app = call.app or NOBODY
        exactly = call.restricted and not app.opens_restricted
        if isinstance(outcome, EsbError):
            last = longest(
                grant
                for grant in question.grants
                if _opening(call.component, call.path, grant.components, exactly) is not None
            )
            if last is not None:
                why = f"the right for {' '.join(last.components)} {last.lapse(question.at)}"
                return refused(outcome, why, where=last.place, service=service)
            why = f"{call.app.code} has no right for {call.component}" if call.app else "no app is known"
            if call.restricted:
                why += f"; {RESTRICTED.format(name=call.component)}"
            return refused(outcome, why, where=question.entry or (), service=service)
        glob = _opening(call.component, call.path, app.components, exactly)
        given = longest(
            grant for grant in question.grants if glob in grant.components and grant.is_in_force(question.at)
        )
        if given is None:
            return allowed(f"by the right for {glob}")
        return allowed(f"by the right for {glob}", where=given.place, until=ends(given.until), service=service)


def _opening(component: str, path: str, globs: tuple[str, ...], exactly: bool) -> str | None:
    """Return the first of these rights that opens this component; None if none does. `exactly`: by its name alone."""
    for name in names_in_rights(component, path):
        for glob in globs:
            if name == glob if exactly else fnmatchcase(name, glob):
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
