"""A typed client of a gateway, for programs that call components: `Client`, and `AsyncClient` for asyncio.

It stands beside the gateway and shares nothing with it.
"""

from typing import TYPE_CHECKING, Any

from esb.client.answers import Answer, Delivery, Missed, Preview, SendAnswer, Warned
from esb.client.errors import (
    BadRequest,
    EsbError,
    Limited,
    NoAnswer,
    NoTestEnvironment,
    NotFound,
    PermissionDenied,
    SwitchedOff,
    UpstreamError,
)
from esb.client.sync_client import Client

if TYPE_CHECKING:
    from esb.client.async_client import AsyncClient
else:

    def __getattr__(name: str) -> Any:
        if name != "AsyncClient":
            raise AttributeError(f"module 'esb.client' has no attribute {name!r}")
        from esb.client.async_client import AsyncClient

        return AsyncClient


__all__ = [
    "Answer",
    "AsyncClient",
    "BadRequest",
    "Client",
    "Delivery",
    "EsbError",
    "Limited",
    "Missed",
    "NoAnswer",
    "NoTestEnvironment",
    "NotFound",
    "PermissionDenied",
    "Preview",
    "SendAnswer",
    "SwitchedOff",
    "UpstreamError",
    "Warned",
]
