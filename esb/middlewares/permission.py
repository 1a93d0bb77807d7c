"""Permission of the app to call this component: the globs of its `components`.

A right without a version opens the component in all its versions; `v2.cc.search_host` only the one whose main path
begins with /v2/. Aliases make no name.
"""

from collections.abc import Collection
from typing import Any

from esb.config.component_paths import version_of
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
        if ALL not in allowed and not matches(call.component, allowed) and not _matches_its_version(call, allowed):
            system, _, name = call.component.partition(".")
            raise PermissionDenied(
                "APP permission is insufficient, APP has no permission to access the component ({name}) of the system"
                " ({system}). The APP manager can go to the Developer Center and apply for permission to access the"
                " component",
                name=name,
                system=system,
            )
        return await handler(call)


def _matches_its_version(call: Call, allowed: Collection[str]) -> bool:
    version = version_of(call.path)
    return bool(version) and matches(f"{version}.{call.component}", allowed)
