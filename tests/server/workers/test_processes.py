"""Many processes, one truth: two supervisors and their workers share a Redis; and what WeChat sees of them."""

import asyncio
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from tests.support.identity import signature_of
from tests.support.processes.machines import (
    MACHINES,
    PROCESSES,
    SEED,
    WORKERS,
    Caller,
    Processes,
    connected_to,
    running_machines,
)

SILENCE = 0.5
"""Seconds for which a process waits for an answer of its store."""
MP, QY = "wx0000000000000001", "ww0000000000000001/1000002"
SEND = "/cgi-bin/message/send"
AWAY = (200, "degraded: store: there is no connection")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_machines(tmp_path_factory.mktemp("machines")) as made:
        yield made


@pytest.fixture
async def processes(started: Any) -> AsyncIterator[Processes]:
    machines, redis, sandbox_url = started
    async with ClientSession(connector=TCPConnector(limit=0)) as http:
        made = Processes(machines, redis, sandbox_url, http)
        redis.do("FLUSHALL")
        await made.sandbox.post("seed", SEED)
        yield made


def results(answers: list[dict[str, Any]]) -> Counter[Any]:
    return Counter(answer["code"] for answer in answers)


@pytest.mark.parametrize(("system", "app", "times"), [("cmsi", QY, 125), ("plain", MP, 125)])
async def test_cold_processes_fetch_one_token_and_one_for_each_expiry(
    processes: Processes, system: str, app: str, times: int
) -> None:
    assert results(await processes.send_at_once(times, system)) == {0: times * PROCESSES}
    assert await processes.issued(app) == 1
    for number in range(10):
        await processes.sandbox.post("tokens/expire")
        assert results(await processes.send_at_once(3, system)) == {0: 12}
        assert await processes.issued(app) == number + 2


async def test_what_one_process_forgot_no_other_sends_with(processes: Processes) -> None:
    await processes.send_at_once(1, "plain")
    await processes.sandbox.post("tokens/rotate")
    assert results([await processes.send(number, "plain") for number in range(PROCESSES)]) == {0: PROCESSES}
    stats = await processes.sandbox.get("stats")
    codes = stats["endpoints"]["/cgi-bin/message/template/send"]["codes"]
    assert codes["40001"] <= 2  # the one that found out, once more after a moment since the token was young
    assert await processes.issued(MP) == 2


async def test_a_wrong_secret_is_told_to_wechat_once(processes: Processes) -> None:
    answers = await processes.send_at_once(20, "wrong")
    assert results(answers) == {1306000: 80}
    assert {answer["data"]["errcode"] for answer in answers} == {40001}
    assert {answer["data"]["class"] for answer in answers} == {"config"}
    assert await processes.sandbox.calls("/cgi-bin/gettoken") == 1


async def test_a_signed_request_passes_once(processes: Processes) -> None:
    path = "/api/c/compapi/cmsi/get_msg_type/"
    query = {"bk_app_code": "esb_demo", "bk_username": "admin", "bk_nonce": str(random.randrange(1, 10**9))}
    query["bk_timestamp"] = str(int(time.time()))
    query["bk_signature"] = signature_of("GET", path, query)

    async def replay(number: int) -> str:
        url = URL(f"{processes.machines[number % MACHINES].url}{path}?{urlencode(query)}", encoded=True)
        async with processes.http.get(url) as response:
            return str((await response.json())["message"])

    assert Counter(await asyncio.gather(*(replay(number) for number in range(20)))) == {
        "OK": 1,
        "Parameter bk_nonce is illegal, it has been used": 19,
    }


async def test_a_repeated_call_gets_the_first_answer_at_any_process(processes: Processes) -> None:
    headers = {"Idempotency-Key": "the same"}
    answers = await asyncio.gather(*(processes.send(number, headers=headers) for number in range(20)))
    later = [await processes.send(number, headers=headers) for number in range(PROCESSES)]
    assert [answer["data"]["replayed"] for answer in later] == [True] * PROCESSES
    answers += later
    assert results(answers) == {0: 24}
    assert sum("replayed" not in answer["data"] for answer in answers) == 1
    assert len({tuple(answer["data"]["msgids"]) for answer in answers}) == 1
    assert len(await processes.sandbox.messages()) == 1


async def test_a_quota_used_up_at_one_process_closes_the_gate_for_all(processes: Processes) -> None:
    await processes.send_at_once(1, "quota")
    refuse = {
        "match": {"app": "ww0000000000000001/1000003", "path": SEND},
        "action": {"errcode": 45009, "errmsg": "no"},
    }
    await processes.sandbox.post("faults", {**refuse, "when": "before", "times": 1})
    sent = await processes.sandbox.calls(SEND)
    assert (await processes.send(2, "quota"))["code"] == 1306429
    assert results(await processes.send_at_once(5, "quota")) == {1306429: 20}
    assert await processes.sandbox.calls(SEND) == sent + 1
    assert (await processes.send(0))["code"] == 0  # another credential


async def test_members_are_paced_for_all(processes: Processes) -> None:
    answers = await processes.send_at_once(5, "paced")
    assert results(answers) == {0: 10, 1306429: 10}
    assert len(await processes.sandbox.messages()) == 10


async def test_a_hundred_a_minute_is_a_hundred(processes: Processes) -> None:
    often = {"bk_app_code": "often", "bk_app_secret": "often-secret"}
    answers = await asyncio.gather(*(processes.call(number, "/cmsi/get_msg_type/", often) for number in range(160)))
    assert results(answers) == {0: 100, 1306429: 60}
    assert all(0 < answer["data"]["retry_after"] <= 60 for answer in answers if answer["code"])


async def test_a_killed_worker_takes_along_its_own_connections_and_nothing_else(processes: Processes) -> None:
    await processes.warm("cmsi")
    machine = processes.machines[0]
    before, stopping = machine.workers(), threading.Event()
    callers = [Caller(machine) for machine in processes.machines for _ in range(8)]
    with ThreadPoolExecutor(len(callers)) as pool:
        try:
            running = [pool.submit(caller.run, stopping) for caller in callers]
            await processes.until(lambda: _done(all(caller.codes for caller in callers)), "nobody is answered")
            victims = connected_to(before[0])
            os.kill(before[0], signal.SIGKILL)
            cut = [caller for caller in callers if caller.first_port in victims]
            await processes.until(lambda: _done(all(caller.broken for caller in cut)), "nobody is cut off")
            await processes.until(lambda: _done(before[0] not in machine.workers()), "it lives")
            await processes.until(lambda: _done(len(machine.workers()) == WORKERS), "nobody follows it")
            await processes.healthy()
        finally:
            stopping.set()
    assert all(future.exception() is None for future in running)
    assert [caller for caller in callers if caller.broken] == cut
    assert {code for caller in callers for code in caller.codes} == {0}
    await processes.warm("cmsi")
    assert await processes.issued(QY) == 1


async def test_redis_may_be_killed_and_come_back_under_load(processes: Processes) -> None:
    await processes.warm("cmsi", "plain")
    codes: Counter[int] = Counter()
    loading = asyncio.ensure_future(_load(processes, codes))
    await processes.until(lambda: _done(codes.total() >= 10), "nobody is answered")
    processes.redis.stop()
    await processes.until(lambda: _is_away(processes), "nobody misses the store")
    plain = await processes.send(1, "plain")
    assert (plain["code"], "[store]" in plain["message"]) == (1306201, True)
    assert (await processes.send(1))["result"]
    processes.redis.start()
    await processes.healthy()
    assert results(await processes.send_at_once(3, "plain")) == {0: 12}
    before = codes.total()
    await processes.until(lambda: _done(codes.total() >= before + 10), "nobody is answered any more")
    loading.cancel()
    await asyncio.wait([loading])
    assert set(codes) == {0}
    assert (await processes.issued(QY), await processes.issued(MP)) == (1, 1)


async def test_a_paused_redis_holds_nobody_up(processes: Processes) -> None:
    await processes.warm("cmsi", "plain")
    processes.redis.pause()
    try:
        answers = await processes.send_at_once(5) + await processes.send_at_once(5, "plain")
        assert results(answers) == {0: 20, 1306201: 20}
        async with asyncio.timeout(100 * SILENCE):  # enough by far, unless each waits for it
            assert results([await processes.send(number, "plain") for number in range(100)]) == {1306201: 100}
    finally:
        processes.redis.resume()
    await processes.healthy()
    assert results(await processes.send_at_once(1, "plain")) == {0: 4}
    assert (await processes.issued(QY), await processes.issued(MP)) == (1, 1)


async def _done(condition: bool) -> bool:
    return condition


async def _is_away(processes: Processes) -> bool:
    return all([await processes.health(number) == AWAY for number in range(MACHINES)])


async def _load(processes: Processes, codes: Counter[int]) -> None:
    """Send to WeCom until cancelled, and count the codes of the answers."""
    for number in count():
        codes += results([await processes.send(number)])
