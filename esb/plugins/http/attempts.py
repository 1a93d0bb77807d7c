"""Attempts until somebody answers: at another host when one cannot be reached, and again where that does no harm."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import count, islice
from typing import TypeVar

from esb.core.backoff import pauses
from esb.core.call import Call
from esb.core.clock import Clock
from esb.core.errors import Unreachable, UpstreamError
from esb.plugins.http.hosts import Hosts

T = TypeVar("T")
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
LEAST_SECONDS = 1.0
"""The seconds that a host has to have had before it counts as out of reach: a caller may have used up the others."""
PASSING = frozenset({502, 503, 504})
"""Statuses of an upstream that may do better in a moment."""


class Attempts:
    """The attempts of a component. A host out of reach was not asked, so the next one is, whatever the request does."""

    def __init__(self, hosts: Hosts, retries: int, clock: Clock) -> None:
        self._hosts = hosts
        self._retries = retries
        self._clock = clock

    async def answer(self, call: Call, ask: Callable[[Call, str], Awaitable[T]], *, repeatable: bool) -> T:
        """Return the answer of the first host that answers `ask`. UpstreamError of the last one if none does.

        `ask` gets the call as this attempt makes it, and the host.
        """
        made = count(1)
        for pause in islice(pauses(FIRST_PAUSE, LONGEST_PAUSE), self._retries if repeatable else 0):
            try:
                return await self._one_by_one(call, made, ask)
            except UpstreamError as error:
                if not _may_pass(error) or call.seconds_left <= pause:
                    raise
            await self._clock.sleep(pause)
        return await self._one_by_one(call, made, ask)

    async def _one_by_one(self, call: Call, made: Iterator[int], ask: Callable[[Call, str], Awaitable[T]]) -> T:
        *others, last = self._hosts.in_order()
        for host in others:
            try:
                return await self._ask(call, next(made), host, ask)
            except Unreachable:
                continue
        return await self._ask(call, next(made), last, ask)

    async def _ask(self, call: Call, attempt: int, host: str, ask: Callable[[Call, str], Awaitable[T]]) -> T:
        in_time = call.seconds_left >= LEAST_SECONDS
        try:
            answer = await ask(call if attempt == 1 else replace(call, attempt=attempt), host)
        except Unreachable:
            if in_time:
                self._hosts.failed(host)
            raise
        self._hosts.answered(host)
        return answer


def _may_pass(error: UpstreamError) -> bool:
    if error.http_status is not None:
        return error.http_status in PASSING
    return error.sent or isinstance(error, Unreachable)
