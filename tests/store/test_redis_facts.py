"""Facts of a real Redis server."""

import pytest

from esb.store.redis_facts import NoFacts, redis_facts
from tests.support.ports import free_port
from tests.support.servers.redis_server import RedisServer


async def test_a_server_tells_what_it_is(redis: RedisServer) -> None:
    facts = await redis_facts(redis.url, "facts:", 3.0)

    assert facts.version >= (6,)
    assert ".".join(map(str, facts.version)) in redis.do("INFO", "server")
    assert (facts.replica, facts.policy) == (False, "noeviction")
    assert 0 < facts.seconds < 3
    assert abs(facts.ahead) < 10


async def test_our_clock_is_compared_with_the_servers(redis: RedisServer) -> None:
    facts = await redis_facts(redis.url, "facts:", 3.0, now=lambda: 0.0)

    assert facts.ahead == pytest.approx(-float(redis.do("TIME").split()[0]), abs=60)


async def test_it_keeps_nothing_for_long(redis: RedisServer) -> None:
    await redis_facts(redis.url, "kept:", 3.0)

    assert redis.do("PTTL", "kept:doctor") != "-1"  # which would be for ever


async def test_a_server_that_is_away_tells_nothing() -> None:
    with pytest.raises(NoFacts, match="there is no connection"):
        await redis_facts(f"redis://127.0.0.1:{free_port()}", "facts:", 3.0)
