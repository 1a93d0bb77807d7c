"""Work that is done again each time somebody asks for it: a signal, for example, sets an event."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def whenever(
    requested: asyncio.Event, work: Callable[[], Awaitable[object]], told: type[Exception]
) -> AsyncIterator[None]:
    """Do the work whenever this event is set, until the context is left; errors that are `told` already end nothing.

    Who asks while it is done has it done once more.
    """
    task = asyncio.create_task(_follow(requested, work, told))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(requested: asyncio.Event, work: Callable[[], Awaitable[object]], told: type[Exception]) -> None:
    while True:
        await requested.wait()
        requested.clear()
        with suppress(told):
            await work()
