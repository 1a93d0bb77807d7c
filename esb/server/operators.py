"""The listeners of those who run the gateway: the admin listener, and the portal with its pages. Both are optional.

Their libraries take time and memory to import; who has neither listener does not pay for them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from esb.config import Admin
from esb.gateway.reload import Reloader
from esb.server.listener import listening, listening_privately
from esb.server.listening_sockets import ADMIN, PORTAL, ListeningSockets
from esb.server.process_status import Processes
from esb.server.successor import Succession

if TYPE_CHECKING:  # imported where they are used: see above
    from esb.server.admin_registry import AdminRegistry
    from esb.server.operations import Operations

ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not listened on
"""Host that a listener may have -> one at which this machine reaches it."""


@asynccontextmanager
async def operating(
    processes: Processes,
    reloader: Reloader,
    succession: Succession | None,
    gateway_url: Callable[[], str],
    sandbox_url: str | None,
) -> AsyncIterator[str | None]:
    """Serve the listeners that the configuration has, and yield the portal's URL. CannotListen.

    `gateway_url` is that of the public listener, which may begin later.
    """
    server = processes.config().server
    if server.admin is None and server.portal is None:
        yield None
        return
    from esb.server.admin_registry import AdminRegistry

    sockets, url = None if succession is None else succession.sockets, None
    async with AsyncExitStack() as stack:
        registry = AdminRegistry(processes.config)
        stack.push_async_callback(registry.close)
        operations = _operations(processes, reloader, registry, sandbox_url)
        if server.admin is not None:
            from esb.server.admin import create_admin

            admin = create_admin(processes, operations, None if succession is None else succession.start)
            await stack.enter_async_context(_administered(server.admin, admin, sockets))
        if server.portal is not None:
            from esb.portal.app import create_portal
            from esb.portal.parts import Parts
            from esb.server.portal_operators import PortalOperators

            parts = Parts(processes.config, PortalOperators(operations), lambda: reachable(gateway_url()), sandbox_url)
            host, port = server.portal.host, server.portal.port
            portal = listening(create_portal(parts), host, port, "server.portal.port", sockets=sockets, name=PORTAL)
            url = await stack.enter_async_context(portal)
        yield url


def _operations(
    processes: Processes, reloader: Reloader, registry: "AdminRegistry", sandbox_url: str | None
) -> "Operations":
    """Return all that operators may ask."""
    from esb.server.admin_apps import app_operations
    from esb.server.admin_deliveries import delivery_operations
    from esb.server.config_operations import config_operations
    from esb.server.health_operation import health_operations
    from esb.server.operations import Operations
    from esb.server.process_operations import process_operations

    return Operations(
        [
            *process_operations(processes, reloader.reload),
            *config_operations(processes, reloader),
            *health_operations(processes, registry, sandbox_url),
            *app_operations(registry),
            *delivery_operations(registry, processes),
        ]
    )


@asynccontextmanager
async def _administered(admin: Admin, app: web.Application, sockets: ListeningSockets | None) -> AsyncIterator[None]:
    """Serve the admin listener."""
    if admin.port is None:
        served = listening_privately(app, admin.unix or "", "server.admin.unix", sockets=sockets)
    else:
        served = listening(app, admin.host, admin.port, "server.admin.port", sockets=sockets, name=ADMIN)
    async with served:
        yield


def reachable(url: str) -> str:
    """Return the URL at which this machine reaches a listener."""
    parsed = urlsplit(url)
    host = (parsed.hostname or "").strip("[]")
    named = ALL_ADDRESSES.get(host, f"[{host}]" if ":" in host else host)
    return f"{parsed.scheme}://{named}:{parsed.port}"
