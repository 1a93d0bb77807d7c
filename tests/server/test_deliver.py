"""`esb deliver` as a process of its own."""

from pathlib import Path

from tests.support.clock import Clock
from tests.support.configuration import WECOM
from tests.support.databases import open_database
from tests.support.deliveries import accepting_config
from tests.support.delivering import Delivering
from tests.support.gateway import OpenGateway, Sandbox
from tests.support.processes.command_line import run, running

CONFIG_INVALID = 78


async def test_a_process_of_its_own_sends_what_others_accept(
    open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    config = accepting_config(url, WECOM.replace("${sandbox}", sandbox.url))
    async with open_database(url) as database:
        gateway = await open_gateway(config=config)
        accepting = Delivering(gateway, database, sandbox, Clock())
        identity = await accepting.accept()
        with running("deliver", "-c", tmp_path / "esb.yaml", log=tmp_path / "log") as deliverer:
            assert deliverer.ready_line == "delivering\n"
            await accepting.states_are(identity, ["accepted"])
            deliverer.stop()
            assert deliverer.finish().code == 0
    (message,) = await sandbox.messages()
    assert message["delivered"] == ["zhangsan"]


def test_a_configuration_that_accepts_nothing_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text("version: 1\ncomponents: []\n")
    ended = run("deliver", "-c", file)
    assert (ended.code, ended.stdout) == (CONFIG_INVALID, "")
    assert "esb.yaml:1: deliveries: there is nothing to deliver" in ended.stderr


def test_a_sandbox_at_a_port_that_nobody_knows_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(accepting_config(f"sqlite:///{tmp_path}/esb.db") + "sandbox: {port: 0}\n")
    ended = run("deliver", "-c", file)
    assert ended.code == CONFIG_INVALID
    assert "sandbox.port: `esb deliver` cannot know" in ended.stderr
