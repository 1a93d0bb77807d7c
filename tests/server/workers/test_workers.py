"""Many worker processes behind one address: kept alive, reloaded together, counted together."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from esb.config import load
from tests.support.ports import free_port
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, Running, exchange, running, until
from tests.support.processes.command_line import run as run_esb
from tests.support.servers.slow_wecom import SlowWeCom

CONFIG = """\
version: 1
server: {{port: 0, workers: {workers}, shutdown_grace: 10, admin: {{port: {admin}}}}}
sandbox: {{port: 0}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [{secret}], impersonate: ["*"]}}]}}}}
  store: {{use: memory, config: {{per_process: accept}}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {{wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
              wx_qy_host: "{wecom}", wx_qy_member_per_minute: 0}}
"""


FRAGILE = """\
version: 1
server: {port: 0, workers: 2}
services: {store: {use: memory, config: {per_process: accept}}}
components: [{path: /test/fragile/, use: "fragile:Fragile"}]
"""
PLUGIN = """\
import os
import sys
from esb import Component

class Fragile(Component):
    def __init__(self, config, services):
        super().__init__(config, services)
        if "worker" in sys.argv[0]:
            HOW

    async def handle(self, call, params):
        return None
"""


class SupervisedGateway:
    """A supervisor with its workers, and the config that they run."""

    def __init__(self, serving: Running, config: Path, admin: str) -> None:
        self.serving = serving
        self.config = config
        self.admin = admin

    def send(self, secret: str = "demo-secret") -> int:  # noqa: S107 - the sandbox's callers have it
        """Return the code that a send is answered with. OSError if no answer comes."""
        answer = exchange(self.serving.url + SEND_WEIXIN, {**NOTICE, "bk_app_secret": secret})
        return int(answer.body["code"])

    def ready(self) -> bool:
        return exchange_text(f"{self.admin}/readyz").strip() == "ok"

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        pid = self.serving.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def counted(self) -> float:
        """Return the number of sends answered with success, over all processes that were and are."""
        text = exchange_text(f"{self.admin}/metrics")
        return sum(float(value) for value in re.findall(r'esb_calls_total\{[^}]*outcome="ok"[^}]*\} ([\d.]+)', text))


def exchange_text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return str(error.read().decode())


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[SupervisedGateway]:
    port = free_port()
    config = tmp_path / "esb.yaml"
    config.write_text(CONFIG.format(workers=2, admin=port, secret="demo-secret", wecom="${sandbox}"))
    with running("serve", "-c", config, log=tmp_path / "log", ESB_LOG="json") as serving:
        yield SupervisedGateway(serving, config, f"http://127.0.0.1:{port}")


@pytest.fixture
def slow_gateway(tmp_path: Path, slow_wecom: SlowWeCom) -> Iterator[SupervisedGateway]:
    """Workers whose sends last until the test lets them be answered."""
    port = free_port()
    config = tmp_path / "esb.yaml"
    config.write_text(CONFIG.format(workers=2, admin=port, secret="demo-secret", wecom=slow_wecom.url))
    with running("serve", "-c", config, log=tmp_path / "log", ESB_LOG="json") as serving:
        yield SupervisedGateway(serving, config, f"http://127.0.0.1:{port}")


def gone(pids: list[int]) -> bool:
    return not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_workers_share_an_address_and_are_counted_together(gateway: SupervisedGateway) -> None:
    assert len(gateway.workers()) == 2
    assert [gateway.send() for _ in range(20)] == [0] * 20
    assert gateway.counted() == 20
    assert gateway.ready()

    workers = gateway.workers()
    gateway.serving.stop(signal.SIGTERM)
    finished = gateway.serving.finish()
    assert finished.code == 0
    assert finished.stdout.count("listening on") == 1
    assert gone(workers)


def test_what_workers_count_each_for_itself_is_known_to_none_of_them(gateway: SupervisedGateway) -> None:
    question = {"app": "esb_demo", "component": "cmsi.send_weixin", "user": "admin"}
    answer = exchange(f"{gateway.admin}/-/explain", question)
    verdicts = {link["link"]: link["verdict"] for link in answer.body["links"]}
    assert verdicts["permission"] == "allowed"
    assert verdicts["gates"] == "not known here"


def test_each_worker_tells_how_it_is(gateway: SupervisedGateway) -> None:
    assert [gateway.send() for _ in range(5)] == [0] * 5
    health = exchange(f"{gateway.admin}/-/health").body
    assert (health["well"], health["troubles"]) == (True, [])
    assert {process["pid"] for process in health["processes"]} == {*gateway.workers()}
    assert {process["version"] for process in health["processes"]} == {health["version"]}
    (component,) = (each for each in health["components"] if each["name"] == "cmsi.send_weixin")
    assert component["total"]["calls"] == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_call_in_flight_finishes_and_no_process_stays(
    slow_gateway: SupervisedGateway, slow_wecom: SlowWeCom, number: int
) -> None:
    workers = slow_gateway.workers()
    # What a terminal sends to the supervisor's group is not for workers: they drain when it tells them.
    assert slow_gateway.serving.pid not in {os.getpgid(worker) for worker in workers}
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(slow_gateway.send)
        assert slow_wecom.arrived.wait(60)
        slow_gateway.serving.stop(number)
        if number != signal.SIGKILL:
            until(lambda: exchange_text(f"{slow_gateway.admin}/readyz") != "ok\n")
        slow_wecom.release.set()
        assert sending.result() == 0
    assert slow_gateway.serving.wait() == (-number if number == signal.SIGKILL else 0)
    until(lambda: gone(workers))
    assert "Traceback" not in slow_gateway.serving.log()


def test_another_gateway_does_not_come_to_share_the_address(gateway: SupervisedGateway) -> None:
    port = gateway.serving.url.rpartition(":")[2]
    second = run_esb("serve", "-c", gateway.config, "--port", port)
    assert (second.code, second.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port} (--port): Address already in use" in second.stderr


@pytest.mark.parametrize("how", ["os._exit(3)", "raise ValueError('no luck')"])
def test_a_worker_that_cannot_start_ends_the_gateway_after_some_tries(tmp_path: Path, how: str) -> None:
    config = tmp_path / "esb.yaml"
    config.write_text(FRAGILE)
    (tmp_path / "fragile.py").write_text(PLUGIN.replace("HOW", how))
    served = run_esb("serve", "-c", config)
    assert (served.code, served.stdout) == (1, "")
    assert "a worker ended 3 times before all listened, with status" in served.stderr
    assert ("failed to build: ValueError" in served.stderr) == ("ValueError" in how)
    assert "Traceback" not in served.stderr


def test_dev_is_one_process_whatever_the_number_of_workers(tmp_path: Path) -> None:
    config = tmp_path / "esb.yaml"
    config.write_text(CONFIG.format(workers=2, admin=free_port(), secret="demo-secret", wecom="${sandbox}"))
    with running("dev", "-c", config, log=tmp_path / "log") as serving:
        gateway = SupervisedGateway(serving, config, "")
        assert gateway.send() == 0
        assert gateway.workers() == []


def test_a_worker_that_is_killed_is_followed_by_another_and_what_it_counted_stays(gateway: SupervisedGateway) -> None:
    assert [gateway.send() for _ in range(10)] == [0] * 10
    until(lambda: gateway.counted() == 10)
    old = gateway.workers()
    os.kill(old[0], signal.SIGKILL)
    until(lambda: not gateway.ready())
    until(lambda: len(gateway.workers()) == 2 and old[0] not in gateway.workers() and gateway.ready())

    assert [gateway.send() for _ in range(10)] == [0] * 10
    assert gateway.counted() == 20
    assert '"worker ended"' in gateway.serving.log()


def test_hup_reloads_all_workers_and_a_restarted_one_runs_what_its_siblings_run(gateway: SupervisedGateway) -> None:
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("[demo-secret]", "[new-secret]"))
    gateway.serving.stop(signal.SIGHUP)
    until(lambda: '"reloaded"' in gateway.serving.log())
    reloaded = next(line for line in gateway.serving.log().splitlines() if '"reloaded"' in line)
    assert json.loads(reloaded)["ms"] > 0
    assert [gateway.send("new-secret") for _ in range(10)] == [0] * 10
    assert {gateway.send() for _ in range(10)} == {1306000}

    gateway.config.write_text("what nobody reloads: [")
    os.kill(gateway.workers()[0], signal.SIGKILL)
    until(lambda: len(gateway.workers()) == 2 and gateway.ready())
    assert [gateway.send("new-secret") for _ in range(10)] == [0] * 10

    gateway.serving.stop(signal.SIGHUP)
    until(lambda: '"reload refused"' in gateway.serving.log())
    metrics = exchange_text(f"{gateway.admin}/metrics")
    assert 'esb_reloads_total{outcome="ok"} 1.0' in metrics
    assert 'esb_reloads_total{outcome="refused"} 1.0' in metrics
    assert "esb_config_last_reload_successful 0.0" in metrics

    told = exchange(f"{gateway.admin}/-/config/changes").body
    assert (told["by"], told["number"], told["refused"]["is_last"]) == ("SIGHUP", 1, True)
    assert told["changes"][0]["after"] == "***"
    assert exchange(f"{gateway.admin}/-/config/warnings").body["warnings"]
    assert gateway.send("new-secret") == 0


def test_a_worker_that_starts_while_its_siblings_reload_answers_as_they_do(gateway: SupervisedGateway) -> None:
    gateway.config.write_text(gateway.config.read_text().replace("[demo-secret]", "[new-secret]"))
    os.kill(gateway.workers()[0], signal.SIGKILL)
    until(lambda: not gateway.ready())
    until(lambda: len(gateway.workers()) == 2)  # it has the old orders, and does not listen yet
    gateway.serving.stop(signal.SIGHUP)
    until(lambda: '"reloaded"' in gateway.serving.log() and gateway.ready())
    assert {gateway.send("new-secret") for _ in range(20)} == {0}


def test_what_processes_cannot_share_is_a_mistake(tmp_path: Path) -> None:
    config = tmp_path / "esb.yaml"
    official = """\
version: 1
server: {workers: 2}
STORE
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {wx_type: mp, wx_app_id: wx1, wx_secret: s, wx_template_id: t, wx_token_api: plain}
"""
    config.write_text(official.replace("STORE", ""))
    checked = run_esb("check", "-c", config)
    assert checked.code == 1
    assert f"{config}:2: server.workers: each of 2 processes would remember nonces" in checked.stdout
    assert f"{config}:7: components[0].config.wx_token_api: each fetch of a plain token kills" in checked.stdout

    accepted = "services: {store: {use: memory, config: {per_process: accept}}}"
    config.write_text(official.replace("STORE", accepted))
    assert "server.workers" not in run_esb("check", "-c", config).stdout
    assert "wx_token_api" in run_esb("check", "-c", config).stdout
    config.write_text(official.replace("STORE", accepted).replace("plain", "stable"))
    assert run_esb("check", "-c", config).stdout.splitlines()[-1].startswith("ok: 1 components")
    assert load(config).server.workers == 2
