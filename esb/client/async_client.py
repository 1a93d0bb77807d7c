"""The client for asyncio, over aiohttp."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from ssl import SSLContext, create_default_context
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from esb.client.answers import Answer, SendAnswer
from esb.client.attempts import LARGEST_ANSWER, Attempts, Calling, Exchange, Options, Pause, Reply, Sending
from esb.client.caller import Caller
from esb.client.errors import NoAnswer, cause
from esb.client.settings import Settings

NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""Errors before the first byte of a request: no connection came about."""
CHUNK = 64 * 1024


class AsyncClient(Caller):
    """A client of the gateway at `url`, for the app of this code and secret; the arguments are those of `Client`.

    A call returns its answer or raises EsbError. Close the client, or use it in an `async with`.
    """

    def __init__(
        self,
        url: str,
        app_code: str,
        app_secret: str,
        *,
        bk_username: str = "",
        bk_token: str = "",
        language: str = "",
        timeout: float = 60.0,
        attempt_timeout: float = 35.0,
        retries: int = 3,
        tls: SSLContext | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(
            Settings(url, app_code, app_secret, bk_username, bk_token, language, timeout, attempt_timeout, retries)
        )
        self._session = _Session(url, tls)
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. The client still works, and opens new ones."""
        await self._session.close()

    async def call(
        self,
        component: str,
        params: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        test_environment: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """Call any component, as `Client.call` does."""
        options = Options(idempotency_key, dry_run, test_environment, timeout)
        answer: Answer = await self._run(Calling(self._settings, component, params or {}, options).answer())
        return answer

    async def send(
        self,
        component: str,
        params: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        dry_run: bool = False,
        test_environment: bool = False,
        timeout: float | None = None,
    ) -> SendAnswer:
        """Send a message by a component that sends, as `Client.send` does."""
        options = Options(idempotency_key, dry_run, test_environment, timeout)
        answer: SendAnswer = await self._run(Sending(self._settings, component, params, options).answer())
        return answer

    async def _run(self, attempts: Attempts) -> Any:
        result: Reply | NoAnswer | None = None
        while True:
            try:
                step: Exchange | Pause = attempts.send(result)
            except StopIteration as ended:
                return ended.value
            result = None
            if isinstance(step, Pause):
                await self._sleep(step.seconds)
            else:
                result = await self._session.exchange(step)


class _Session:
    """Connections to one server, opened with the first request."""

    def __init__(self, url: str, tls: SSLContext | None) -> None:
        self._root = URL(url).origin()
        self._tls = (tls or create_default_context()) if urlsplit(url).scheme == "https" else None
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def exchange(self, exchange: Exchange) -> Reply | NoAnswer:
        """Make a request, and return its answer, or why there is none."""
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._tls or True)
            self._opened = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._opened.post(
                self._root.join(URL(exchange.target, encoded=True)),
                data=exchange.body,
                headers=exchange.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=exchange.seconds),
            ) as response:
                parts = bytearray()
                async for part in response.content.iter_chunked(CHUNK):
                    parts += part
                    if len(parts) > LARGEST_ANSWER:
                        return NoAnswer("no answer: it is too large", sent=True)
                return Reply(response.status, bytes(parts))
        except NOT_SENT as error:
            return NoAnswer(f"no connection: {cause(error)}", sent=False)
        except (aiohttp.ClientError, OSError) as error:
            return NoAnswer(f"no answer: {cause(error)}", sent=True)
