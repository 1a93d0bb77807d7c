"""The deadlines of calls: cheaper than asyncio.timeout, which does more, and just as careful. Bench: send."""

import asyncio
import math
from types import TracebackType
from typing import Any

ANSWER_SECONDS = 0.25
"""The seconds that a component that noticed its deadline itself has left, to answer what it did until then."""

HELD_UP_SECONDS = 0.1
EARLY_SECONDS = 0.001
"""The seconds that a timer may ring too early."""
LATE_SECONDS = 0.01


class Deadlines:
    """A watch over calls that all have the same time. The first to come is the first due, so one timer serves all.

    It is set for who was first when it was set. When it rings and that one has long gone, it is set again for who is
    first by then: at most one timer rings in the time that a call has, however many calls there are.
    """

    __slots__ = ("_seconds", "_timer", "_waiting")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def of(self, task: "asyncio.Task[Any]") -> "Deadline":
        """Return a deadline of this task, which is the one that runs, from now on. It must be used at once."""
        loop = asyncio.get_running_loop()
        deadline = Deadline(task, loop.time() + self._seconds, self._waiting)
        self._waiting[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.when, self._ring)
        return deadline

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting:
            first = next(iter(self._waiting))
            if first.when > now:
                self._timer = loop.call_at(first.when, self._ring)
                return
            del self._waiting[first]
            if now - first.when < HELD_UP_SECONDS:
                first.cut()
            else:  # the event loop was held up: what runs inside has not heard either that its own time is over
                first.spare(loop)


class Timeouts:
    """A watch over tasks with different times, all with one timer: it is set again when a shorter time comes."""

    __slots__ = ("_rings_at", "_timer", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def after(self, seconds: float) -> "Deadline":
        """Return a deadline of the task that runs, so many seconds from now. It must be used at once."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - whoever has a deadline runs in a task
        deadline = Deadline(task, loop.time() + seconds, self._waiting)
        self._waiting[deadline] = None
        if deadline.when < self._rings_at:
            self._set(loop, deadline.when)
        return deadline

    def _set(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = when
        self._timer = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer, self._rings_at = None, math.inf
        for deadline in [each for each in self._waiting if each.when <= now + EARLY_SECONDS]:
            del self._waiting[deadline]
            deadline.cut()
        if self._waiting:
            # Not at once again: thousands may wait, and all of them are looked at.
            self._set(loop, max(min(each.when for each in self._waiting), now + LATE_SECONDS))


class Deadline:
    """`with deadline:` cancels the task at `when` (loop time); that comes out as TimeoutError.

    `over` tells a TimeoutError of the deadline from one that arose inside.
    """

    __slots__ = ("_before", "_task", "_waiting", "over", "when")

    def __init__(self, task: "asyncio.Task[Any]", when: float, waiting: "dict[Deadline, None]") -> None:
        self._task = task
        self._before = task.cancelling()
        self._waiting = waiting
        self.when = when
        self.over = False

    def __enter__(self) -> "Deadline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.over:
            del self._waiting[self]
            return
        # Somebody else may have cancelled the task too: then it stays cancelled.
        if self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def cut(self) -> None:
        self.over = True
        self._task.cancel()

    def has_passed(self) -> bool:
        """Return whether a TimeoutError is this deadline's, or one of a limit inside that is no sooner."""
        return self.over or asyncio.get_running_loop().time() >= self.when

    def spare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cut the task a little later, unless it has ended by then."""
        self._waiting = {self: None}
        loop.call_later(ANSWER_SECONDS, self._cut_at_last)

    def _cut_at_last(self) -> None:
        if self._waiting.pop(self, self) is None:
            self.cut()
