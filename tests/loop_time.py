"""The event loop's own clock, moved by a test: deadlines pass without anybody waiting for them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

Advance = Callable[[float], None]


@contextmanager
def movable_loop_time() -> Iterator[Advance]:
    """What is yielded moves the running loop's time ahead. The fraction of the second starts at .25 for rounding."""
    loop = asyncio.get_running_loop()
    real = loop.time
    offset = 1.25 - real() % 1

    def advance(seconds: float) -> None:
        nonlocal offset
        offset += seconds

    with patch.object(loop, "time", lambda: real() + offset):
        yield advance
