"""The configuration that answers, as the admin listener tells of it: who loaded it, what that changed, its warnings."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.support.configuration import WECOM
from tests.support.processes.deployment import Watched, watched

OTHER = "  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n"


@pytest.fixture
def opening(tmp_path: Path, http: ClientSession, opened: AsyncExitStack) -> Callable[..., Any]:
    """Open a deployment with an admin listener."""

    async def open_one(components: str = WECOM, **options: Any) -> Watched:
        return await opened.enter_async_context(watched(tmp_path, http, components, **options))

    return open_one


async def reloaded(gateway: Watched, text: str, status: int = 200) -> None:
    gateway.file.write_text(text)
    assert (await gateway.ask("/-/reload", "POST")).status == status


async def test_before_the_first_reload_nothing_has_changed(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    told = await gateway.json("/-/config/changes")
    assert (told["by"], told["hash"]) == ("start", gateway.deployment.gateway.config.hash)
    assert (told["previous"], told["changes"], told["refused"]) == (None, [], None)
    assert told["files"] == [str(gateway.file)]


async def test_a_reload_tells_what_it_has_changed_and_who_asked(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    before = await gateway.json("/-/config/changes")
    await reloaded(gateway, gateway.file.read_text() + OTHER)
    told = await gateway.json("/-/config/changes")
    assert told["by"] == "admin:ops"
    assert told["previous"] == {key: before[key] for key in ("hash", "at", "by")}
    (change,) = told["changes"]
    assert (change["key"], change["before"]) == ("components[/cmsi/get_msg_type/]", None)
    assert (change["after"]["use"], told["number"]) == ("cmsi_get_msg_type", 1)


async def test_a_changed_secret_is_told_and_not_shown(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    old = gateway.file.read_text()
    assert "demo-secret" in old
    await reloaded(gateway, old.replace("demo-secret", "quite-another-secret"))
    response = await gateway.ask("/-/config/changes")
    text = await response.text()
    assert not any(secret in text for secret in ("demo-secret", "quite-another-secret", "fingerprint"))
    (change,) = (await response.json())["changes"]
    assert (change["before"], change["after"]) == ("***", "***")
    assert "secrets" in change["key"]


async def test_a_reload_of_the_same_files_changes_nothing(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    await reloaded(gateway, gateway.file.read_text())
    told = await gateway.json("/-/config/changes")
    assert (told["changes"], told["number"]) == ([], 0)
    assert told["previous"]["hash"] == told["hash"]


async def test_a_refused_reload_leaves_its_mistakes_with_their_lines(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    right = gateway.file.read_text()
    await reloaded(gateway, right + "nonsense: true\n", 422)
    told = await gateway.json("/-/config/changes")
    (mistake,) = told["refused"]["mistakes"]
    assert (mistake["key"], mistake["line"]) == ("nonsense", right.count("\n") + 1)
    assert (told["refused"]["by"], told["refused"]["is_last"], told["by"]) == ("admin:ops", True, "start")
    await reloaded(gateway, right)
    told = await gateway.json("/-/config/changes")
    assert (told["refused"]["is_last"], told["by"]) == (False, "admin:ops")


async def test_the_warnings_are_those_of_the_files_that_answer(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    told = (await gateway.json("/-/config/warnings"))["warnings"]
    assert told
    assert {"id", "severity", "file", "line", "key", "text", "fix", "page"} == told[0].keys()
    assert (await gateway.json("/-/config/warnings"))["warnings"] == told
    right = gateway.file.read_text()
    allowed = right.splitlines()
    ids = {warning["id"] for warning in told if warning["line"] == told[0]["line"]}
    allowed[told[0]["line"] - 1] += f" # esb: allow {', '.join(sorted(ids))}"
    await reloaded(gateway, "\n".join(allowed) + "\n")
    after = (await gateway.json("/-/config/warnings"))["warnings"]
    assert after
    assert told[0]["line"] not in {warning["line"] for warning in after}
    await reloaded(gateway, "nonsense: true\n", 422)
    assert (await gateway.json("/-/config/warnings"))["warnings"] == after
