"""Facts of a Redis server, for a preflight: its version, what it forgets when it is full, how quick it is, its clock.

Asked over a connection of its own, with commands that read, and one write of a second's life.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from esb.core.errors import GatewayError
from esb.store.redis_connection import TROUBLE, reason_of

PINGS = 5
"""The best of so many answers is how quick a server is: the others may have waited for us."""


class NoFacts(GatewayError):
    """The server does not answer, or refuses; the text is the reason in our words."""


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`version`: of Redis, or that to which Valkey is compatible; `policy`: "" if the server does not tell it.

    `replica`: it takes no writes of its own. `seconds`: of one answer; `ahead`: of our clock before the server's.
    """

    version: tuple[int, ...]
    replica: bool
    policy: str
    seconds: float
    ahead: float


async def redis_facts(url: str, prefix: str, seconds: float, now: Callable[[], float] = time.time) -> RedisFacts:
    """Return what the server tells within so many seconds. NoFacts if it does not."""
    client = Redis.from_url(
        url, protocol=2, retry=Retry(NoBackoff(), 0), socket_connect_timeout=seconds, socket_timeout=seconds
    )
    try:
        told: dict[str, Any] = await client.info()
        await client.set(f"{prefix}doctor", "1", px=1000)
        waits = []
        for _ in range(PINGS):
            started = time.perf_counter()
            await client.ping()
            waits.append(time.perf_counter() - started)
        whole, micro = await client.time()
        ahead = now() - (whole + micro / 1e6)
    except TROUBLE as error:
        raise NoFacts(reason_of(error)) from None
    finally:
        await client.aclose()
    return RedisFacts(
        version=tuple(int(part) for part in str(told.get("redis_version", "0")).split(".") if part.isdigit()),
        replica=told.get("role") != "master",
        policy=str(told.get("maxmemory_policy", "")),
        seconds=min(waits),
        ahead=ahead,
    )
