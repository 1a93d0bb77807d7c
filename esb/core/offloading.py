"""Offloading to threads: work on what is large goes on beside the event loop, which everybody else waits for."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def offloaded(size: int, at_once: int, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Return what this work returns. It is done at once for a size up to `at_once` (bytes), else in a thread."""
    return work(*args, **options) if size <= at_once else await asyncio.to_thread(work, *args, **options)
