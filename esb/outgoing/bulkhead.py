"""Bulkheads: bounds on the requests under way, so that those of one credential that hang do not hold up the others.

Whoever finds its bulkhead full is refused at once, unless another request of the same call is inside: a call that has
begun waits its turn. A bulkhead that the upstream calls too busy is narrowed for some seconds; what is over waits, too.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from esb.core.clock import Clock
from esb.core.errors import Limited, template

NARROW_SECONDS = 5.0
SHARE = 0.8
"""The part of the room for one upstream that a single credential may take: the rest is for the others."""
FULL = template("Too many calls with this credential are under way, please try again later")


class Bulkhead:
    """A bound on the requests that are under way at once. `refusal` is the text of the error when there are too many.

    Whoever `enters`, or else comes back from `wait`, has to `leave`. These are plain steps and no context manager:
    every request takes them, twice. Bench: send.
    """

    def __init__(self, clock: Callable[[], float], width: int, refusal: str = FULL) -> None:
        self._clock = clock
        self._width = self._open = width
        self._refusal = refusal
        self._narrow_until = 0.0
        self._turns: deque[asyncio.Future[None]] = deque()
        self._calls: dict[str, int] = {}
        self.under_way = 0

    @property
    def width(self) -> int:
        """The number that may be inside when all is well."""
        return self._width

    @width.setter
    def width(self, width: int) -> None:
        self._open = width if self._open == self._width else min(self._open, width)
        self._width = width

    def narrow(self) -> None:
        """Let half as many in, for some seconds: the upstream says that they are too many."""
        self._open = min(max(1, self.under_way // 2), self._width)
        self._narrow_until = self._clock() + NARROW_SECONDS

    @property
    def waiting(self) -> int:
        return sum(not turn.cancelled() for turn in self._turns)

    @property
    def is_idle(self) -> bool:
        """True if nobody is inside, and nobody waits."""
        return not self._calls

    def enters(self, call: str) -> bool:
        """Let a request of this call ("": of none) in if there is room at once, and return so; else it may `wait`."""
        if self._turns or (self.under_way >= self._open and not self._has_room()):
            return False
        self.under_way += 1
        if call in self._calls:
            self._calls[call] += 1
        else:
            self._calls[call] = 1
        return True

    async def wait(self, call: str, deadline: float | None) -> None:
        """Wait until there is room. Limited: at once for a call that has nothing inside yet, or at the `deadline`."""
        if self.under_way + len(self._turns) >= self._width and not (call and call in self._calls):
            raise self._full()
        self._calls[call] = self._calls.get(call, 0) + 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._come_up()
        except TimeoutError:
            self._forget(call)
            raise self._full() from None
        except BaseException:
            self._forget(call)
            raise

    async def _come_up(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn  # whoever gives the turn counts it, so that nobody slips in before
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._next()  # it came all the same: hand it on
            raise

    def leave(self, call: str) -> None:
        """Let a request out, and in its place one that waits."""
        if self._calls[call] == 1:
            del self._calls[call]
        else:
            self._calls[call] -= 1
        if self._turns:
            self._next()
        else:
            self.under_way -= 1

    def _next(self) -> None:
        self.under_way -= 1
        while self._turns and self._has_room():
            turn = self._turns.popleft()
            if not turn.cancelled():
                self.under_way += 1
                turn.set_result(None)

    def _forget(self, call: str) -> None:
        if self._calls[call] == 1:
            del self._calls[call]
        else:
            self._calls[call] -= 1

    def _has_room(self) -> bool:
        """Return whether one more may be under way; a bulkhead is narrow for a time only."""
        if self._clock() >= self._narrow_until:
            self._open = self._width
        return self.under_way < self._open

    def _full(self) -> Limited:
        return Limited(self._refusal, retry_after=1.0)


class Bulkheads:
    """The bulkheads of a process, by credential. Bounded: of the idle ones that used least recently goes first."""

    def __init__(self, clock: Clock, room: int, size: int = 10_000) -> None:
        """`room`: the number of requests that one upstream gets at once."""
        self._clock = clock
        self._width = _width(room)
        self._size = size
        self._bulkheads: OrderedDict[str, Bulkhead] = OrderedDict()

    def resize(self, room: int) -> None:
        """Give each bulkhead this room. Nobody is turned out; those who wait go as soon as there is room."""
        self._width = _width(room)
        for bulkhead in self._bulkheads.values():
            bulkhead.width = self._width

    def of(self, credential: str) -> Bulkhead:
        bulkhead = self._bulkheads.get(credential)
        if bulkhead is None:
            bulkhead = self._bulkheads[credential] = Bulkhead(self._clock, self._width)
            if len(self._bulkheads) > self._size:
                self._drop_idle()
        self._bulkheads.move_to_end(credential)
        return bulkhead

    def _drop_idle(self) -> None:
        for credential, bulkhead in self._bulkheads.items():
            if bulkhead.is_idle:
                del self._bulkheads[credential]
                return


def _width(room: int) -> int:
    return max(1, int(room * SHARE))
