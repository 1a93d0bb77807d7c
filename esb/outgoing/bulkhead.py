"""Bulkheads: bounds on the requests under way, so that those of one credential that hang do not hold up the others.

Whoever finds its bulkhead full is refused at once, unless another request of the same call is inside: a call that has
begun waits its turn. So does any call while several apps want to get in, since turns go to the app with the fewest
inside: no app takes all of a bulkhead. One that the upstream calls too busy is narrowed for some seconds; what is over
waits, too.

What a caller says of itself counts for nothing here: an app is known by its proven code (before, by the address that it
comes from), a call by its record.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from esb.core.call import Call, Record
from esb.core.clock import Clock
from esb.core.errors import Limited, template

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
        self._turns: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """App -> its turns in their order; the app that was given one least recently first."""
        self._calls: dict[Record | None, int] = {}
        """Call -> its requests inside or waiting."""
        self._apps: dict[str, int] = {}
        """App -> its requests inside."""
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
        return sum(not turn.cancelled() for turns in self._turns.values() for turn in turns)

    @property
    def is_idle(self) -> bool:
        """True if nobody is inside, and nobody waits."""
        return not self._calls

    def enters(self, call: Call | None) -> bool:
        """Let a request of this call (None: of none) in if there is room at once, and return so; else it may `wait`."""
        if self._turns or (self.under_way >= self._open and not self._has_room()):
            return False
        self.under_way += 1
        calls, apps = self._calls, self._apps
        if call is None or call.app is None:
            record, app = _identity(call)
        else:  # nearly always
            record, app = call.record, call.app.code
        calls[record] = calls[record] + 1 if record in calls else 1
        apps[app] = apps[app] + 1 if app in apps else 1
        return True

    async def wait(self, call: Call | None, deadline: float | None) -> None:
        """Wait until there is room. Limited: at the `deadline`, or at once for a call that may not wait."""
        record, app = _identity(call)
        if not self._may_wait(record, app):
            raise self._full()
        self._calls[record] = self._calls.get(record, 0) + 1
        try:
            async with asyncio.timeout_at(deadline):
                await self._come_up(app)
        except TimeoutError:
            self._forget(record)
            raise self._full() from None
        except BaseException:
            self._forget(record)
            raise

    def _may_wait(self, record: Record | None, app: str) -> bool:
        if self._patient or self.under_way + sum(map(len, self._turns.values())) < self._width:
            return True
        if record is not None and record in self._calls:
            return True
        several = not (self._apps.keys() <= {app} and self._turns.keys() <= {app})
        return several and len(self._turns.get(app, ())) < MOST_WAITING

    async def _come_up(self, app: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.setdefault(app, deque()).append(turn)
        try:
            await turn  # whoever gives the turn counts it, so that nobody slips in before
        except asyncio.CancelledError:
            if turn.cancelled():
                self._withdraw(app, turn)
            else:
                self._out(app)  # it came all the same: hand it on
            raise

    def _withdraw(self, app: str, turn: "asyncio.Future[None]") -> None:
        """Take a turn back that nobody waits for any more, unless it has been passed over already."""
        turns = self._turns.get(app)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._turns[app]

    def leave(self, call: Call | None) -> None:
        """Let a request out, and in its place one that waits."""
        if call is None or call.app is None:
            record, app = _identity(call)
        else:
            record, app = call.record, call.app.code
        self._forget(record)
        self._out(app)

    def _forget(self, record: Record | None) -> None:
        calls = self._calls
        if calls[record] == 1:
            del calls[record]
        else:
            calls[record] -= 1

    def _out(self, app: str) -> None:
        """Count one of this app less, and let in those whose turn it is."""
        apps = self._apps
        if apps[app] == 1:
            del apps[app]
        else:
            apps[app] -= 1
        self.under_way -= 1
        while self._turns and self._has_room():
            following = min(self._turns, key=lambda waiting: self._apps.get(waiting, 0))
            turns = self._turns.pop(following)
            turn = turns.popleft()
            if turns:
                self._turns[following] = turns  # behind the others
            if not turn.cancelled():
                self.under_way += 1
                self._apps[following] = self._apps.get(following, 0) + 1
                turn.set_result(None)

    def _has_room(self) -> bool:
        """Return whether one more may be under way; a bulkhead is narrow for a time only."""
        if self._clock() >= self._narrow_until:
            self._open = self._width
        return self.under_way < self._open

    def _full(self) -> Limited:
        return Limited(self._refusal, retry_after=1.0)


def _identity(call: Call | None) -> tuple[Record | None, str]:
    """Return the record of a call, which no other call has, and its app: by code, or by address until then."""
    if call is None:
        return None, ""
    return call.record, f"@{call.client_ip}" if call.app is None else call.app.code


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
