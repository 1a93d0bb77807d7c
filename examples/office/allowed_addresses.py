"""use: allowed_addresses:AllowedAddresses: lets an app call from the networks in its settings only."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from esb import Call, Handler, Middleware, NoConfig, PermissionDenied


class AllowedAddresses(Middleware[NoConfig]):
    """Refuses an app with `settings: {networks: […]}` that calls from elsewhere; other apps may from anywhere."""

    early = True

    async def __call__(self, call: Call, handler: Handler) -> Any:
        networks = call.app.settings.get("networks") if call.app else None
        if networks is not None and not within(call.client_ip, networks):
            raise PermissionDenied(
                "the app may not call from {address}", address=call.client_ip or "an unknown address"
            )
        return await handler(call)


def within(client_ip: str, networks: Sequence[str]) -> bool:
    """Return True if the address is in one of the networks. One that nobody knows, "", is in none."""
    return client_ip != "" and any(ip_address(client_ip) in ip_network(network) for network in networks)
