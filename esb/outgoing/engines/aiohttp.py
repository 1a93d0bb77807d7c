"""The engine of aiohttp's client. Its errors quote URLs, and access tokens travel in those: none of them leaves."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict, MultiMapping
from yarl import URL

from esb.core.deadlines import Timeouts
from esb.core.errors import Message
from esb.outgoing.address_guard import is_refused, literal
from esb.outgoing.engine import (
    DEFAULT_BOUNDS,
    MAX_ANSWER,
    Answer,
    ExchangeError,
    HeadBounds,
    NoConnection,
    Request,
    RequestKind,
    Tls,
    connect_seconds,
)
from esb.outgoing.engines.aiohttp_failure import RefusedAddress, TooMuch, failure_of
from esb.outgoing.engines.aiohttp_protocol import use_bounded_protocol
from esb.outgoing.engines.aiohttp_request import PromptRequest
from esb.outgoing.engines.tunnel import Tunnel, opened

TROUBLE = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""The exceptions that aiohttp raises when a request fails."""
LARGE = 2**20
"""The size in bytes from which on a body is written piece by piece."""
RECENT = 256
OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type")
"""The headers that aiohttp adds to a request if nobody says otherwise."""


class GuardedResolver(AbstractResolver):
    """A resolver that keeps refused addresses back: aiohttp connects to no others than those that it returns."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        allowed = [each for each in found if (address := literal(each["host"])) is None or not is_refused(address)]
        if found and not allowed:
            raise RefusedAddress
        return allowed

    async def close(self) -> None:
        await self._resolver.close()


class AiohttpEngine:
    """Two pools of connections: one for requests that may go anywhere, one for those that are guarded."""

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._timeouts = Timeouts()

    def open(self) -> None:
        self._sessions = {False: _session(None), True: _session(GuardedResolver())}

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    def prepare(self, kind: RequestKind) -> "AiohttpPreparedRequest":
        return AiohttpPreparedRequest(self._session(kind.guarded), self._timeouts, kind)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator["AiohttpStreamedAnswer"]:
        body = request.body
        session = self._session(request.guarded)
        failure = None
        try:
            response = await session.request(
                request.method,
                _address(request.url, request.guarded),
                data=_data(body) if body is None or isinstance(body, bytes) else body,
                headers=_spelled_alike(request.headers),
                skip_auto_headers=OWN_HEADERS,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_timeout(request.connect),
                **_options(None, request.tls, request.bounds),
            )
        except TROUBLE as error:
            failure = failure_of(error, request.bounds)
            _forget(session, failure, request.url)
        if failure is not None:
            raise failure
        try:
            yield AiohttpStreamedAnswer(response)
        finally:
            response.close()  # which leaves a connection alone that went back when both bodies had come to their end

    def _session(self, guarded: bool) -> aiohttp.ClientSession:
        if not self._sessions:
            raise RuntimeError("the engine is not open")
        return self._sessions[guarded]


class AiohttpPreparedRequest:
    """Requests of one kind: their URL and options are made once. Bench: send, gateway:aiohttp."""

    def __init__(self, session: aiohttp.ClientSession, timeouts: Timeouts, kind: RequestKind) -> None:
        self._session = session
        self._timeouts = timeouts
        self._kind = kind
        self._options = _options(kind.proxy, kind.tls, kind.bounds)
        self._address: URL | None = None

    async def fetch(self, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answer:
        try:
            if self._address is None:
                self._address = _address(self._kind.url, self._kind.guarded)
            with self._timeouts.after(seconds):
                response = await self._session.request(
                    self._kind.method,
                    self._address,
                    data=_data(body),
                    headers=headers,
                    allow_redirects=False,
                    timeout=_timeout(connect_seconds(seconds)),
                    **self._options,
                )
                try:
                    read = await _read(response)  # with its last byte it has given the connection back
                except BaseException:
                    response.close()
                    raise
                return Answer(response.status, response.headers, read)
        except TROUBLE as error:
            failure = failure_of(error, self._kind.bounds)
        _forget(self._session, failure, self._kind.url)
        raise failure  # outside the except clause: a chained aiohttp error would carry the URL


class AiohttpStreamedAnswer:
    """An answer whose head has come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: MultiMapping[str] = response.headers
        self._response = response
        self._content = response.content

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            try:
                chunk = await self._content.readany()
            except TROUBLE as error:
                failure = failure_of(error)
            else:
                if not chunk:
                    return
                yield chunk
                continue
            raise failure

    def tunnel(self) -> Tunnel:
        connection = self._response.connection
        if connection is None or connection.protocol is None:
            raise ExchangeError(Message("the connection was closed before the response was complete"))
        return opened(connection.protocol)


def _address(url: str, guarded: bool) -> URL:
    """Return the parsed address. ValueError if it is none; RefusedAddress if the request may not go there."""
    address = URL(url, encoded=True)
    if guarded and (host := literal(address.host or "")) is not None and is_refused(host):
        raise RefusedAddress  # aiohttp asks no resolver about these
    return address


def _spelled_alike(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return headers of which those of one name have it in one spelling: aiohttp keeps only the last of several."""
    first: dict[str, str] = {}
    return CIMultiDict((first.setdefault(name.lower(), name), value) for name, value in headers.items())


def _options(proxy: str | None, tls: Tls | None, bounds: HeadBounds) -> dict[str, Any]:
    """Return aiohttp's options of a request, those only that are not the default."""
    options: dict[str, Any] = {}
    if proxy is not None:
        options["proxy"] = proxy
    if tls is not None:
        options["ssl"] = tls.context
        if tls.server_name is not None:
            options["server_hostname"] = tls.server_name
    if bounds != DEFAULT_BOUNDS:
        options |= {"max_field_size": bounds.value, "max_headers": bounds.headers}
    return options


def _forget(session: aiohttp.ClientSession, failure: ExchangeError, url: str) -> None:
    """Ask anew for the addresses of this host, if at those that are remembered nobody answers."""
    connector = session.connector
    if isinstance(failure, NoConnection) and isinstance(connector, aiohttp.TCPConnector):
        address = URL(url, encoded=True)
        connector.clear_dns_cache(address.raw_host, address.port)


@lru_cache(maxsize=RECENT)
def _timeout(connect: float) -> aiohttp.ClientTimeout:
    # Exactly so long: aiohttp would round long times up to a whole second of the clock.
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=None, ceil_threshold=float("inf"))


def _data(body: bytes | AsyncIterator[bytes] | None) -> Any:
    return BytesIO(body) if isinstance(body, bytes) and len(body) >= LARGE else body


def _session(resolver: AbstractResolver | None) -> aiohttp.ClientSession:
    # Connections are bounded per target by Outgoing, and never queued here.
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=30, resolver=resolver)
    use_bounded_protocol(connector)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=PromptRequest,
        headers={"User-Agent": "esb-gateway"},
        requote_redirect_url=False,
        trust_env=False,
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body. Too much of it is an error, before it is in memory."""
    content = response.content
    if content.is_eof() and content.total_bytes <= MAX_ANSWER:  # nearly always; bench: send, gateway:aiohttp
        return content.read_nowait()
    chunks: list[bytes] = []
    size = 0
    while not content.at_eof():
        chunk = await content.readany()
        size += len(chunk)
        if size > MAX_ANSWER:
            raise TooMuch
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
