"""The preflight of Redis: a real server, and what may be wrong with it."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.support.ports import free_port
from tests.support.preflight import Preflight, preflight
from tests.support.servers.raw_server import raw_server
from tests.support.servers.redis_server import RedisServer, redis_server

NAME = "services.store"
STEPS = ["name", "tcp", "redis_login", "redis_version", "redis_policy", "redis_latency", "redis_clock"]


async def examined(folder: Path, url: str, **parts: Any) -> Preflight:
    config = {"url": url, "encryption_keys": ["A" * 43 + "="]}
    return await preflight(folder, services={"store": {"use": "redis", "config": config}}, **parts)


async def test_a_good_server_is_ok(tmp_path: Path, redis: RedisServer) -> None:
    found = (await examined(tmp_path, redis.url)).of(NAME)

    assert {check: each.result for check, each in found.items()} == dict.fromkeys(STEPS, "ok")
    assert found["redis_policy"].cause == "noeviction"


async def test_a_server_that_forgets_when_it_is_full_is_a_warning(tmp_path: Path) -> None:
    with redis_server("--maxmemory-policy", "allkeys-lru") as server:
        found = (await examined(tmp_path, server.url)).of(NAME)["redis_policy"]

    assert (found.result, "allkeys-lru" in found.cause, "noeviction" in found.fix) == ("warn", True, True)


async def test_a_wrong_password_is_told_and_not_repeated(tmp_path: Path) -> None:
    with redis_server() as server:
        server.do("CONFIG", "SET", "requirepass", "right-pass-wort")
        done = await examined(tmp_path, server.url.replace("redis://", "redis://:wrong-pass-wort@"))

    assert done.failed == [f"{NAME} redis_login"]
    assert done.of(NAME)["redis_login"].cause == "it refuses our user or password"
    assert "correct user and password" in done.of(NAME)["redis_login"].fix
    assert "wrong-pass-wort" not in done.text


async def test_a_replica_is_no_store(tmp_path: Path, redis: RedisServer) -> None:
    with redis_server("--replicaof", "127.0.0.1", str(redis.port)) as server:
        done = await examined(tmp_path, server.url)

    assert done.failed == [f"{NAME} redis_login"]
    assert done.of(NAME)["redis_login"].cause == "it is read-only"
    assert "name the master" in done.of(NAME)["redis_login"].fix


async def test_a_server_that_is_away_is_told_once_and_the_rest_is_examined(tmp_path: Path) -> None:
    done = await examined(tmp_path, f"redis://127.0.0.1:{free_port()}")

    assert done.failed == [f"{NAME} tcp"]
    assert done.of("process") != {}


async def test_a_server_that_does_not_speak_redis_is_told(tmp_path: Path) -> None:
    async with raw_server(lambda peer: peer.answer(b"")) as server:
        done = await examined(tmp_path, f"redis://127.0.0.1:{server.port}")

    assert done.failed == [f"{NAME} redis_login"]


async def test_a_clock_that_is_not_the_servers_is_a_warning(tmp_path: Path, redis: RedisServer) -> None:
    with patch("esb.contracts.probes.CLOCK_SECONDS", -1.0):
        found = (await examined(tmp_path, redis.url)).of(NAME)["redis_clock"]
    assert (found.result, "NTP" in found.fix) == ("warn", True)


@pytest.mark.parametrize(
    ("attribute", "value", "check", "result"),
    [("OLDEST", (999,), "redis_version", "fail"), ("SLOW_SECONDS", 0.0, "redis_latency", "warn")],
)
async def test_an_old_and_a_slow_server_are_told(
    tmp_path: Path, redis: RedisServer, attribute: str, value: object, check: str, result: str
) -> None:
    with patch(f"esb.services.store._redis_checks.{attribute}", value):
        found = (await examined(tmp_path, redis.url)).of(NAME)[check]

    assert found.result == result
    assert found.fix


async def test_memory_needs_no_check(tmp_path: Path) -> None:
    assert (await preflight(tmp_path)).of(NAME) == {}
