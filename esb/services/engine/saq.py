"""deliveries.engine, use: saq: a queue of SAQ in Redis wakes one of the processes that deliver, on whatever machine.

Its jobs say no more than that there is work, and one at a time waits in the queue: who takes it claims as much as it
has room for. What Redis loses, or a killed process takes with it, the deliverers find by themselves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from saq.job import Job, Status
from saq.queue.redis import RedisQueue

from esb.config import ConfigModel
from esb.contracts.services import ProcessServices
from esb.core.backoff import pauses

WAKE = "wake"
"""The name of the job, and its key: as long as one waits, there is no other."""
CONNECT_SECONDS = 2.0
WAITING_SECONDS = 5.0
"""The time that Redis lets a process wait for a job, before it asks again."""
PATIENCE = 10.0
"""The seconds without any answer after which Redis is away."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
AWAY = "Redis does not answer"
TROUBLE = (RedisError, OSError, TimeoutError, EOFError)


def _url(url: SecretStr) -> SecretStr:
    try:
        parse_url(url.get_secret_value())
    except ValueError:
        raise ValueError("expected redis://user:password@host:port/number, or rediss://… with TLS") from None
    return url


class SaqConfig(ConfigModel):
    """Config of `deliveries: {engine: {use: saq}}`."""

    url: Annotated[SecretStr, AfterValidator(_url)] = Field(description="the Redis of the queue; it may forget all")
    queue: str = Field("esb", description="name of the queue, for several gateways with one Redis")


class SaqEngine:
    """One process's end of the queue: it tells, and if it delivers, it listens."""

    service = "engine"
    config_type = SaqConfig

    def __init__(self, config: SaqConfig, services: ProcessServices) -> None:
        """Take the config, and connect nothing."""
        self.trouble = ""
        self._config = config
        self._queue: RedisQueue | None = None
        self._wake: Callable[[], None] | None = None
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, wake: Callable[[], None] | None) -> None:
        """Begin to tell, and to listen if there is somebody to wake."""
        redis = Redis.from_url(
            self._config.url.get_secret_value(),
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=CONNECT_SECONDS,
        )
        self._queue = RedisQueue(redis, name=self._config.queue)
        self._wake = wake
        steps = [self._tell] if wake is None else [self._tell, self._listen]
        self._tasks = [asyncio.create_task(self._again_and_again(step, self._queue)) for step in steps]

    async def announce(self, deliveries: Sequence[str]) -> None:
        """Put a job into the queue, soon; while Redis is away, wake the deliverer of this process."""
        self._due.set()
        if self.trouble and self._wake is not None:
            self._wake()

    async def close(self) -> None:
        """Tell and listen no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._queue is not None:
            with suppress(*TROUBLE):
                await self._queue.redis.aclose()

    async def _again_and_again(self, step: Callable[[RedisQueue], Awaitable[None]], queue: RedisQueue) -> None:
        """Take a step for ever, with a pause after each that fails."""
        waits = pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True)
        while True:
            try:
                await step(queue)
            except TROUBLE:
                self.trouble = AWAY
                await asyncio.sleep(next(waits))
            else:
                self.trouble = ""
                waits = pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True)

    async def _tell(self, queue: RedisQueue) -> None:
        """Put a job into the queue when something is due, unless one waits there."""
        await self._due.wait()
        self._due.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                await queue.enqueue(Job(WAKE, key=WAKE, ttl=-1))
        except TROUBLE:
            self._due.set()
            raise

    async def _listen(self, queue: RedisQueue) -> None:
        """Take a job, and wake the deliverer; end one that somebody has taken and not ended: no other gets in."""
        async with asyncio.timeout(PATIENCE):
            job = await queue.dequeue(WAITING_SECONDS)
            if job is None:
                job = await queue.job(WAKE)
            if job is not None:
                await queue.finish(job, Status.COMPLETE)  # before the deliverer looks: what comes now puts another one
        if self._wake is not None:
            self._wake()
