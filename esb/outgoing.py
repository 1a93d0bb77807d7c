"""The one way out: HTTP with pooled connections, deadlines, verified TLS and bounded answers.

Every failure becomes an UpstreamError that says whether the upstream may have acted. Its text never holds a URL:
WeChat's access tokens travel in the query, and aiohttp quotes URLs in nearly every error.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from yarl import URL

from esb import codec
from esb.call import Call
from esb.errors import Limited, Message, UpstreamError, template
from esb.observe import Observer, UpstreamFinished

CONNECT_SECONDS = 5.0
MAX_ANSWER = 8 * 2**20
"""The largest answer read, in bytes, after decompression."""
NO_HEADERS: Mapping[str, str] = {}
_CODE = re.compile(r"-?[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a request asks, and for what: the names that errors and logs use."""

    system: str
    interface: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Outgoing:
    """Sends requests to upstreams. One for the whole process."""

    def __init__(self, observer: Observer, *, max_per_target: int = 5000) -> None:
        self._observer = observer
        self._max_per_target = max_per_target
        self._in_flight: Counter[tuple[str, str]] = Counter()
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Makes the connection pool, inside a running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30),  # bounded per target below, never queued here
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "esb-gateway"},
            skip_auto_headers=("Content-Type",),
            requote_redirect_url=False,
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def json(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
        statuses: tuple[int, ...] = (200,),
    ) -> dict[str, Any]:
        """The JSON object that this request brings. `body`: ready bytes, or a value to send as JSON.

        UpstreamError when the status is none of `statuses` or the answer is no JSON object.
        """
        with _Telling(self._observer, call, target) as told:
            answer = await self._send(call, target, method, url, body, headers, timeout, proxy)
            told.status = answer.status
            payload = read_object(target, answer, statuses)
            told.errcode = _code(payload.get("errcode", payload.get("code")))
            return payload

    async def request(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
    ) -> Answer:
        """What this request brings, whatever its status. UpstreamError when nothing usable came."""
        with _Telling(self._observer, call, target) as told:
            answer = await self._send(call, target, method, url, body, headers, timeout, proxy)
            told.status = answer.status
            return answer

    async def _send(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        timeout: float | None,
        proxy: str | None,
    ) -> Answer:
        limit, seconds = _time_left(call, timeout)
        if seconds <= 0:
            raise UpstreamError(target.system, target.interface, too_slow(limit), sent=False)
        if body is not None and not isinstance(body, bytes):
            body = codec.encode(body)
            headers = {"Content-Type": "application/json", **headers}
        if call is not None:
            headers = {**headers, **call.headers}
        try:
            return await self._exchange(method, url, body, headers, seconds, proxy)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            failure = _failure(target, error, limit)
        raise failure  # outside the except clause: a chained aiohttp error would carry the URL

    async def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float, proxy: str | None
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("Outgoing is not open")
        parsed = URL(url, encoded=True)
        place = (parsed.raw_authority, proxy or "")
        if self._in_flight[place] >= self._max_per_target:
            raise Limited("Too many calls of this third-party system are under way, please try again later", 1.0)
        self._in_flight[place] += 1
        try:
            async with self._session.request(
                method,
                parsed,
                data=body,
                headers=headers,
                proxy=proxy,
                allow_redirects=False,
                timeout=_client_timeout(seconds),
            ) as response:
                return Answer(response.status, response.headers, await _read(response))
        finally:
            self._in_flight[place] -= 1
            if not self._in_flight[place]:
                del self._in_flight[place]


class _Telling:
    """Tells one request as an event, however it ends."""

    __slots__ = ("_call_id", "_observer", "_started", "_target", "errcode", "status")

    def __init__(self, observer: Observer, call: Call | None, target: Target) -> None:
        self._observer = observer
        self._call_id = call.id if call is not None else ""
        self._target = target
        self.status: int | None = None
        self.errcode: int | str | None = None

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        failure = "" if error is None else _short(error)
        seconds = time.monotonic() - self._started
        self._observer.emit(
            UpstreamFinished(
                self._call_id,
                self._target.system,
                self._target.interface,
                self.status,
                self.errcode,
                failure,
                seconds,
            )
        )


def _short(error: BaseException) -> str:
    """What an event tells of an error."""
    match error:
        case UpstreamError():
            return str(error.reason)
        case Limited():
            return "too many requests are under way"
        case asyncio.CancelledError():
            return "cancelled"
    return type(error).__name__


def _code(value: Any) -> int | str | None:
    """An upstream's own code for the log, if it is one: an upstream may write anything there, our secrets too."""
    if isinstance(value, str):
        return value if _CODE.fullmatch(value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_object(target: Target, answer: Answer, statuses: tuple[int, ...] = (200,)) -> dict[str, Any]:
    """The JSON object in this answer, read as leniently as its sender wrote it."""
    if answer.status not in statuses:
        raise UpstreamError(
            target.system,
            target.interface,
            Message(
                "Status Code: {status}, Error Message: third-party system interface response status code is not 200",
                {"status": answer.status},
            ),
            sent=may_have_acted(answer.status),
            http_status=answer.status,
        )
    try:
        payload = codec.decode_lenient(answer.body)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise UpstreamError(
            target.system, target.interface, "interface response is not the JSON format", http_status=answer.status
        )
    return payload


def may_have_acted(status: int) -> bool:
    """Whether an upstream that answered with this HTTP status may have done what it was asked."""
    return status < 300 or status >= 500 or status in {408, 429}


def _time_left(call: Call | None, timeout: float | None) -> tuple[float, float]:
    """The limit to name in an error, and the seconds that are left of it."""
    if call is None:
        limit = 10.0 if timeout is None else timeout
        return limit, limit
    left = call.deadline - asyncio.get_running_loop().time()
    if timeout is not None and timeout < left:
        return timeout, timeout
    return call.timeout, left


def _client_timeout(seconds: float) -> aiohttp.ClientTimeout:
    """So much in all, and exactly that: aiohttp would round long times up to a whole second of the clock.

    Connecting gets a little less, so that there is no doubt which of the two ran out, and whether anything was sent.
    """
    return aiohttp.ClientTimeout(
        total=seconds, connect=min(CONNECT_SECONDS, 0.9 * seconds), ceil_threshold=float("inf")
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Too much of it is an error, before it is in memory."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_ANSWER:
            response.close()
            raise _TooMuch
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _TooMuch(ValueError):
    """An answer over MAX_ANSWER."""


def _failure(target: Target, error: Exception, limit: float) -> UpstreamError:
    """What an aiohttp error means to a caller; the most telling class first."""
    sent = True
    reason: Message | str
    match error:
        case aiohttp.ConnectionTimeoutError():
            reason, sent = template("the connection could not be established in time"), False
        case TimeoutError():
            reason = too_slow(limit)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            reason, sent = template("the TLS certificate or handshake was refused"), False
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            reason, sent = template("the forward proxy refused or could not be reached"), False
        case aiohttp.ClientConnectorDNSError():
            reason, sent = template("the host name could not be resolved"), False
        case aiohttp.ClientConnectorError():
            reason, sent = template("the connection could not be established"), False
        case _TooMuch():
            reason = template("the response is too large")
        case ValueError() | aiohttp.NonHttpUrlClientError():
            sent = False
            reason = template("the request cannot be sent: its address, its proxy or a header is not valid")
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            reason = template("the response is not valid HTTP")
        case _:
            reason = template("the connection was closed before the response was complete")
    return UpstreamError(target.system, target.interface, reason, sent=sent)


def too_slow(limit: float) -> Message:
    """What the caller is told when this many seconds were not enough."""
    return Message("Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": limit})
