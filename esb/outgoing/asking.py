"""One question to an upstream: whom it is for, how long it may take, and what its failure means to the caller."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from multidict import CIMultiDict

from esb import codec
from esb.call import Call
from esb.errors import Message, Unreachable, UpstreamError
from esb.outgoing.exchange import Answering, ExchangeError, NoConnection, OutOfTime, Request, Target, Tls

CONNECT_SECONDS = 5.0
SECONDS_WITHOUT_CALL = 10.0


class Asking:
    """`seconds` are left of the limit that this question has."""

    __slots__ = ("_call", "_limit", "_target", "call_id", "deadline", "seconds")

    def __init__(self, call: Call | None, target: Target, timeout: float | None) -> None:
        self._call = call
        self.call_id = call.id if call is not None else ""
        self._target = target
        now = asyncio.get_running_loop().time()
        self._limit, self.seconds = _time_left(call, timeout, now)
        self.deadline = now + self.seconds
        if self.seconds <= 0:
            raise self.out_of_time(sent=False)

    def request(
        self,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        proxy: str | None,
        tls: Tls | None,
        guarded: bool,
    ) -> Request:
        """A request for a whole answer, with the headers that travel with the call."""
        if body is not None and not isinstance(body, bytes):
            body = codec.encode(body)
            headers = {"Content-Type": "application/json", **headers}
        if self._call is not None:
            headers = {**headers, **self._call.headers} if headers else self._call.headers
        return Request(
            method=method,
            url=url,
            headers=headers,
            body=body,
            connect=self._connect(),
            total=self.seconds,
            proxy=proxy,
            tls=tls,
            guarded=guarded,
        )

    def streaming(
        self,
        method: str,
        url: str,
        body: "bytes | Upload | None",
        headers: Mapping[str, str],
        tls: Tls | None,
        guarded: bool,
    ) -> Request:
        """A request as it is; the same header may stand in it several times."""
        own = CIMultiDict(headers)
        if self._call is not None:
            own.update(self._call.headers)
        return Request(
            method=method,
            url=url,
            headers=own,
            body=body,
            connect=self._connect(),
            tls=tls,
            guarded=guarded,
            as_is=True,
        )

    def _connect(self) -> float:
        # A little less than all: no doubt then which of the two ran out, and whether anything was sent.
        return min(CONNECT_SECONDS, 0.9 * self.seconds)

    def shorten(self, request: Request) -> None:
        """After a wait: the request has as long as is left."""
        self.seconds = self.deadline - asyncio.get_running_loop().time()
        request.connect = self._connect()
        if request.total is not None:
            request.total = self.seconds

    def failure(self, error: ExchangeError) -> UpstreamError:
        if isinstance(error, OutOfTime):
            return self.out_of_time()
        system, interface = self._target.system, self._target.interface
        if isinstance(error, NoConnection):
            return Unreachable(system, interface, error.reason, sent=False, transient=True)
        return UpstreamError(system, interface, error.reason, sent=error.sent)

    def out_of_time(self, *, sent: bool = True) -> UpstreamError:
        return self._too_slow(self._limit, sent=sent)

    def _too_slow(self, seconds: float, *, sent: bool = True) -> UpstreamError:
        # More time may do, whether or not the request was sent.
        return UpstreamError(self._target.system, self._target.interface, too_slow(seconds), sent=sent, transient=True)

    async def chunks(self, answering: Answering, idle: float) -> AsyncIterator[bytes]:
        """The body of this answer, `idle` seconds at most between two chunks."""
        pieces = answering.chunks()
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
    """A body that is read while it is sent. `error` is what reading it failed with."""

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


def _time_left(call: Call | None, timeout: float | None, now: float) -> tuple[float, float]:
    """The limit to name in an error, and the seconds that are left of it."""
    if call is None:
        limit = SECONDS_WITHOUT_CALL if timeout is None else timeout
        return limit, limit
    left = call.deadline - now
    if timeout is not None and timeout < left:
        return timeout, timeout
    return call.timeout, left


def too_slow(limit: float) -> Message:
    """What the caller is told when this many seconds were not enough."""
    return Message("Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": limit})
