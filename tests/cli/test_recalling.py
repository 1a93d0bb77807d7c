"""`esb delivery recall`: messages are taken back from the command line, by the platform itself."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from esb.cli.main import main
from esb.gateway.app import GATEWAY
from tests.support.configuration import OFFICIAL_ACCOUNT, OPENID, SERVICES, WECOM
from tests.support.databases import stanza
from tests.support.gateway import Gateway, OpenGateway, Sandbox


@pytest.fixture
def config(database_url: str, database: object, sandbox: Sandbox) -> str:
    """A configuration but for its components, whose sandbox runs elsewhere."""
    return f"{SERVICES}{stanza(database_url)}ledger: {{sync: on}}\ncomponents:\n"


async def sent(gateway: Gateway, receiver: str) -> None:
    assert (await gateway.send(receiver))["result"]
    recorder = gateway.app[GATEWAY].deliveries.recorder
    assert recorder is not None
    await recorder.write()


async def esb(folder: Path, *arguments: str, code: int = 0, command: str = "delivery") -> str:
    """What a command prints, which runs in a thread: it has a loop of its own."""
    done = await asyncio.to_thread(
        CliRunner().invoke, main, [command, *arguments, "-c", str(folder / "esb.yaml")], env={"ESB_CONFIG": None}
    )
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


async def identity_of(folder: Path) -> str:
    """The id of the only delivery."""
    return (await esb(folder, "list")).splitlines()[1].split()[0]


async def test_messages_are_taken_back_beside_a_gateway(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    gateway = await open_gateway(config=config + WECOM.replace("${sandbox}", sandbox.url))
    await sent(gateway, "zhangsan,lisi")
    identity = await identity_of(tmp_path)
    assert await esb(tmp_path, "recall", identity) == "1 messages are taken back\n"
    (message,) = await sandbox.messages()
    assert message["recalled"]
    written = await esb(tmp_path, "--action", "delivery.recall", command="history")
    assert identity in written
    assert "cli:" in written
    assert "cannot be taken back" in await esb(tmp_path, "recall", identity, code=1)
    assert "does not exist" in await esb(tmp_path, "recall", "0" * 32, code=1)


async def test_what_cannot_be_taken_back_is_told(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    gateway = await open_gateway(config=config + OFFICIAL_ACCOUNT.replace("${sandbox}", sandbox.url))
    await sent(gateway, OPENID)
    assert "cannot be taken back" in await esb(tmp_path, "recall", await identity_of(tmp_path), code=1)


async def test_components_that_cannot_be_built_are_told_as_mistakes(
    config: str, open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    gateway = await open_gateway(config=config + WECOM.replace("${sandbox}", sandbox.url))
    await sent(gateway, "zhangsan")
    identity = await identity_of(tmp_path)
    file = tmp_path / "esb.yaml"
    file.write_text(file.read_text().replace("wx_qy_agentid: 1000002", "wx_qy_agent: 1000002"))
    assert "wx_qy_agent" in await esb(tmp_path, "recall", identity, code=78)
