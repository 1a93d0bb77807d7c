"""The health of a gateway as the admin listener tells it: processes, channels, store, database, and the verdict."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from esb.config import load
from esb.core.events import Crashed, GateClosed, StoreTurned, TokenFetched
from esb.core.process_events import DatabaseTurned
from esb.server.health_report import Observed, report
from esb.server.health_verdict import troubles
from esb.server.process_details import ProcessDetails
from esb.server.process_status import Described, ProcessStatus
from esb.telemetry.metrics import Snapshot
from tests.support.configuration import WECOM
from tests.support.databases import open_database, stanza
from tests.support.ports import free_port
from tests.support.processes.deployment import SANDBOX, Watched, watched, written

BROKEN = """\
  - path: /broken/list/
    use: http
    config: {hosts: ["http://127.0.0.1:%d"], path: /, breaker: {failures: 1, seconds: 60}}
"""


@pytest.fixture
def opening(tmp_path: Path, http: ClientSession, opened: AsyncExitStack) -> Callable[..., Any]:
    """Open a deployment with an admin listener."""

    async def open_one(components: str = WECOM, **options: Any) -> Watched:
        return await opened.enter_async_context(watched(tmp_path, http, components, **options))

    return open_one


async def kinds(gateway: Watched) -> list[str]:
    health = await gateway.json("/-/health")
    assert health["well"] == (not health["troubles"])
    return [trouble["kind"] for trouble in health["troubles"]]


async def test_all_is_well_with_a_gateway_that_answers(opening: Callable[..., Any]) -> None:
    health = await (await opening()).json("/-/health")
    assert (health["well"], health["troubles"]) == (True, [])
    (process,) = health["processes"]
    assert (process["health"], process["generation"], process["in_flight"]) == ("ok", 1, 0)
    assert process["version"] == health["version"]
    assert health["store"] == {"use": "memory", "away": 0, "trouble": "", "since": None}
    assert health["database"] is health["deliveries"] is None
    assert health["sandbox"].startswith("http://127.0.0.1:")


async def test_calls_of_each_component_are_told_and_where_failures_come_from(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    await gateway.send()
    first = await gateway.json("/-/health")
    (component,) = (each for each in first["components"] if each["name"] == "cmsi.send_weixin")
    assert component["total"] == {"calls": 1, "failed": {"caller": 0, "gateway": 0, "upstream": 0}, "outcomes": {}}
    assert (first["late_since"], component["late"]) == (None, None)

    await gateway.send("nobody-here")
    second = await gateway.json("/-/health")
    (component,) = (each for each in second["components"] if each["name"] == "cmsi.send_weixin")
    assert component["total"]["calls"] == 2
    assert second["late_since"] == first["at"]
    assert component["late"]["calls"] == 1
    assert sum(component["late"]["failed"].values()) == 1
    interfaces = {each["interface"]: each["total"] for each in second["upstreams"]}
    assert interfaces["send_message"]["ok"] >= 1


async def test_a_used_up_quota_is_told_until_it_is_back(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    gateway.deployment.gateway.observer.emit(GateClosed("wecom", "ww1", 45009, 3600.0))
    assert await kinds(gateway) == ["gates"]
    health = await gateway.json("/-/health")
    (gate,) = health["gates"]
    assert (gate["platform"], gate["account"], gate["errcode"]) == ("wecom", "ww1", 45009)
    assert gate["until"] > health["at"]


async def test_a_component_whose_quota_is_used_up_is_told_by_its_name_and_until_when(
    opening: Callable[..., Any],
) -> None:
    gateway = await opening()
    async with gateway.http.post(
        f"{gateway.deployment.sandbox.url}/_sandbox/faults",
        json={"match": {"path": "/cgi-bin/message/send"}, "action": {"errcode": 45009}, "times": 0},
    ) as response:
        assert response.status < 300
    assert (await gateway.send())["result"] is False
    health = await gateway.json("/-/health")
    assert [trouble["kind"] for trouble in health["troubles"]] == ["closed"]
    assert "cmsi.send_weixin" in health["troubles"][0]["text"]
    (component,) = (each for each in health["components"] if each["closed"])
    assert "45009" in component["closed"]["why"]
    assert component["closed"]["until"] > health["at"]
    assert health["gates"][0]["hint"].startswith("Too many calls")


async def test_a_refused_secret_is_told_until_a_token_comes(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    emit = gateway.deployment.gateway.observer.emit
    emit(TokenFetched("wecom", "ww1", "refused", 0.1, 40001, "invalid credential", "look at wx_qy_corpsecret"))
    health = await gateway.json("/-/health")
    assert [trouble["kind"] for trouble in health["troubles"]] == ["tokens"]
    assert (health["tokens"][0]["errcode"], health["tokens"][0]["hint"]) == (40001, "look at wx_qy_corpsecret")
    emit(TokenFetched("wecom", "ww1", "fetched", 0.1))
    assert await kinds(gateway) == []


async def test_an_open_breaker_is_told_with_its_component_and_app(opening: Callable[..., Any]) -> None:
    gateway = await opening(BROKEN % free_port())
    body = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
    async with gateway.http.post(f"{gateway.deployment.url}/api/c/compapi/broken/list/", json=body) as response:
        assert (await response.json())["result"] is False
    health = await gateway.json("/-/health")
    assert [trouble["kind"] for trouble in health["troubles"]] == ["breakers"]
    (breaker,) = health["breakers"]
    assert (breaker["component"], breaker["app"]) == ("broken.list", "esb_demo")
    assert breaker["seconds"] > 0


async def test_a_crash_is_told_while_it_is_of_late(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    assert await kinds(gateway) == []
    gateway.deployment.gateway.observer.emit(Crashed("", "testing", "ValueError", ()))
    assert await kinds(gateway) == ["crashes"]


async def test_a_refused_reload_is_told_until_one_is_applied(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    right = gateway.file.read_text()
    gateway.file.write_text(right + "nonsense: true\n")
    assert (await gateway.ask("/-/reload", "POST")).status == 422
    assert await kinds(gateway) == ["reload"]
    gateway.file.write_text(right)
    assert (await gateway.ask("/-/reload", "POST")).status == 200
    assert await kinds(gateway) == []


async def test_a_draining_gateway_is_not_well(opening: Callable[..., Any]) -> None:
    gateway = await opening()
    gateway.deployment.gateway.ingress.drain()
    health = await gateway.json("/-/health")
    assert health["troubles"][0]["text"] == "1 of 1 processes do not answer calls: draining."


async def test_what_is_away_is_told_with_the_reason_and_since_when(
    opening: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opening()
    inner = gateway.deployment.gateway
    monkeypatch.setattr(type(inner.store), "trouble", "it does not answer", raising=False)
    inner.observer.emit(StoreTurned("it does not answer"))
    health = await gateway.json("/-/health")
    assert [trouble["kind"] for trouble in health["troubles"]] == ["store"]
    assert (health["store"]["away"], health["store"]["trouble"]) == (1, "it does not answer")
    assert health["store"]["since"] is not None


async def test_the_database_its_apps_and_what_is_held_back_are_told(
    tmp_path: Path, opening: Callable[..., Any]
) -> None:
    url = f"sqlite:///{tmp_path / 'esb.db'}"
    async with open_database(url):
        pass
    more = f"{SANDBOX}deliveries: {{run: here}}\n"
    gateway = await opening(more=more, services=stanza(url))
    held = {"component": "cmsi.send_weixin", "reason": "a storm"}
    assert (await gateway.ask("/-/deliveries/hold", "POST", json=held)).status == 200
    await gateway.deployment.gateway.deliveries._ages.sample()
    health = await gateway.json("/-/health")
    assert health["database"]["use"] == "sqlite"
    assert (health["database"]["away"], len(health["database"]["schema"])) == (0, 4)
    (hold,) = health["deliveries"]["held"]
    assert (hold["what"], hold["by"], hold["reason"]) == ("cmsi.send_weixin", "admin:ops", "a storm")
    assert health["deliveries"]["engine"]["use"] == "embedded"
    assert [trouble["kind"] for trouble in health["troubles"]] == ["operator_hold"]


async def test_a_process_that_does_not_answer_tells_nothing_and_hides_nobody(tmp_path: Path) -> None:
    config = load(written(tmp_path, 1, more=""), {}, sandbox_url="http://127.0.0.1:9")
    well = Described(ProcessStatus("ok", 1, 3, Snapshot()), ProcessDetails(7, "1.0", 0.0, store_trouble="is away"))
    other = Described(ProcessStatus("ok", 1, 2, Snapshot()), ProcessDetails(8, "1.1", 0.0))
    silent = Described(ProcessStatus("starting", 0, 0, Snapshot()), None)
    seen = Observed(config, [well, other, silent], Snapshot(), None, None, None, None, 1.0)
    assert [process["pid"] for process in report(seen)["processes"]] == [7, 8, None]
    texts = [trouble.as_json()["text"] for trouble in troubles(seen)]
    assert texts == [
        "1 of 3 processes do not answer calls: starting.",
        "The processes run different versions: 1.0, 1.1.",
        "The processes answer by different configurations.",
        "The shared store is away from 1 of 3 processes: is away.",
    ]


async def test_nothing_in_it_is_secret(tmp_path: Path, opening: Callable[..., Any]) -> None:
    gateway = await opening()
    gateway.deployment.gateway.observer.emit(DatabaseTurned("it does not answer"))
    text = await (await gateway.ask("/-/health")).text()
    assert "demo-secret" not in text
    assert gateway.file.name not in text
