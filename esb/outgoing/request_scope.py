"""The scope of one request to an upstream: its target, its time, and what its failure means to the caller."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from multidict import CIMultiDict

from esb.core import json_codec
from esb.core.call import Call
from esb.core.errors import Message, Unreachable, UpstreamError
from esb.core.events import Observer
from esb.outgoing.bulkhead import Bulkhead
from esb.outgoing.engine import (
    ExchangeError,
    HeadBounds,
    NoConnection,
    OutOfTime,
    Request,
    StreamedAnswer,
    Target,
    Tls,
    connect_seconds,
)
from esb.outgoing.request_report import RequestReport

SECONDS_WITHOUT_CALL = 10.0


class RequestScope(RequestReport):
    """`with`: one request to an upstream, reported at its end. `seconds` are left of the limit that it has."""

    __slots__ = ("_limit", "deadline", "seconds")

    def __init__(self, observer: Observer, call: Call | None, target: Target, timeout: float | None) -> None:
        RequestReport.__init__(self, observer, call, target)  # super() takes longer; bench: send
        now = asyncio.get_running_loop().time()
        if call is None:
            self._limit = self.seconds = SECONDS_WITHOUT_CALL if timeout is None else timeout
        else:
            self._limit, self.seconds = call.timeout, call.deadline - now
            if timeout is not None and timeout < self.seconds:
                self._limit = self.seconds = timeout
        self.deadline = now + self.seconds

    def content(self, headers: Mapping[str, str], body: Any) -> tuple[Mapping[str, str], bytes | None]:
        """Return headers, with those that travel with the call, and body. UpstreamError if it is too late."""
        if self.seconds <= 0:
            raise self.out_of_time(sent=False)
        if body is not None and type(body) is not bytes:
            body = json_codec.encode(body)
            headers = {"Content-Type": "application/json", **headers}
        if self.call is not None:
            headers = {**headers, **self.call.headers} if headers else self.call.headers
        return headers, body

    def streaming(
        self,
        method: str,
        url: str,
        body: "bytes | Upload | None",
        headers: Mapping[str, str],
        tls: Tls | None,
        guarded: bool,
        bounds: HeadBounds,
    ) -> Request:
        """Return the request as it is; a header may stand in it several times. UpstreamError if it is too late."""
        if self.seconds <= 0:
            raise self.out_of_time(sent=False)
        own = CIMultiDict(headers)
        if self.call is not None:
            own.update(self.call.headers)
        if isinstance(body, bytes):
            own.popall("Content-Length", None)  # whatever somebody says: the engine counts
        return Request(method, url, own, body, connect_seconds(self.seconds), guarded, tls, bounds)

    async def wait(self, bulkhead: Bulkhead) -> None:
        """Wait until the bulkhead has room. `seconds` are those that are left then."""
        await bulkhead.wait(self.call, self.deadline)
        self.seconds = self.deadline - asyncio.get_running_loop().time()

    def failure(self, error: ExchangeError) -> UpstreamError:
        """Return the error for the caller of a request that an engine failed to exchange."""
        if isinstance(error, OutOfTime):
            return self.out_of_time()
        system, interface = self.target.system, self.target.interface
        if isinstance(error, NoConnection):
            return Unreachable(system, interface, error.reason, sent=False, transient=True)
        return UpstreamError(system, interface, error.reason, sent=error.sent)

    def out_of_time(self, *, sent: bool = True) -> UpstreamError:
        return self._too_slow(self._limit, sent=sent)

    def _too_slow(self, seconds: float, *, sent: bool = True) -> UpstreamError:
        # More time may do, whether or not the request was sent.
        return UpstreamError(self.target.system, self.target.interface, too_slow(seconds), sent=sent, transient=True)

    async def chunks(self, streamed: StreamedAnswer, idle: float) -> AsyncIterator[bytes]:
        """Yield the body of this answer, `idle` seconds at most between two chunks."""
        pieces = streamed.chunks()
        while True:
            try:
                async with asyncio.timeout(idle):
                    chunk = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                failure = self._too_slow(idle)
            except ExchangeError as error:
                failure = self.failure(error)
            else:
                yield chunk
                continue
            raise failure


class Upload:
    """A body that is read while it is sent. `error`: the exception that reading it failed with."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self.error: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.error = error
            raise


def too_slow(limit: float) -> Message:
    """Return the reason of an error when this many seconds were not enough."""
    return Message("Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": limit})
