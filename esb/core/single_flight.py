"""One question at a time: all who ask the same at once share the answer, and a remembered one saves the next."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from cachetools import TTLCache

from esb.core.errors import EsbError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


class SingleFlight(Generic[K, V]):
    """One task a key: whoever comes while it runs waits for it. A waiter who leaves does not cancel it."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[V]] = {}

    def start(self, key: K, ask: Callable[[], Awaitable[V]]) -> "asyncio.Task[V]":
        """Return the task that answers this key now, or start one. No await between looking and inserting."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(_answer(ask))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    async def run(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        return await asyncio.shield(self.start(key, ask))

    async def close(self) -> None:
        """Cancel what is still running and wait until it has ended."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: K, done: "asyncio.Task[V]") -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            done.exception()  # all waiters may have left; the error has been reported by an event where it arose


async def _answer(ask: Callable[[], Awaitable[V]]) -> V:
    return await ask()


class Lookup(Generic[K, V]):
    """A bounded memory before a remote question: answers are kept for `ttl` seconds, refusals for `refusal_ttl`.

    A refusal is an error of the class `refusal`, raised by the question; other errors are not kept.
    """

    def __init__(
        self,
        *,
        ttl: float,
        refusal: type[EsbError],
        refusal_ttl: float,
        clock: Callable[[], float],
        size: int = 2000,
    ) -> None:
        self._refusal = refusal
        self._answers: TTLCache[K, V] = TTLCache(size, ttl, timer=clock)
        self._refusals: TTLCache[K, EsbError] = TTLCache(size, refusal_ttl, timer=clock)
        self._flight: SingleFlight[K, V] = SingleFlight()

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the remembered answer, or what `ask` says now. Raises what it raises."""
        try:
            return self._answers[key]
        except KeyError:
            pass
        if (refused := self._refusals.get(key)) is not None:
            raise refused.with_traceback(None)  # raised many times; a kept traceback would grow
        return await self._flight.run(key, lambda: self._ask(key, ask))

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        try:
            answer = await ask()
        except self._refusal as refused:
            self._refusals[key] = refused
            raise
        self._answers[key] = answer
        return answer

    async def close(self) -> None:
        await self._flight.close()


async def fan_out(ask: Callable[[T], Awaitable[V]], items: Sequence[T], limit: int) -> list[V]:
    """Await `ask(item)` for every item, at most `limit` at once; return the answers in the order of the items.

    The first error cancels what is under way and is raised as it is.
    """
    if len(items) == 1:
        return [await ask(items[0])]
    answers: dict[int, V] = {}
    waiting = iter(enumerate(items))

    async def work() -> None:
        for index, item in waiting:
            answers[index] = await ask(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(items))):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [answers[index] for index in range(len(items))]
