"""alert_webhook: a sender's second try sends nothing twice, and what it tells again after hours is sent again."""

import asyncio
from typing import Any

import pytest

from tests.support.alerts import ALERTMANAGER, GRAFANA, HOOK, ZABBIX, resolved, stanza
from tests.support.clock import Clock
from tests.support.configuration import WECOM
from tests.support.gateway import Gateway, OpenGateway, Sandbox


@pytest.fixture
async def hook(open_gateway: OpenGateway, sandbox: Sandbox, clock: Clock) -> Gateway:
    return await open_gateway(WECOM + stanza(), sandbox_url=sandbox.url, clock=clock)


async def post(gateway: Gateway, webhook: Any, **headers: str) -> dict[str, Any]:
    response = await gateway.request("POST", HOOK, json=webhook, headers=headers)
    answer: dict[str, Any] = await response.json()
    return answer


@pytest.mark.parametrize("webhook", [ALERTMANAGER, GRAFANA, ZABBIX], ids=["alertmanager", "grafana", "zabbix"])
async def test_a_second_try_is_answered_as_the_first(hook: Gateway, sandbox: Sandbox, webhook: dict[str, Any]) -> None:
    first, second = await post(hook, webhook), await post(hook, webhook)
    assert second["data"] == {**first["data"], "replayed": True}
    assert len(await sandbox.messages()) == 1


async def test_tries_at_once_send_once(hook: Gateway, sandbox: Sandbox) -> None:
    await asyncio.gather(*(post(hook, ALERTMANAGER) for _ in range(10)))
    assert len(await sandbox.messages()) == 1


async def test_the_order_of_alerts_and_what_is_no_part_of_them_change_nothing(hook: Gateway, sandbox: Sandbox) -> None:
    await post(hook, ALERTMANAGER)
    again = {**ALERTMANAGER, "alerts": ALERTMANAGER["alerts"][::-1], "externalURL": "http://other-alertmanager"}
    assert (await post(hook, again))["data"]["replayed"] is True


async def test_what_is_told_again_after_the_window_is_sent_again(hook: Gateway, sandbox: Sandbox, clock: Clock) -> None:
    await post(hook, ALERTMANAGER)
    clock.advance(239)
    assert (await post(hook, ALERTMANAGER))["data"]["replayed"] is True
    clock.advance(2)
    assert "replayed" not in (await post(hook, ALERTMANAGER))["data"]
    assert len(await sandbox.messages()) == 2


def changed(key: str, value: Any) -> dict[str, Any]:
    first, *others = ALERTMANAGER["alerts"]
    return {**ALERTMANAGER, "alerts": [{**first, key: value}, *others]}


@pytest.mark.parametrize(
    "other",
    [
        resolved(ALERTMANAGER),
        {**ALERTMANAGER, "alerts": ALERTMANAGER["alerts"][:1]},
        {**ALERTMANAGER, "groupKey": "{}:{}"},
        {**ALERTMANAGER, "receiver": "others"},
        changed("startsAt", "2026-11-30T03:00:00Z"),
        changed("status", "resolved"),
        changed("fingerprint", "0" * 16),
    ],
)
async def test_another_notification_is_another_message(hook: Gateway, sandbox: Sandbox, other: dict[str, Any]) -> None:
    await post(hook, ALERTMANAGER)
    assert "replayed" not in (await post(hook, other))["data"]
    assert len(await sandbox.messages()) == 2


async def test_plain_json_repeats_by_its_id_only(hook: Gateway, sandbox: Sandbox) -> None:
    for _ in range(2):
        await post(hook, {"title": "T"})
        await post(hook, {"title": "U", "id": 7})
    assert len(await sandbox.messages()) == 3


async def test_a_key_of_the_caller_counts_before_its_own(hook: Gateway, sandbox: Sandbox) -> None:
    await post(hook, ALERTMANAGER, **{"Idempotency-Key": "one"})
    await post(hook, ALERTMANAGER, **{"Idempotency-Key": "two"})
    assert len(await sandbox.messages()) == 2
    assert (await post(hook, GRAFANA, **{"Idempotency-Key": "two"}))["code"] == 1306406


async def test_after_a_failure_that_sent_nothing_the_second_try_is_a_first(hook: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/gettoken"}, "action": {"status": 502}, "times": 20})
    assert (await post(hook, ALERTMANAGER))["result"] is False
    await sandbox.http.delete(f"{sandbox.url}/_sandbox/faults")
    answer = await post(hook, ALERTMANAGER)
    assert (answer["result"], "replayed" in answer["data"]) == (True, False)


async def test_without_a_window_everything_is_sent(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = "to: /cmsi/send_weixin/, params: {receiver: zhangsan}, retry_window: 0"
    gateway = await open_gateway(WECOM + stanza(config), sandbox_url=sandbox.url)
    for _ in range(2):
        await post(gateway, ALERTMANAGER)
    assert len(await sandbox.messages()) == 2
