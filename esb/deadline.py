"""The one deadline of a call: cheaper than asyncio.timeout, which does more, and just as careful."""

import asyncio
from types import TracebackType
from typing import Any


class Deadline:
    """`with Deadline(task, loop, when):` cancels the task at `when` (loop time); that comes out as TimeoutError.

    `over` tells a TimeoutError of the deadline from one that arose inside.
    """

    __slots__ = ("_before", "_handle", "_task", "over")

    def __init__(self, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop, when: float) -> None:
        """`task` is the one that runs, on this loop."""
        self._task = task
        self._before = task.cancelling()
        self._handle = loop.call_at(when, self._cut)
        self.over = False

    def __enter__(self) -> "Deadline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if not self.over:
            return
        # Somebody else may have cancelled the task too: then it stays cancelled.
        if self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _cut(self) -> None:
        self.over = True
        self._task.cancel()
