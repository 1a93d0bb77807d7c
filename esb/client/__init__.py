"""A typed client of a gateway, for programs that call components: `Client`, and `AsyncClient` for asyncio.

It stands beside the gateway and shares nothing with it.
"""

from esb.client.answers import Answer, Missed, Preview, SendAnswer, Warned
from esb.client.async_client import AsyncClient
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

__all__ = [
    "Answer",
    "AsyncClient",
    "BadRequest",
    "Client",
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
