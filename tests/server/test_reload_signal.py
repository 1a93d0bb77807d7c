"""SIGHUP as operators send it: to a process that serves, and while it is busy."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, Running, exchange, running, until

CONFIG = """\
version: 1
server: {{port: 0}}
sandbox: {{port: 0}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
include: [more/*.yaml]
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {{wx_type: qy, wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: "{secret}", wx_qy_agentid: 1000002,
             wx_qy_host: "${{sandbox}}"}}
  - {{path: /test/word/, use: "word:Word", config: {{word: {word}}}}}
"""
PLUGIN = """\
from esb import Component, ConfigModel

class Config(ConfigModel):
    word: str

class Word(Component):
    config_type = Config

    async def handle(self, call, params):
        return self.config.word + "{ending}"
"""
CORPSECRET = "corp-secret"
WORD = "/api/c/compapi/test/word/"


def write(folder: Path, *, corpsecret: str = CORPSECRET, word: str = "one", ending: str = "") -> Path:
    (folder / "more").mkdir(exist_ok=True)
    (folder / "more" / "empty.yaml").write_text("components: []\n")
    (folder / "word.py").write_text(PLUGIN.format(ending=ending))
    path = folder / "esb.yaml"
    path.write_text(CONFIG.format(secret=corpsecret, word=word))
    return path


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Running]:
    with running("serve", "-c", write(tmp_path), log=tmp_path / "log", ESB_LOG="json") as serving:
        yield serving


def reload(gateway: Running) -> dict[str, object]:
    """Send HUP; return the line of the log about the reload."""
    before = len(reloads(gateway))
    gateway.stop(signal.SIGHUP)
    until(lambda: len(reloads(gateway)) > before)
    return reloads(gateway)[-1]


def reloads(gateway: Running) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in gateway.log().splitlines() if line.startswith("{") and line.endswith("}")]
    return [line for line in lines if line["event"] in {"reloaded", "reload refused"}]


def word(gateway: Running) -> str:
    return str(exchange(gateway.url + WORD, NOTICE).body["data"])


def test_hup_reads_the_configuration_and_the_plugins_again(gateway: Running, tmp_path: Path) -> None:
    assert word(gateway) == "one"
    write(tmp_path, word="two", ending="!")
    told = reload(gateway)
    assert (told["event"], told["generation"]) == ("reloaded", 2)
    assert word(gateway) == "two!"
    gateway.stop()
    assert gateway.finish().code == 0


def test_a_bad_configuration_changes_nothing_and_the_log_says_why(gateway: Running, tmp_path: Path) -> None:
    path = write(tmp_path, word="[two]")
    (tmp_path / "more" / "wrong.yaml").write_text("components:\n  - {path: /a/b/, use: nobody}\n")
    told = reload(gateway)
    assert (told["event"], told["generation"], told["level"]) == ("reload refused", 1, "error")
    assert told["mistakes"] == [
        f"{path}:12: components[1].config.word: expected a string, found a list",
        f"{tmp_path}/more/wrong.yaml:2: components[0].use: unknown plugin 'nobody'; "
        "write a built-in name or package.module:Class",
    ]
    assert word(gateway) == "one"


def test_the_address_cannot_change(gateway: Running, tmp_path: Path) -> None:
    path = write(tmp_path, word="two")
    path.write_text(path.read_text().replace("port: 0", "port: 1", 1).replace("port: 0", "port: 2", 1))
    told = reload(gateway)
    assert told["event"] == "reload refused"
    refusal = "a reload cannot change this; put it back, or restart the gateway"
    assert told["mistakes"] == [f"{path}:2: server.port: {refusal}", f"{path}:3: sandbox: {refusal}"]
    assert word(gateway) == "one"


def test_a_changed_corpsecret_counts_from_the_next_send_on(gateway: Running, tmp_path: Path) -> None:
    assert exchange(gateway.url + SEND_WEIXIN, NOTICE).body["result"]
    write(tmp_path, corpsecret="wrong-secret")
    reload(gateway)
    refused = exchange(gateway.url + SEND_WEIXIN, NOTICE).body
    assert not refused["result"]
    write(tmp_path)
    reload(gateway)
    assert exchange(gateway.url + SEND_WEIXIN, NOTICE).body["result"]


def test_a_command_line_option_outlives_a_reload(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("server: {port: 0}", "server: {port: 1}"))
    with running("serve", "-c", path, "--port", "0", log=tmp_path / "log", ESB_LOG="json") as gateway:
        assert reload(gateway)["event"] == "reloaded"
        assert word(gateway) == "one"


async def test_ten_reloads_under_load_fail_no_request(gateway: Running, tmp_path: Path) -> None:
    answers: list[str] = []
    stop = asyncio.Event()

    async def caller(http: ClientSession) -> None:
        while not stop.is_set():
            async with http.post(gateway.url + WORD, json=NOTICE) as response:
                assert response.status == 200
                envelope = await response.json()
                assert envelope["result"], envelope
                answers.append(envelope["data"])

    async with ClientSession() as http, asyncio.TaskGroup() as callers:
        for _ in range(16):
            callers.create_task(caller(http))
        for number in range(10):
            write(tmp_path, word=f"word{number}")
            told = await asyncio.to_thread(reload, gateway)
            assert told["event"] == "reloaded"
        stop.set()
    assert word(gateway) == "word9"
    assert len(set(answers)) > 5  # the load went on through the reloads
    assert len(answers) > 100
