"""The store in Redis: what lies there, and what becomes of calls while it is away."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import TimeoutError as SlowToConnect

from esb.config import load
from esb.core.errors import ConfigError
from esb.core.events import Event, Observer, StoreTurned
from esb.gateway.app import create_app
from esb.services.store.redis import OnStoreFailure, RedisConfig
from esb.services.store.redis import Redis as RedisService
from esb.store.encryption import ValueCipher
from esb.store.protocol import Kept, Rule, ShareFull, Store, StoreAway, StoreServices
from esb.store.redis import RedisStore
from esb.store.redis_connection import GLANCES, PATIENCE, PROBE_SECONDS, RedisConnection, reason_of
from esb.testing.redis_server import KEY
from tests.support.clock import Clock
from tests.support.identity import configuration
from tests.support.loop_time import movable_loop_time, turns
from tests.support.servers.redis_server import OTHER_KEY, RedisServer, redis_server
from tests.support.wire import until

OpenStore = Callable[..., Awaitable[RedisStore]]


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """A server that the test may harm."""
    with redis_server() as server:
        yield server


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
async def open_store(events: list[Event]) -> AsyncIterator[OpenStore]:
    async with AsyncExitStack() as stack:

        async def open_one(url: str, prefix: str = "esb:", keys: tuple[str, ...] = (KEY,)) -> RedisStore:
            store = RedisStore(url, prefix, ValueCipher(keys), Observer([events.append]))
            await store.open()
            stack.push_async_callback(store.close)
            return store

        yield open_one


async def healed(store: Store) -> None:
    async with asyncio.timeout(30):
        while store.trouble:  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.01)


async def use_all(store: Store) -> None:
    await store.add("nonce:app:1234567", 60)
    await store.put("gate:mp:wx1:digest", b"secret value", 60)
    claim = await store.swap("idempotency:app:key", "", b"secret value", 60)
    await store.swap("idempotency:app:key", claim.kept.version, b"secret value", 60)
    await store.swap("token:mp:wx1:digest", "", b"secret value", 60)
    await store.reserve(["pace:zhangsan"], times=2, limit=2, seconds=60, patience=0, held=60)
    await store.take("rate:app:/cmsi/send_weixin/", [Rule(2, 60)])
    await store.take("failures:mp:wx1", [Rule(2, 60)])


# What lies there


async def test_nothing_secret_lies_there_and_everything_has_an_end(own: RedisServer, open_store: OpenStore) -> None:
    await use_all(await open_store(own.url, "gateway:"))
    with Redis(port=own.port) as client:
        names = sorted(name.decode() for name in client.scan_iter())
        dumps = b"".join(client.dump(name) or b"" for name in names)
        assert [name for name in names if client.pttl(name) < 0] == []
    words = ["changes", "failures", "gate", "idempotency", "nonce", "pace", "rate", "share", "share", "token"]
    assert [name.split(":")[1] for name in names] == words
    assert {name.split(":")[0] for name in names} == {"gateway"}
    for secret in (b"secret value", b"1234567", b"zhangsan", b"wx1", b"digest"):
        assert secret not in dumps
        assert secret.decode() not in "".join(names)


async def test_keys_can_be_changed_one_after_the_other(redis: RedisServer, open_store: OpenStore) -> None:
    prefix = f"{uuid4()}:"
    old = await open_store(redis.url, prefix, (KEY,))
    both = await open_store(redis.url, prefix, (OTHER_KEY, KEY))
    new = await open_store(redis.url, prefix, (OTHER_KEY,))
    await old.put("idempotency:a", b"by the old key", 60)
    await both.put("idempotency:b", b"by the new key", 60)

    async def read(store: RedisStore, key: str) -> bytes | None:
        kept = await store.get(key)
        return None if kept is None else kept.value

    assert [await read(both, f"idempotency:{key}") for key in "ab"] == [b"by the old key", b"by the new key"]
    assert [await read(new, f"idempotency:{key}") for key in "ab"] == [None, b"by the new key"]
    assert (await new.swap("idempotency:a", "", b"anew", 60)).done  # what nobody can read is nothing


async def test_a_value_that_somebody_copies_to_another_key_or_gives_another_version_is_nothing(
    own: RedisServer, open_store: OpenStore
) -> None:
    store = await open_store(own.url)
    await store.swap("idempotency:mine:key", "", b"an answer", 60)
    await store.swap("idempotency:yours:key", "", b"another answer", 60)
    with Redis(port=own.port) as client:
        mine, yours = client.scan_iter("esb:idempotency:*")
        client.copy(mine, yours, replace=True)
        client.setrange(mine, 0, b"0123456789abcdef")

    assert await store.get("idempotency:mine:key") is None
    assert await store.get("idempotency:yours:key") is None
    assert (await store.swap("idempotency:yours:key", "", b"anew", 60)).done


async def test_an_app_that_adds_too_many_keys_is_refused_until_they_leave_and_no_other_is(
    redis: RedisServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.store.redis.MOST_OF_AN_APP", 3)
    monkeypatch.setattr("esb.store.redis.SHARE_SECONDS", 40.0)
    prefix = f"{uuid4()}:"
    store, other = await open_store(redis.url, prefix), await open_store(redis.url, prefix)

    assert [await each.add(f"nonce:a:{number}", 60) for number, each in enumerate((store, other, store))] == [True] * 3
    with pytest.raises(ShareFull) as full:
        await other.add("nonce:a:3", 60)
    assert 0 < full.value.seconds <= 40
    assert not await other.add("nonce:a:0", 60)
    assert await other.add("nonce:b:0", 60)


async def test_an_app_with_too_many_answers_gets_no_more_and_nothing_kept_leaves(
    redis: RedisServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.store.redis.MOST_OF_AN_APP", 2)
    store = await open_store(redis.url, f"{uuid4()}:")

    async def answer(key: str) -> None:
        claim = await store.swap(key, "", b"claim", 60)
        await store.swap(key, claim.kept.version, b"answer", 3600)

    claim = await store.swap("idempotency:a:claim", "", b"claim", 60)
    await answer("idempotency:a:0")
    with pytest.raises(ShareFull) as full:
        await answer("idempotency:a:1")
    assert 0 < full.value.seconds <= 60
    await answer("idempotency:b:0")
    assert not (await store.swap("idempotency:a:0", "", b"claim", 60)).done
    assert await store.drop("idempotency:a:claim", claim.kept.version)
    await answer("idempotency:a:2")

    keys = ["b:0", "a:claim", "a:0", "a:1", "a:2"]
    kept = [key for key in keys if await store.get(f"idempotency:{key}") is not None]
    assert kept == ["b:0", "a:0", "a:2"]


async def test_what_was_a_script_is_one_again_after_the_server_forgot_it(
    redis: RedisServer, open_store: OpenStore
) -> None:
    store = await open_store(redis.url, f"{uuid4()}:")
    redis.do("SCRIPT", "FLUSH")
    await use_all(store)


# Away


async def test_a_server_that_was_killed_is_missed_at_once_and_found_again(
    own: RedisServer, open_store: OpenStore, events: list[Event]
) -> None:
    store = await open_store(own.url)
    changes: list[tuple[str, str]] = []
    await store.watch(lambda key, version: changes.append((key, version)))
    own.stop()
    for _ in range(3):
        with pytest.raises(StoreAway) as error:
            await store.add("nonce:a", 60)
    assert changes == []
    assert (error.value.code, error.value.system, error.value.interface) == (1306201, "store", "evalsha")
    assert str(own.port) not in str(error.value)
    own.start()
    await healed(store)
    assert changes == [("", "")]  # any may have changed meanwhile
    assert await store.add("nonce:a", 60)
    assert [event.trouble for event in events if isinstance(event, StoreTurned)] == ["", "there is no connection", ""]


async def test_a_store_that_is_closed_has_no_work_left(redis: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(redis.url)
    await store.watch(lambda key, version: None)
    asking = asyncio.ensure_future(store.add("nonce:a", 60))
    await turns(1)
    await store.close()
    assert asyncio.all_tasks() <= {asyncio.current_task(), asking}
    with pytest.raises((asyncio.CancelledError, StoreAway)):
        await asking


async def test_connections_that_cannot_be_closed_keep_nobody_from_the_next_ones(
    own: RedisServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(own.url)

    async def stuck(*, inuse_connections: bool) -> None:
        assert inuse_connections
        raise ConnectionError

    monkeypatch.setattr(store._connection._client.connection_pool, "disconnect", stuck)
    own.stop()
    with pytest.raises(StoreAway):
        await store.add("nonce:a", 60)
    own.start()
    await healed(store)
    assert await store.add("nonce:a", 60)


async def test_what_was_under_way_when_a_connection_broke_is_not_sent_again(redis: RedisServer) -> None:
    queue = str(uuid4())
    connection = RedisConnection(
        redis.url, queue, heard=lambda change: None, joined=lambda: None, turned=lambda trouble: None
    )
    await connection.open()
    asking = asyncio.ensure_future(connection.ask("BLPOP", queue, 0))
    blocked: list[str] = []
    while not blocked:
        await asyncio.sleep(0.001)
        blocked = re.findall(r"id=(\d+) .*cmd=blpop", redis.do("CLIENT", "LIST"))
    redis.do("CLIENT", "KILL", "ID", *blocked)
    redis.do("RPUSH", queue, "taken by a command that is sent again")
    with pytest.raises(StoreAway) as error:
        await asking
    assert (error.value.interface, error.value.sent) == ("blpop", False)
    assert redis.do("LLEN", queue) == "1"
    await connection.close()


async def test_a_server_that_is_paused_delays_nobody_for_long(own: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(own.url)
    own.pause()
    asking = asyncio.gather(*(store.add(f"nonce:{n}", 60) for n in range(500)), return_exceptions=True)
    with movable_loop_time() as advance:
        await turns(20)
        assert not asking.done()
        for _ in range(GLANCES):  # a jump of all at once would be the gateway's own standstill
            advance(PATIENCE / GLANCES)
            await turns(20)
        assert asking.done()
    assert {type(result) for result in await asking} == {StoreAway}
    with pytest.raises(StoreAway, match="does not answer"):
        store.add("nonce:a", 60).send(None)  # at once, without a turn of the event loop
    own.resume()
    await healed(store)
    assert await store.add("nonce:a", 60)


async def test_a_full_server_is_away_until_there_is_room(own: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(own.url)
    own.do("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreAway, match="it is full"):
        await store.put("gate:a", b"value", 60)
    own.do("CONFIG", "SET", "maxmemory", "0")
    await healed(store)
    await store.put("gate:a", b"value", 60)


async def test_a_server_that_only_reads_is_away(own: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(own.url)
    own.do("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreAway, match="it is read-only"):
        await store.add("nonce:a", 60)
    own.do("REPLICAOF", "NO", "ONE")
    await healed(store)
    assert await store.add("nonce:a", 60)


async def test_trouble_is_found_though_nobody_asks(own: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(own.url)
    own.do("REPLICAOF", "127.0.0.1", "1")
    async with asyncio.timeout(30):
        while not store.trouble:  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.02)


async def test_a_server_that_answered_while_we_were_busy_is_not_away(
    own: RedisServer, open_store: OpenStore, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(own.url)
    monkeypatch.setattr(store._connection, "_probe", lambda: asyncio.sleep(0))  # a ping is all that is asked
    own.pause()
    with movable_loop_time() as advance:
        advance(PROBE_SECONDS)
        await turns(20)
        own.resume()
        for _ in range(2):
            own.do("PING")  # by then ours is answered, and the event loop stood still
        advance(PROBE_SECONDS)
        await turns(20)
        assert not store.trouble
        assert await store.add("nonce:a", 60)


async def test_a_connection_that_died_unnoticed_is_found_in_so_many_looks(
    own: RedisServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(own.url)
    monkeypatch.setattr(store._connection, "_probe", lambda: asyncio.sleep(0))  # on another connection, which works
    own.pause()
    with movable_loop_time() as advance:
        advance(PROBE_SECONDS)
        await turns(20)  # a ping is sent, that nobody answers
        advance(PROBE_SECONDS)  # the first look at that
        for _ in range(GLANCES - 1):
            await turns(20)
            assert not store.trouble
            advance(PATIENCE / GLANCES)
        await turns(20)
        assert store.trouble == "it does not answer"
    own.resume()
    await healed(store)
    assert await store.add("nonce:a", 60)


async def test_a_quiet_server_is_not_away(
    redis: RedisServer, open_store: OpenStore, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.store.redis_connection.PROBE_SECONDS", 0.01)
    store = await open_store(redis.url)
    heard: list[bytes] = []
    monkeypatch.setattr(store._connection, "_heard", heard.append)
    probed = store._connection._probe
    probes: list[None] = []

    async def probe() -> None:
        await probed()
        probes.append(None)

    monkeypatch.setattr(store._connection, "_probe", probe)
    await until(lambda: len(probes) >= 3)
    assert (len(events), store.trouble, heard) == (len(["there"]), "", [])


async def test_nothing_is_left_of_a_permit_that_was_settled(redis: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(redis.url, f"{uuid4()}:")
    _, receipt = await store.reserve(["pace:a"], times=1, limit=1, seconds=60, patience=0, held=1000)
    await store.settle(["pace:a"], receipt, 1)
    await asyncio.gather(*store._settling)
    await turns()
    assert store._settling == set()
    waits, _ = await store.reserve(["pace:a"], times=1, limit=1, seconds=60, patience=100, held=0)
    assert 0 < waits[0] <= 60


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AuthenticationError(), "it refuses our user or password"),
        (NoPermissionError(), "it refuses our user or password"),
        (AuthorizationError(), "it refuses our user or password"),
        (BusyLoadingError(), "it is still loading"),
        (OutOfMemoryError(), "it is full"),
        (ReadOnlyError(), "it is read-only"),
        (ResponseError(), "it refuses our commands"),
        (TimeoutError(), "it does not answer"),
        (SlowToConnect(), "it does not answer"),
        (ConnectionError(), "there is no connection"),
        (None, "there is no connection"),
    ],
)
def test_trouble_is_told_in_our_own_words(error: BaseException | None, told: str) -> None:
    assert reason_of(error) == told


async def test_its_own_changes_need_not_be_heard(
    redis: RedisServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(redis.url, f"{uuid4()}:")
    monkeypatch.setattr(store._connection, "_heard", lambda message: None)
    await store.put("gate:a", b"closed", 60)
    kept, copied = [await store.get("gate:a") for _ in range(2)]
    assert kept is not None
    assert copied is not None
    assert await store.drop("gate:a", kept.version)
    assert await store.get("gate:a") is None


async def test_a_wrong_password_is_no_connection_and_is_not_told(open_store: OpenStore) -> None:
    with redis_server("--requirepass", "right") as server:
        store = await open_store(server.url.replace("redis://", "redis://:wrong-password@"))
        with pytest.raises(StoreAway, match="it refuses our user or password") as error:
            await store.add("nonce:a", 60)
        assert "wrong-password" not in str(error.value)
        assert (error.value.system, error.value.interface) == ("store", "evalsha")
        assert (error.value.sent, error.value.transient) == (False, True)
        right = await open_store(server.url.replace("redis://", "redis://:right@"))
        assert await right.add("nonce:a", 60)


async def test_a_gateway_starts_without_its_server_and_finds_it_later(own: RedisServer, open_store: OpenStore) -> None:
    own.stop()
    store = await open_store(own.url)
    assert store.trouble
    own.start()
    await healed(store)


async def test_a_copy_is_not_used_after_a_time_of_deafness(
    own: RedisServer, open_store: OpenStore, events: list[Event]
) -> None:
    store = await open_store(own.url)
    await store.put("gate:a", b"closed", 60)
    assert await store.get("gate:a") is not None
    own.stop()
    own.start()
    await until(lambda: len(events) == len(["there", "away", "there again"]))
    assert await store.get("gate:a") is None


async def test_what_is_told_when_it_changes_is_read_once(
    redis: RedisServer, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = f"{uuid4()}:"
    store, other = [await open_store(redis.url, prefix) for _ in range(2)]
    heard = store._copies.heard
    for key in ("gate:a", "idempotency:a"):
        await other.put(key, b"v", 60)
    await until(lambda: store._copies.heard > heard)
    read: list[str] = []
    ask = store._read

    def reading(key: str) -> Awaitable[Kept | None]:
        read.append(key)
        return ask(key)

    monkeypatch.setattr(store, "_read", reading)
    for key in ("gate:a", "idempotency:a", "gate:none"):
        for _ in range(3):
            await store.get(key)
        await store.get(key, strict=True)
    assert read == ["gate:a"] * 2 + ["idempotency:a"] * 4 + ["gate:none"] * 2


async def test_what_a_stranger_publishes_does_no_harm(
    redis: RedisServer, open_store: OpenStore, events: list[Event]
) -> None:
    prefix = f"{uuid4()}:"
    store = await open_store(redis.url, prefix)
    heard: list[tuple[str, str]] = []
    await store.watch(lambda key, version: heard.append((key, version)))
    heard.clear()
    with Redis.from_url(redis.url) as stranger:
        for message in (b"\xff\xfe", b"", b"1 gate:\xff", b"2 gate:a b"):
            stranger.publish(f"{prefix}changes", message)
    await until(lambda: len(heard) == 4)
    assert heard == [("", "\ufffd\ufffd"), ("", ""), ("gate:\ufffd", "1"), ("gate:a b", "2")]
    assert store.trouble == ""
    assert set(events) <= {StoreTurned("")}


async def test_who_leaves_while_waiting_takes_nobody_along(redis: RedisServer, open_store: OpenStore) -> None:
    store = await open_store(redis.url, f"{uuid4()}:")
    asking = [asyncio.ensure_future(store.add(f"nonce:{number}", 60)) for number in range(10)]
    await asyncio.sleep(0)
    for task in asking[::2]:
        task.cancel()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert results[1::2] == [True] * 5


# What goes on without it


async def degraded(server: RedisServer, stack: AsyncExitStack, failure: OnStoreFailure | None = None) -> RedisService:
    """A store of which each part goes on as it is agreed, at its worst."""
    config = RedisConfig.model_validate(
        {"url": server.url, "encryption_keys": (KEY,), "on_store_failure": failure or OnStoreFailure()}, strict=False
    )
    store = RedisService(config, StoreServices(Clock(), Observer()))
    await store.open()
    stack.push_async_callback(store.close)
    return store


async def test_by_default_nonces_are_refused_and_the_rest_goes_on(own: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        store = await degraded(own, stack)
        own.stop()
        with pytest.raises(StoreAway):
            await store.add("nonce:a", 60)
        with pytest.raises(StoreAway):
            await store.get("token:a", strict=True)
        with pytest.raises(StoreAway):
            await store.swap("idempotency:a", "", b"claim", 60)  # who keeps keys has copies
        assert (await store.take("rate:a", [Rule(1, 60)])).over == ()
        assert (await store.take("rate:a", [Rule(1, 60)])).over == (0,)
        pace = partial(store.reserve, ["pace:a"], times=1, limit=1, seconds=60, patience=0, held=30)
        (wait,), place = await pace()
        assert wait == 0
        assert (await pace())[0] > [80]
        await store.settle(["pace:a"], place, 1)
        assert (await pace())[0] <= [60]
        await store.put("gate:a", b"closed", 60)
        assert await store.get("gate:a") is not None
        own.start()
        await healed(store)
        assert await store.get("gate:a") is not None  # what was remembered meanwhile still counts


async def test_each_part_can_be_told_what_to_do(own: RedisServer) -> None:
    failure = OnStoreFailure(nonces="degrade", idempotency="refuse", rate_limit="refuse", pacing="refuse")
    async with AsyncExitStack() as stack:
        store = await degraded(own, stack, failure)
        own.stop()
        assert [await store.add("nonce:a", 60), await store.add("nonce:a", 60)] == [True, False]
        for asked in (
            store.swap("idempotency:a", "", b"claim", 60),
            store.take("rate:a", [Rule(1, 60)]),
            store.reserve(["pace:a"], times=1, limit=1, seconds=60, patience=0, held=0),
        ):
            with pytest.raises(StoreAway):
                await asked
        own.start()
        await healed(store)
        assert not await store.add("nonce:a", 60)


@pytest.mark.parametrize("says", ["refuse", "degrade"])
async def test_it_tells_what_goes_on_without_it(says: str) -> None:
    values = {"url": "redis://h", "encryption_keys": (KEY,), "on_store_failure": {"idempotency": says}}
    store = RedisService(RedisConfig.model_validate(values, strict=False), StoreServices(Clock(), Observer()))
    assert store.goes_on_without("idempotency") is (says == "degrade")
    assert store.goes_on_without("gate")
    assert not store.goes_on_without("token")


# Its stanza


@pytest.mark.parametrize(
    ("config", "key", "told"),
    [
        (f"url: 'http://h', encryption_keys: ['{KEY}']", "url", "expected redis://"),
        (f"url: 'redis://h:port', encryption_keys: ['{KEY}']", "url", "expected redis://"),
        (f"encryption_keys: ['{KEY}']", "url", "missing"),
        ("url: 'redis://h'", "encryption_keys", "missing"),
        ("url: 'redis://h', encryption_keys: []", "encryption_keys", ""),
        (f"url: 'redis://h', encryption_keys: ['{KEY}', hunter2]", "encryption_keys[1]", "expected a Fernet key"),
        (
            f"url: 'redis://h', encryption_keys: ['{KEY}'], on_store_failure: {{nonces: accept}}",
            "on_store_failure.nonces",
            "expected 'refuse' or 'degrade'",
        ),
    ],
)
def test_a_mistake_in_its_stanza_is_told_with_its_place(tmp_path: Path, config: str, key: str, told: str) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration(f"  store: {{use: redis, config: {{{config}}}}}\n"))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    (mistake,) = error.value.mistakes
    assert mistake.key == f"services.store.config.{key}"
    assert told in mistake.text
    assert "hunter2" not in str(error.value)


def test_without_the_extra_it_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "esb.services.store.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis.asyncio.connection", None)  # as if there were no such module
    path = tmp_path / "esb.yaml"
    path.write_text(configuration("  store: {use: redis, config: {}}\n"))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    (mistake,) = error.value.mistakes
    assert mistake.key == "services.store.use"
    assert "pip install 'esb-gateway[redis]'" in mistake.text
