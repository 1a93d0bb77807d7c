"""Permission of the app to call this component: the globs of its `components`.

A right without a version opens the component in all its versions; `v2.cc.search_host` only the one whose main path
begins with /v2/. Aliases make no name. A component that is `restricted` is opened by a right for just this one: a name
in which a glob stands gives none.
"""

from typing import Any

from esb.config.component_paths import version_of
from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Handler, Middleware
from esb.core.call import Call
from esb.core.errors import Message, PermissionDenied, template
from esb.middlewares._globs import ALL, matches

RESTRICTED = template("{name} is restricted: only a right for just this name opens it, none with * ? or [")


class Permission(Middleware[NoConfig]):
    """Let a call pass, or refuse it with 1306403. Without an app there is nothing to permit."""

    inner = True
    """It also guards a component that another component calls."""
    early = True

    async def __call__(self, call: Call, handler: Handler) -> Any:
        allowed = call.app.components if call.app is not None else ()
        if call.restricted or ALL not in allowed:
            version = version_of(call.path)
            names = (call.component, f"{version}.{call.component}") if version else (call.component,)
            if not any(name in allowed if call.restricted else matches(name, allowed) for name in names):
                raise _denied(call)
        return await handler(call)


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
