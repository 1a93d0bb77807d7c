"""What work costs: processor time of this thread alone, and memory."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SAMPLE = b"a" * 10_000_000
LOOKING = 0.0035
"""The seconds in which the machine that budgets are for looks at each byte of the sample once."""
STEPS = range(200_000)
STEPPING = 0.0025
"""The seconds in which it takes these steps, in Python. Who shares a core is slower here and not with the sample."""
TRIES = 10
"""The best of so many counts: the others share their processor with somebody."""


def affordable(work: Callable[[], object], most: float) -> bool:
    """Return True if one of a few tries takes no more seconds than `most`, on the machine that budgets are for."""
    return any(seconds(work, 1) <= most * slowness() for _ in range(TRIES))


def slowness() -> float:
    """Return how many times slower than the machine that budgets are for this one is by now, at least 1.

    By now: a machine that others use as well is not the same from one second to the next.
    """
    return max(1.0, seconds(lambda: SAMPLE.count(b"\x7f"), 1) / LOOKING, seconds(_step, 1) / STEPPING)


def _step() -> None:
    for _ in STEPS:
        pass


def seconds(work: Callable[[], object], tries: int) -> float:
    """Return the processor time of this thread for the work, at best."""
    times = []
    with uncollected():
        for _ in range(tries):
            started = time.thread_time()
            work()
            times.append(time.thread_time() - started)
    return min(times)


@contextmanager
def uncollected() -> Iterator[None]:
    """Let the garbage collector rest: its share grows with all that the tests of this process have left."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def high_water() -> int:
    """Return the most bytes that this process has had in memory."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def memory(work: Callable[[], None], *, resident: bool = False) -> int:
    """Return the most bytes that the work holds at once.

    `resident`: only those that it touches. orjson asks for twelve times the body, and writes to what it needs.
    """
    if resident:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark is what it is now
        before = high_water()
        work()
        return high_water() - before
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
