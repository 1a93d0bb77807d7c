"""A lane for each credential: however many of its requests hang, those of other credentials find their way.

A lane that the upstream calls too busy is narrowed for some seconds, and what is over then waits its turn.
"""

import asyncio
from collections import OrderedDict, deque
from types import TracebackType

from esb.clock import Clock
from esb.errors import Limited

NARROW_SECONDS = 5.0
SHARE = 0.8
"""How much of the room for one upstream a single credential may take: the rest is for the others."""


class Lane:
    """Counts the requests of one credential that are under way."""

    def __init__(self, clock: Clock, width: int) -> None:
        self._clock = clock
        self.width = width
        self._narrow = width
        self._narrow_until = 0.0
        self._turns: deque[asyncio.Future[None]] = deque()
        self.under_way = 0

    def turn(self, deadline: float | None = None) -> "Turn":
        """One request's time on the lane. Limited if the lane is full; waits while it is narrowed, until `deadline`."""
        return Turn(self, deadline)

    def narrow(self) -> None:
        """Half as many requests at once, for some seconds: the upstream says that they are too many."""
        self._narrow = max(1, self.under_way // 2)
        self._narrow_until = self._clock() + NARROW_SECONDS

    @property
    def waiting(self) -> int:
        return sum(not turn.cancelled() for turn in self._turns)

    async def enter(self, deadline: float | None) -> None:
        """Who has entered has to leave."""
        if self.under_way + len(self._turns) >= self.width:
            raise _full()
        if not self._turns and self.under_way < self._open():
            self.under_way += 1
            return
        try:
            async with asyncio.timeout_at(deadline):
                await self._wait()
        except TimeoutError:
            raise _full() from None

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(turn)
        try:
            await turn  # whoever gives the turn counts it, so that nobody slips in before
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.leave()  # it came all the same: hand it on
            raise

    def leave(self) -> None:
        """Gives the turn to who waits for one."""
        self.under_way -= 1
        while self._turns and self.under_way < self._open():
            turn = self._turns.popleft()
            if not turn.cancelled():
                self.under_way += 1
                turn.set_result(None)

    def _open(self) -> int:
        return self.width if self._clock() >= self._narrow_until else self._narrow


class Turn:
    """`async with`: on the lane from its start to its end."""

    __slots__ = ("_deadline", "_lane")

    def __init__(self, lane: Lane, deadline: float | None) -> None:
        self._lane = lane
        self._deadline = deadline

    async def __aenter__(self) -> None:
        await self._lane.enter(self._deadline)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lane.leave()


class Lanes:
    """The lanes of a process, by credential. Bounded: of those nobody is on, the one used least recently goes first."""

    def __init__(self, clock: Clock, room: int, size: int = 10_000) -> None:
        """`room`: how many requests one upstream gets at once."""
        self._clock = clock
        self._width = _width(room)
        self._size = size
        self._lanes: OrderedDict[str, Lane] = OrderedDict()

    def resize(self, room: int) -> None:
        """Other lanes for the same credentials. Nobody is turned out; those who wait go as soon as there is room."""
        self._width = _width(room)
        for lane in self._lanes.values():
            lane.width = self._width

    def of(self, credential: str) -> Lane:
        lane = self._lanes.get(credential)
        if lane is None:
            lane = self._lanes[credential] = Lane(self._clock, self._width)
            if len(self._lanes) > self._size:
                self._drop_idle()
        self._lanes.move_to_end(credential)
        return lane

    def _drop_idle(self) -> None:
        for credential, lane in self._lanes.items():
            if not lane.under_way and not lane.waiting:
                del self._lanes[credential]
                return


def _width(room: int) -> int:
    return max(1, int(room * SHARE))


def _full() -> Limited:
    return Limited("Too many calls with this credential are under way, please try again later", retry_after=1.0)
