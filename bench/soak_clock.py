"""The soak's time: it goes on by itself, and leaps when nobody has anything to do but wait.

All that takes part runs in one event loop: gateway, sandbox and callers. If no connection has anything to say for a
moment, nothing can happen before the next timer rings; so that moment is now. Half of a minute's pauses and answers
that never come take no time then, and their order stays what it was.
"""

import asyncio
import selectors
import time
from typing import Any

MOMENT = 0.001
"""The seconds after which all that was written to a connection has been heard at its other end."""


class LeapingSelector(selectors.DefaultSelector):
    """A selector that waits for a moment only. `leapt`: the seconds of which it then acts as if they had passed."""

    leapt = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= MOMENT:
            return super().select(timeout)
        begun = time.monotonic()
        ready = super().select(MOMENT)
        if not ready:
            self.leapt += max(0.0, timeout - (time.monotonic() - begun))
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop that leaps. A thread's work takes no time in it."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return super().time() + self._leaping.leapt


class LoopClock:
    """The time of the loop that runs, for the gateway and for the sandbox."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun = time.time() - self._loop.time()

    def __call__(self) -> float:
        return self._loop.time()

    def since_1970(self) -> float:
        return self._begun + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
