"""The engine saq, while its Redis forgets everything, and while it is away."""

import pytest

from tests.support.delivering import OpenDelivering
from tests.support.servers.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.parametrize("back_end", ["postgresql"])


def saq(redis: RedisServer) -> str:
    return f"{{engine: {{use: saq, config: {{url: 'redis://127.0.0.1:{redis.port}'}}}}}}"


async def test_a_redis_that_is_killed_or_forgets_loses_nothing(open_delivering: OpenDelivering) -> None:
    with redis_server() as redis:
        delivering = await open_delivering(deliveries=saq(redis))
        accepted = {await delivering.accept()}
        await delivering.has_done(1)
        redis.do("FLUSHALL")
        accepted.add(await delivering.accept())
        await delivering.has_done(2)
        redis.stop()
        accepted.add(await delivering.accept())
        await delivering.has_done(3)
        health = await (await delivering.gateway.request("GET", "/api/c/healthz")).json()
        assert health["message"] == "degraded: deliveries: Redis does not answer"
        redis.start()
        accepted.add(await delivering.accept())
        await delivering.has_done(4)
        assert set(delivering.done) == accepted
        assert len(await delivering.sandbox.messages()) == len(accepted)
