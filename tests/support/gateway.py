"""A gateway and a WeChat sandbox under test, each with an HTTP client of it, and how tests open them."""

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from esb import testing
from esb.core.events import Event
from tests.support.configuration import DEMO, MESSAGE, SEND_WEIXIN


class Sandbox(testing.Sandbox):
    """A WeChat sandbox under test."""

    async def has_been_called(self, endpoint: str, times: int = 1) -> None:
        """Wait until this endpoint has been called so often."""
        while await self.calls(endpoint) < times:
            await asyncio.to_thread(time.sleep, 0.01)  # the loop's time may stand still


@dataclass
class Gateway:
    """A gateway under test: an HTTP client of it, and the events it told."""

    url: str
    http: ClientSession
    app: web.Application
    events: list[Event] = field(default_factory=list)

    async def call(self, component: str = SEND_WEIXIN, /, auth: dict[str, Any] = DEMO, **params: Any) -> dict[str, Any]:
        """The envelope of a POST with JSON parameters; credentials in the body."""
        response = await self.post({**auth, **params}, component)
        assert response.headers["X-Bkapi-Request-Id"] == (await response.json())["request_id"]
        envelope: dict[str, Any] = await response.json()
        return envelope

    async def send(self, receiver: Any = "zhangsan", **params: Any) -> dict[str, Any]:
        """The envelope of a send_weixin with a short message."""
        return await self.call(SEND_WEIXIN, **{"receiver": receiver, "data": MESSAGE, **params})

    async def post(
        self, body: Any, component: str = SEND_WEIXIN, headers: dict[str, str] | None = None
    ) -> ClientResponse:
        """The response to a POST; a body that is no bytes goes as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = raw if len(raw) < 2**20 else io.BytesIO(raw)  # aiohttp warns of more than that at once
        return await self.request("POST", f"/api/c/compapi/{component}/", data=data, headers=headers)

    async def request(self, method: str, path: str, **options: Any) -> ClientResponse:
        response = await self.http.request(method, self.url + path, **options)
        await response.read()
        return response


OpenGateway = Callable[..., Awaitable[Gateway]]
OpenServer = Callable[[web.Application], Awaitable[str]]
