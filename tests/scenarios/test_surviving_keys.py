"""Idempotency keys and nonces survive: a kill, a restart, and a store that is away or has lost what it kept."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from esb.core.call import App, Options
from esb.database.engine import Database
from esb.delivery.call_digests import entry_of
from esb.gateway.app import GATEWAY
from esb.services.store.redis import Redis
from tests.support import identity
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.configuration import DEMO, MESSAGE, SERVICES, WECOM
from tests.support.databases import open_database, stanza
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.identity import USED, WHO, fetch
from tests.support.loop_time import turns
from tests.support.processes.command_line import SEND_WEIXIN, Running, running
from tests.support.servers.redis_server import redis_server
from tests.support.wire import until

MESSAGES = "/cgi-bin/message/send"
Answer = dict[str, Any] | None


async def send(http: ClientSession, url: str, key: str) -> Answer:
    """Return the envelope; None if no answer came."""
    body = {**DEMO, "receiver": "zhangsan", "data": {**MESSAGE, "message": key}}
    try:
        async with http.post(url + SEND_WEIXIN, json=body, headers={"Idempotency-Key": key}) as response:
            envelope: dict[str, Any] = await response.json()
            return envelope
    except ClientError:
        return None


async def send_all(http: ClientSession, url: str, keys: Sequence[str]) -> list[Answer]:
    return await asyncio.gather(*(send(http, url, key) for key in keys))


async def sent(sandbox: Sandbox) -> list[str]:
    """Return the texts that came to WeCom, each as often as it came."""
    return sorted(message["text"].split("\n")[1] for message in await sandbox.messages())


def configuration(folder: Path, url: str, sandbox_url: str) -> Path:
    file = folder / "esb.yaml"
    component = WECOM.replace("${sandbox}", sandbox_url).rstrip() + "\n    timeout: 2\n"
    file.write_text(f"{SERVICES}{stanza(url)}components:\n{component}")
    return file


def serving(file: Path, folder: Path) -> Any:
    return running("serve", "-c", file, "--port", "0", log=folder / "log")


@pytest.fixture
async def file(database_url: str, sandbox: Sandbox, tmp_path: Path) -> Path:
    """A gateway with a database, whose calls take two seconds at most."""
    async with open_database(database_url):
        return configuration(tmp_path, database_url, sandbox.url)


async def test_after_a_kill_a_repetition_is_replayed_or_unknown_and_nothing_is_sent_again(
    file: Path, sandbox: Sandbox, http: ClientSession, tmp_path: Path
) -> None:
    done, broken = [f"d{number}" for number in range(10)], [f"u{number}" for number in range(20)]
    with serving(file, tmp_path) as first:
        firsts = await send_all(http, first.url, done)
        await sandbox.post(
            "faults", {"match": {"path": MESSAGES}, "action": {"hang": True}, "when": "after", "times": 0}
        )
        lost = asyncio.ensure_future(send_all(http, first.url, broken))
        await sandbox.has_been_called(MESSAGES, len(done) + len(broken))
        await kill(first)
        assert await lost == [None] * len(broken)
    async with http.delete(f"{sandbox.url}/_sandbox/faults"):
        pass
    with serving(file, tmp_path) as second:
        again = await send_all(http, second.url, done)
        doubts = await send_all(http, second.url, broken)
        twice = await send_all(http, second.url, broken)

    for before, answer in zip(firsts, again, strict=True):
        assert before is not None
        assert answer is not None
        assert answer["data"] == {**before["data"], "replayed": True}
        assert "warnings" not in answer["data"]
    for answer in (*doubts, *twice):
        assert answer is not None
        assert (answer["result"], answer["code"], answer["data"]["outcome"]) == (False, 1306201, "unknown")
    assert await sent(sandbox) == sorted([*done, *broken])


async def kill(gateway: Running) -> None:
    gateway.stop(signal.SIGKILL)
    await asyncio.to_thread(gateway.wait)


async def test_an_orderly_restart_forgets_no_key(
    file: Path, sandbox: Sandbox, http: ClientSession, tmp_path: Path
) -> None:
    with serving(file, tmp_path) as first:
        await send_all(http, first.url, ["a", "b"])
        first.stop()
        await asyncio.to_thread(first.wait)
    with serving(file, tmp_path) as second:
        again = await send_all(http, second.url, ["a", "b"])
    assert [answer["data"]["replayed"] for answer in again if answer is not None] == [True, True]
    assert await sent(sandbox) == ["a", "b"]


async def test_with_a_database_a_signed_request_is_let_in_once_though_the_gateway_was_restarted(
    open_gateway: OpenGateway, clock: Clock, database: Database, database_url: str
) -> None:
    config = identity.configuration(stanza(database_url))
    query, fresh = (identity.with_signature(identity.claims(clock, bk_nonce=nonce)) for nonce in ("1", "2"))
    before = await open_gateway(config=config, clock=clock)
    assert (await fetch(before, "GET", WHO, query))["result"]
    after = await open_gateway(config=config, clock=clock)
    assert (await fetch(after, "GET", WHO, query))["message"] == USED
    assert (await fetch(after, "GET", WHO, fresh))["result"]
    assert (await fetch(before, "GET", WHO, fresh))["message"] == USED


# A store that is away


def warned(answer: Answer) -> bool:
    """Whether the answer says that its key is not protected."""
    assert answer is not None
    fields = [warning["field"] for warning in answer["data"].get("warnings", ())]
    return "Idempotency-Key" in fields


async def reachable(gateway: Gateway) -> None:
    store = gateway.app[GATEWAY].store
    assert isinstance(store, Redis)
    await until(lambda: store.trouble == "")


@pytest.mark.parametrize("policy", ["degrade", "refuse"])
async def test_a_redis_that_comes_back_empty_is_told_all_answers_again(
    open_gateway: OpenGateway, sandbox: Sandbox, policy: str
) -> None:
    with redis_server() as redis:
        failure = f"on_store_failure: {{idempotency: {policy}}}"
        key = redis.stanza["config"]["encryption_keys"][0]
        store = f"  store: {{use: redis, config: {{url: '{redis.url}', encryption_keys: ['{key}'], {failure}}}}}\n"
        config = f"{SERVICES}{store}components:\n{WECOM}"
        one = await open_gateway(config=config, sandbox_url=sandbox.url)
        other = await open_gateway(config=config, sandbox_url=sandbox.url)
        before = await send(one.http, one.url, "before")
        assert not warned(before)
        redis.stop()
        assert (await send(one.http, one.url, "before") or {})["data"]["replayed"]
        meanwhile = await send(one.http, one.url, "meanwhile")
        assert meanwhile is not None
        if policy == "degrade":
            assert warned(meanwhile)
        else:
            assert (meanwhile["result"], meanwhile["code"]) == (False, 1306201)
        redis.start()
        await reachable(one)
        await reachable(other)
        keys = ["before", "meanwhile"] if policy == "degrade" else ["before"]
        async with asyncio.timeout(60):
            while not all([await kept(other, key) for key in keys]):
                await turns()
        again = await send_all(other.http, other.url, keys)
        assert [answer["data"]["replayed"] for answer in again if answer is not None] == [True] * len(keys)
        assert await sent(sandbox) == keys


async def kept(gateway: Gateway, key: str) -> bool:
    """Whether all processes know the answer to this key: it is asked of the store alone."""
    call = make_call(app=App("esb_demo"), options=Options(idempotency_key=key))
    found = await gateway.app[GATEWAY].store.get(entry_of(call, key))
    return found is not None and b"envelope" in found.value
