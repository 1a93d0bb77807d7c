"""Bulkheads: bounds on the requests under way, so that those of one credential that hang do not hold up the others.

Whoever finds its bulkhead full is refused at once, unless another request of the same call is inside: a call that has
begun waits its turn. So does any call while several apps want to get in, since turns go to the app with the fewest
inside: no app takes all of a bulkhead. One that the upstream calls too busy is narrowed for some seconds; what is over
waits, too.

What a caller says of itself counts for nothing here: an app is known by its proven code (before, by the site that it
comes from), a call by its record.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from esb.core.call import Call, Record
from esb.core.client_sites import site_of
from esb.core.clock import Clock
from esb.core.errors import Limited, template
from esb.core.reasons import Reason

NARROW_SECONDS = 5.0
SHARE = 0.8
"""The part of the room for one upstream that a single credential may take: the rest is for the others."""
MOST_WAITING = 100
"""The most calls of one app that wait although they have nothing inside yet: each is a call in flight meanwhile."""
FULL = template("Too many calls with this credential are under way, please try again later")


class Bulkhead:
    """A bound on the requests that are under way at once. `refusal` is the text of the error when there are too many.

    A `patient` one refuses nobody at once: all wait, and the apps take turns.
    Whoever `enters`, or else comes back from `wait`, has to `leave`. These are plain steps and no context manager:
    every request takes them, twice. Bench: send.
    """

    def __init__(self, clock: Callable[[], float], width: int, refusal: str = FULL, *, patient: bool = False) -> None:
        self._clock = clock
        self._patient = patient
        self._width = self._open = width
        self._refusal = refusal
        self._narrow_until = 0.0
        self._turns: OrderedDict[str, deque[_Turn]] = OrderedDict()
        """App -> its turns in their order; the app that was given one least recently first."""
        self._inside: dict[Record | None, Call | None] = {}
        """The calls with a request inside, by record."""
        self._more: dict[Record | None, int] = {}
        """Call -> its requests inside besides the first: hardly any call has two at once."""
        self._waiting: Counter[Record | None] = Counter()
        """Call -> its requests that wait."""
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
        return sum(not turn.given.cancelled() for turns in self._turns.values() for turn in turns)

    @property
    def is_idle(self) -> bool:
        """True if nobody is inside, and nobody waits."""
        return not self._inside and not self._waiting

    def enters(self, call: Call | None) -> bool:
        """Let a request of this call (None: of none) in if there is room at once, and return so; else it may `wait`."""
        if self._turns or (self.under_way >= self._open and not self._has_room()):
            return False
        self.under_way += 1  # as _count has it, without two more calls for every request
        record = None if call is None else call.record
        if record in self._inside:
            self._more[record] = self._more.get(record, 0) + 1
        else:
            self._inside[record] = call
        return True

    async def wait(self, call: Call | None, deadline: float | None) -> None:
        """Wait until there is room. Limited: at the `deadline`, or at once for a call that may not wait."""
        record = None if call is None else call.record
        if not self._may_wait(record, _app_of(call)):
            raise self._full()
        self._waiting[record] += 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._come_up(call)
        except TimeoutError:
            raise self._full() from None
        finally:
            self._waiting[record] -= 1
            if not self._waiting[record]:
                del self._waiting[record]

    def _may_wait(self, record: Record | None, app: str) -> bool:
        if self._patient or self.under_way + sum(map(len, self._turns.values())) < self._width:
            return True
        if record is not None and (record in self._inside or record in self._waiting):
            return True
        several = not (self._turns.keys() <= {app} and all(_app_of(call) == app for call in self._inside.values()))
        return several and len(self._turns.get(app, ())) < MOST_WAITING

    async def _come_up(self, call: Call | None) -> None:
        app, turn = _app_of(call), _Turn(call, asyncio.get_running_loop().create_future())
        self._turns.setdefault(app, deque()).append(turn)
        try:
            await turn.given  # whoever gives it counts the request as inside, so that nobody slips in before
        except asyncio.CancelledError:
            if turn.given.cancelled():
                self._withdraw(app, turn)
            else:
                self.leave(call)  # it came all the same: hand it on
            raise

    def _withdraw(self, app: str, turn: "_Turn") -> None:
        """Take a turn back that nobody waits for any more, unless it has been passed over already."""
        turns = self._turns.get(app)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._turns[app]

    def leave(self, call: Call | None) -> None:
        """Let a request out, and in its place one that waits."""
        record = None if call is None else call.record
        if self._more and record in self._more:
            self._more[record] -= 1
            if not self._more[record]:
                del self._more[record]
        else:
            del self._inside[record]
        self.under_way -= 1
        if self._turns:
            self._let_in()

    def _let_in(self) -> None:
        """Let in those whose turn it is: of the app with the fewest inside."""
        inside = Counter(map(_app_of, self._inside.values()))
        for record, number in self._more.items():
            inside[_app_of(self._inside[record])] += number
        while self._turns and self._has_room():
            following = min(self._turns, key=inside.__getitem__)
            turns = self._turns.pop(following)
            turn = turns.popleft()
            if turns:
                self._turns[following] = turns  # behind the others
            if not turn.given.cancelled():
                inside[following] += 1
                self._count(turn.call)
                turn.given.set_result(None)

    def _count(self, call: Call | None) -> None:
        """Count a request of this call as inside."""
        self.under_way += 1
        record = None if call is None else call.record
        if record in self._inside:
            self._more[record] = self._more.get(record, 0) + 1
        else:
            self._inside[record] = call

    def _has_room(self) -> bool:
        """Return whether one more may be under way; a bulkhead is narrow for a time only."""
        if self._clock() >= self._narrow_until:
            self._open = self._width
        return self.under_way < self._open

    def _full(self) -> Limited:
        return Limited(self._refusal, retry_after=1.0, call_reason=Reason.OVERLOADED)


class _Turn(NamedTuple):
    """A request that waits; `given` is done when it is let in."""

    call: Call | None
    given: "asyncio.Future[None]"


def _app_of(call: Call | None) -> str:
    """Return the app of a call: by code, or until that is known by the site of its address."""
    if call is None:
        return ""
    return f"@{site_of(call.client_ip)}" if call.app is None else call.app.code


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
