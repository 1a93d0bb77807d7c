"""Both clients of the room `client` as one, for tests that hold for either."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from esb.client import AsyncClient, Client

KINDS = ("sync", "async")


class AnyClient:
    """A client of one kind, whose calls are awaited; the pauses that it made, in seconds."""

    def __init__(
        self, kind: str, url: str, passing: Callable[[float], Awaitable[None]] | None = None, **options: Any
    ) -> None:
        self.pauses: list[float] = []
        self._passing = passing
        self._loop = asyncio.get_running_loop()
        arguments = {"app_code": "esb_demo", "app_secret": "demo-secret", "bk_username": "admin", **options}
        self.client: Any = (
            Client(url, sleep=self._wait, **arguments)
            if kind == "sync"
            else AsyncClient(url, sleep=self._pass, **arguments)
        )

    async def send(self, *arguments: Any, **options: Any) -> Any:
        return await self.ask(self.client.send, *arguments, **options)

    async def call(self, *arguments: Any, **options: Any) -> Any:
        return await self.ask(self.client.call, *arguments, **options)

    async def close(self) -> None:
        await self.ask(self.client.close)

    async def ask(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a method of the client; one that blocks in a thread."""
        if isinstance(self.client, Client):
            return await asyncio.to_thread(method, *arguments, **options)
        return await method(*arguments, **options)

    async def _pass(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self._passing is not None:
            await self._passing(seconds)

    def _wait(self, seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(self._pass(seconds), self._loop).result()


OpenClient = Callable[..., AnyClient]
