"""use: allowed_addresses:AllowedAddresses: lets an app call from the networks in its settings only."""

from ipaddress import ip_address, ip_network
from typing import Any

from esb import Call, Handler, Middleware, NoConfig, PermissionDenied


class AllowedAddresses(Middleware[NoConfig]):
    """Refuses an app with `settings: {networks: […]}` that calls from elsewhere; other apps may from anywhere."""

    early = True

    async def __call__(self, call: Call, handler: Handler) -> Any:
        networks = call.app.settings.get("networks") if call.app else None
        if networks is not None:
            address = ip_address(call.client_ip)
            if not any(address in ip_network(network) for network in networks):
                raise PermissionDenied("the app may not call from {address}", address=call.client_ip)
        return await handler(call)
