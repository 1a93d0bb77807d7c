"""Recalls with several processes: the supervisor has no components, and lets a worker take messages back."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.support.configuration import SERVICES, WECOM
from tests.support.databases import open_database, stanza
from tests.support.ports import free_port
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, exchange, running, until
from tests.support.processes.deployment import BEARER, TOKENS

CONFIG = """\
version: 1
server: {{port: 0, workers: 2, admin: {{port: {admin}{tokens}}}}}
sandbox: {{port: {sandbox}}}
{services}{database}  store: {{use: memory, config: {{per_process: accept}}}}
deliveries: {{run: here}}
components:
{components}"""


def test_a_worker_takes_messages_back_for_an_operator(tmp_path: Path) -> None:
    async def begin() -> None:
        async with open_database(url):
            pass

    url, file = f"sqlite:///{tmp_path / 'esb.db'}", tmp_path / "esb.yaml"
    admin, sandbox = free_port(), free_port()
    services = SERVICES.removeprefix("version: 1\n")
    text = CONFIG.format(
        admin=admin, sandbox=sandbox, tokens=TOKENS, services=services, database=stanza(url), components=WECOM
    )
    file.write_text(text)
    asyncio.run(begin())

    def ask(path: str, method: str = "GET") -> Any:
        request = Request(f"http://127.0.0.1:{admin}{path}", method=method, headers=BEARER)
        with urlopen(request) as response:  # noqa: S310 - our own
            return json.load(response)

    with running("serve", "-c", file, log=tmp_path / "log") as esb:
        accepted = exchange(esb.url + SEND_WEIXIN, {**NOTICE, "async": True}).body["data"]["delivery"]["id"]
        until(lambda: ask(f"/-/deliveries/{accepted}")["delivery"]["state"] == "done")
        control, recalls = f"http://127.0.0.1:{sandbox}/_sandbox", "/cgi-bin/message/recall"
        exchange(f"{control}/faults", {"match": {"path": recalls}, "action": {"latency_ms": 8000}, "times": 1})
        with ThreadPoolExecutor() as threads:
            slow = threads.submit(ask, f"/-/deliveries/{accepted}/recall", "POST")
            until(lambda: recalls in exchange(f"{control}/stats").body["endpoints"])
            processes = ask("/-/health")["processes"]
            assert not slow.done()
            assert all(each["pid"] for each in processes), "one that waits for a platform does not say how it is"
            answer = slow.result()
        assert answer["recalled"] == 1
        assert [each["state"] for each in answer["receivers"]] == ["recalled"]
        (written,) = ask("/-/history?action=delivery.recall")["history"]
        assert written["actor"] == "admin:ops"
