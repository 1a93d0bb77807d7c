"""Admission: what strangers may use of the gateway, and what each app, so that nobody crowds the others out.

Bytes of requests have one budget, `server.max_buffered`. A quarter of it is for callers who are not known yet, and of
that a quarter for what is small: so a small body finds room however many large ones come. Calls count as soon as their
app is known. Of bytes and calls every app, and of strangers' bytes every address, has a fair share.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from esb.contracts.middleware import Handler
from esb.core.call import Call, Record
from esb.core.errors import BadBody, EsbError, Limited
from esb.core.events import Observer
from esb.core.reasons import Reason
from esb.incoming.arrivals import Arrivals, Arriving
from esb.incoming.fair_shares import FairShares
from esb.incoming.memory_trim import CONNECTION_BYTES, MemoryTrim
from esb.incoming.refusals import Refusals

SMALL = 64 * 1024
"""Bytes of a head or a body that count as small."""
STRANGERS = 4
"""One in so many bytes of the budget is for strangers, and of those one in so many for what is small."""
HEAD_SECONDS = 20.0
"""Seconds in which a head that has begun must be whole."""
BODY_SECONDS = 10.0
"""Seconds for which a stranger's body may come as slowly as it likes: mobile networks stall."""
BODY_RATE = 1024
"""Bytes that must come of it in each second after those, on the average."""
RETRY_SECONDS = 1.0
"""Seconds after which to come again: most calls are over by then."""


@dataclass(frozen=True, slots=True)
class Load:
    """Connections of a process now, and requests on their way over them; `buffered` are the bytes that it holds."""

    connections: int = 0
    heads: int = 0
    bodies: int = 0
    buffered: int = 0


class Admission:
    """The bounds of one process, for all generations. `calls` are the calls in flight whose app is known.

    `connections` is the number of open ones, told by whoever accepts them.
    """

    def __init__(self, max_buffered: int, max_in_flight: int, observer: Observer) -> None:
        strangers = max_buffered // STRANGERS
        self.refusals = Refusals(observer)
        self.calls = FairShares(max_in_flight)
        self.known = FairShares(max_buffered - strangers)
        self.large = FairShares(strangers - strangers // STRANGERS)
        self.small = FairShares(strangers // STRANGERS)
        self.heads = Arrivals(HEAD_SECONDS, math.inf)
        self.bodies = Arrivals(BODY_SECONDS, BODY_RATE)
        self.connections = 0
        self._memory = MemoryTrim()

    @property
    def buffered(self) -> int:
        """The bytes that are held now."""
        return self.known.taken + self.large.taken + self.small.taken

    def load(self) -> Load:
        """Return what there is now."""
        return Load(self.connections, len(self.heads), len(self.bodies), self.buffered)

    def changed(self) -> None:
        """Note that a connection has come or gone, or bytes."""
        self._memory.note(self.buffered + self.connections * CONNECTION_BYTES)

    def strangers(self, calls: int) -> int:
        """Return how many of so many calls are of callers not yet known. Those whose bodies are on their way have
        bounds of their own, and are none of them."""
        return calls - self.calls.taken - len(self.bodies)

    def admitting(self, handler: Handler) -> Handler:
        """Return a handler that counts a call before it handles it. Each of its callers is known. Bench: send."""
        calls, admit = self.calls, self.admit

        def admitted(call: Call) -> Awaitable[Any]:
            app, record = call.app, call.record
            if record.admitted is None:
                code = "" if app is None else app.code
                if record.held is None and calls.take(code, 1):
                    record.admitted = code
                else:
                    admit(record, code)
            return handler(call)

        return admitted

    def admit(self, record: Record, app: str) -> None:
        """Count a call and its bytes as this app's ("": it has none) until `release`. Limited if there are too many."""
        if record.held is not None:
            record.held.known_as(app)
        if self.calls.take(app, 1):
            record.admitted = app
            return
        if self.calls.taken >= self.calls.most:
            raise self.too_many()
        raise self.refusal(
            "app_share",
            Limited(
                "The app has too many calls in flight, others need room too, please try again later",
                retry_after=RETRY_SECONDS,
                call_reason=Reason.OVERLOADED,
            ),
        )

    def release(self, record: Record) -> None:
        """Count the call of this record no more, nor its bytes."""
        if record.admitted is not None:
            self.calls.give_back(record.admitted, 1)
        if record.held is not None:
            record.held.close()

    def refusal(self, reason: str, error: EsbError) -> EsbError:
        """Count a refusal, and return its error."""
        self.refusals.count(reason)
        return error

    def too_many(self) -> EsbError:
        """Return the refusal of a call beyond `server.max_in_flight`."""
        return self.refusal(
            "in_flight",
            Limited(
                "The gateway has too many calls in flight, please try again later",
                retry_after=RETRY_SECONDS,
                call_reason=Reason.OVERLOADED,
            ),
        )

    def no_room(self) -> EsbError:
        """Return the refusal of bytes beyond `server.max_buffered`."""
        return self.refusal(
            "buffered",
            Limited(
                "The gateway holds too many request bodies, please try again later",
                retry_after=RETRY_SECONDS,
                call_reason=Reason.OVERLOADED,
            ),
        )


class ArrivingBytes(Arriving):
    """Bytes of one request, counted in the budget while they are on their way, and until they are let go."""

    __slots__ = ("_admission", "_holder", "_pool")

    def __init__(self, admission: Admission, address: str) -> None:
        super().__init__(address)
        self._admission = admission
        self._holder = address
        self._pool = admission.small

    def add(self, amount: int) -> None:
        """Count so many bytes more; Limited if there is no room for them."""
        size = self.size + amount
        if size > SMALL and self._pool is self._admission.small:
            self._move(self._admission.large, self._holder)
        if not self._pool.take(self._holder, amount):
            raise self._admission.no_room()
        self.size = size

    def close(self) -> None:
        """Count these bytes no more."""
        if self.size:
            self._admission.changed()
            self._pool.give_back(self._holder, self.size)
            self.size = 0
            self._admission.changed()

    def _move(self, pool: FairShares, holder: str) -> None:
        if self.size:
            if not pool.take(holder, self.size):
                raise self._admission.no_room()
            self._pool.give_back(self._holder, self.size)
        self._pool, self._holder = pool, holder


class ArrivingHead(ArrivingBytes):
    """A head of which only a part has come. `close_connection` ends its connection, unanswered: nobody knows yet
    whether it is HTTP."""

    __slots__ = ("_close_connection",)

    def __init__(self, admission: Admission, address: str, close_connection: Callable[[], None]) -> None:
        super().__init__(admission, address)
        self._close_connection = close_connection
        admission.heads.begin(self)

    def cut(self, *, slow: bool) -> None:
        self._admission.heads.end(self)
        self._admission.refusals.count("slow_heads" if slow else "heads")
        self._close_connection()

    def end(self) -> None:
        """Count it no more: it is whole, or its connection has ended."""
        self._admission.heads.end(self)
        self.close()


class ArrivingBody(ArrivingBytes):
    """A body that the current task reads inside of `with`. It is watched there, and cut off by an error raised there.

    One of an app whose headers have proven it is not watched: `known_as` before entering.
    """

    __slots__ = ("_before", "_refusal", "_task")

    def __init__(self, admission: Admission, address: str) -> None:
        super().__init__(admission, address)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp runs every handler in a task
        self._task = task
        self._before = task.cancelling()
        self._refusal: EsbError | None = None

    def __enter__(self) -> Self:
        if self._pool is not self._admission.known:
            self._admission.bodies.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.bodies.end(self)
        if self._refusal is not None and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise self._refusal from None

    def known_as(self, app: str) -> None:
        self._move(self._admission.known, app)

    def cut(self, *, slow: bool) -> None:
        self._admission.bodies.end(self)
        self._refusal = self._too_slow() if slow else self._no_slot()
        self._task.cancel()

    def _no_slot(self) -> EsbError:
        return self._admission.refusal(
            "bodies",
            Limited(
                "Too many request bodies are on their way from this address, please try again later",
                retry_after=RETRY_SECONDS,
                call_reason=Reason.OVERLOADED,
            ),
        )

    def _too_slow(self) -> EsbError:
        return self._admission.refusal(
            "slow_bodies",
            BadBody(
                "Parameters error, the request body comes too slowly, it needs {rate} bytes a second", rate=BODY_RATE
            ),
        )
