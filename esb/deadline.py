"""The deadlines of calls: cheaper than asyncio.timeout, which does more, and just as careful."""

import asyncio
from types import TracebackType
from typing import Any


class Deadlines:
    """Watches calls that all have the same time. Who came first is due first, so one timer serves them all.

    It is set for who was first when it was set. When it rings and that one has long gone, it is set again for who is
    first by then: at most one timer rings in the time that a call has, however many calls there are.
    """

    __slots__ = ("_loop", "_seconds", "_timer", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._waiting: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def of(self, task: "asyncio.Task[Any]") -> "Deadline":
        """The deadline of this task, which is the one that runs, from now on."""
        return Deadline(self, task, self._loop.time() + self._seconds)

    def add(self, deadline: "Deadline") -> None:
        self._waiting[deadline] = None
        if self._timer is None:
            self._timer = self._loop.call_at(deadline.when, self._ring)

    def remove(self, deadline: "Deadline") -> None:
        self._waiting.pop(deadline, None)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting:
            first = next(iter(self._waiting))
            if first.when > now:
                self._timer = self._loop.call_at(first.when, self._ring)
                return
            del self._waiting[first]
            first.cut()


class Deadline:
    """`with deadline:` cancels the task at `when` (loop time); that comes out as TimeoutError.

    `over` tells a TimeoutError of the deadline from one that arose inside.
    """

    __slots__ = ("_all", "_before", "_task", "over", "when")

    def __init__(self, every: Deadlines, task: "asyncio.Task[Any]", when: float) -> None:
        self._all = every
        self._task = task
        self._before = task.cancelling()
        self.when = when
        self.over = False

    def __enter__(self) -> "Deadline":
        self._all.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.over:
            self._all.remove(self)
            return
        # Somebody else may have cancelled the task too: then it stays cancelled.
        if self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def cut(self) -> None:
        self.over = True
        self._task.cancel()
