"""Every engine, with a database of each kind: what is accepted is sent soon, whatever the engine forgets."""

import pytest

from tests.support.delivering import OpenDelivering
from tests.support.servers.redis_server import RedisServer
from tests.support.wire import until

ENGINES = [
    pytest.param(use, back_end, id=f"{use}-{back_end}")
    for use in ("embedded", "saq")
    for back_end in ("sqlite", "postgresql", "mysql")
    if (use, back_end) != ("saq", "sqlite")
]
pytestmark = pytest.mark.parametrize(("use", "back_end"), ENGINES)


def engine(use: str, redis: RedisServer, queue: str) -> str:
    """The value of `deliveries` for this engine, in a queue of the test's own."""
    config = f", config: {{url: 'redis://127.0.0.1:{redis.port}', queue: '{queue}'}}" if use == "saq" else ""
    return f"{{engine: {{use: {use}{config}}}}}"


async def test_what_is_accepted_is_sent_at_once(
    open_delivering: OpenDelivering, redis: RedisServer, use: str, request: pytest.FixtureRequest
) -> None:
    delivering = await open_delivering(deliveries=engine(use, redis, request.node.name))
    accepted = {await delivering.accept() for _ in range(5)}
    await delivering.has_done(5)
    assert set(delivering.done) == accepted
    assert max(event.waited for event in delivering.attempts) < 1


async def test_several_who_deliver_never_send_the_same(
    open_delivering: OpenDelivering, redis: RedisServer, use: str, request: pytest.FixtureRequest
) -> None:
    deliveries = engine(use, redis, request.node.name)
    first, second = await open_delivering(deliveries=deliveries), await open_delivering(deliveries=deliveries)
    accepted = [await each.accept() for _ in range(10) for each in (first, second)]
    await until(lambda: len(first.done) + len(second.done) >= len(accepted))
    assert sorted([*first.done, *second.done]) == sorted(accepted)
    assert len(await first.sandbox.messages()) == len(accepted)


async def test_what_nobody_was_told_of_is_found(
    open_delivering: OpenDelivering, redis: RedisServer, use: str, request: pytest.FixtureRequest
) -> None:
    accepting = await open_delivering(deliveries="{run: separate}")
    accepted = {await accepting.accept() for _ in range(3)}
    delivering = await open_delivering(deliveries=engine(use, redis, request.node.name))
    await delivering.has_done(3)
    accepted.add(await accepting.accept())
    await delivering.has_done(4)
    assert set(delivering.done) == accepted
