"""Permission of the app to call this component: the globs of its `components`."""

from typing import Any

from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Handler, Middleware
from esb.core.call import Call
from esb.core.errors import PermissionDenied
from esb.middlewares._globs import ALL, matches


class Permission(Middleware[NoConfig]):
    """Let a call pass, or refuse it with 1306403. Without an app there is nothing to permit."""

    inner = True
    """It also guards a component that another component calls."""
    early = True

    async def __call__(self, call: Call, handler: Handler) -> Any:
        allowed = call.app.components if call.app is not None else ()
        if ALL not in allowed and not matches(call.component, allowed):
            system, _, name = call.component.partition(".")
            raise PermissionDenied(
                "APP permission is insufficient, APP has no permission to access the component ({name}) of the system"
                " ({system}). The APP manager can go to the Developer Center and apply for permission to access the"
                " component",
                name=name,
                system=system,
            )
        return await handler(call)
