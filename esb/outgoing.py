"""The one way out: HTTP with pooled connections, deadlines, verified TLS and bounded answers.

Every failure becomes an UpstreamError that says whether the upstream may have acted. Its text never holds a URL:
WeChat's access tokens travel in the query, and aiohttp quotes URLs in nearly every error.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from esb import codec
from esb.call import Call
from esb.errors import Limited, Message, UpstreamError
from esb.observe import Observer, UpstreamFinished

CONNECT_SECONDS = 5.0
MAX_ANSWER = 8 * 2**20
"""The largest answer read, in bytes, after decompression."""
NO_HEADERS: Mapping[str, str] = {}


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
        started = time.monotonic()
        status = errcode = None
        failure = "cancelled"
        try:
            answer = await self._send(call, target, method, url, body, headers, timeout, proxy)
            status = answer.status
            payload = read_object(target, answer, statuses)
            errcode = payload.get("errcode", payload.get("code"))
            failure = ""
        except UpstreamError as error:
            failure = str(error.reason)
            raise
        finally:
            self._tell(call, target, status, errcode, failure, started)
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
        started = time.monotonic()
        status = None
        failure = "cancelled"
        try:
            answer = await self._send(call, target, method, url, body, headers, timeout, proxy)
            status = answer.status
            failure = ""
        except UpstreamError as error:
            failure = str(error.reason)
            raise
        finally:
            self._tell(call, target, status, None, failure, started)
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
        if self._session is None:
            raise RuntimeError("Outgoing is not open")
        limit, seconds = _time_left(call, timeout)
        if seconds <= 0:
            raise UpstreamError(target.system, target.interface, _too_slow(limit), sent=False)
        if body is not None and not isinstance(body, bytes):
            body = codec.encode(body)
            headers = {"Content-Type": "application/json", **headers}
        if call is not None:
            headers = {**headers, **call.headers}
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
                timeout=aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds)),
            ) as response:
                return Answer(response.status, response.headers, await _read(target, response))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            failure = _failure(target, error, limit)
        finally:
            self._in_flight[place] -= 1
            if not self._in_flight[place]:
                del self._in_flight[place]
        raise failure  # outside the except clause: a chained aiohttp error would carry the URL

    def _tell(
        self, call: Call | None, target: Target, status: int | None, errcode: Any, failure: str, started: float
    ) -> None:
        if not isinstance(errcode, int | str):
            errcode = None
        self._observer.emit(
            UpstreamFinished(
                call.id if call is not None else "",
                target.system,
                target.interface,
                status,
                errcode,
                failure,
                time.monotonic() - started,
            )
        )


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


async def _read(target: Target, response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Too much of it is an error, before it is in memory."""
    body = await response.content.read(MAX_ANSWER)
    if response.content.at_eof():
        return body
    chunks = [body]
    size = len(body)
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_ANSWER:
            response.close()
            raise _TooMuch
        chunks.append(chunk)
    return b"".join(chunks)


class _TooMuch(ValueError):
    """An answer over MAX_ANSWER."""


def _failure(target: Target, error: Exception, limit: float) -> UpstreamError:
    """What an aiohttp error means to a caller; the most telling class first."""
    sent = True
    reason: Message | str
    match error:
        case aiohttp.ConnectionTimeoutError():
            reason, sent = "the connection could not be established in time", False
        case TimeoutError():
            reason = _too_slow(limit)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            reason, sent = "the TLS certificate or handshake was refused", False
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            reason, sent = "the forward proxy refused or could not be reached", False
        case aiohttp.ClientConnectorDNSError():
            reason, sent = "the host name could not be resolved", False
        case aiohttp.ClientConnectorError():
            reason, sent = "the connection could not be established", False
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            reason, sent = "the address is not a valid URL", False
        case _TooMuch():
            reason = "the response is too large"
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            reason = "the response is not valid HTTP"
        case _:
            reason = "the connection was closed before the response was complete"
    return UpstreamError(target.system, target.interface, reason, sent=sent)


def _too_slow(limit: float) -> Message:
    return Message("Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": limit})
