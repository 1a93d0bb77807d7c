"""alert_webhook: the webhooks of alert managers arrive as messages that people can read."""

import json
import subprocess
import sys
from typing import Any

import pytest

from esb.plugins.alert_webhook import formats
from esb.plugins.alert_webhook.default_text import Room, TextWriter
from tests.support.alerts import ALERTMANAGER, GRAFANA, HOOK, TOKEN, ZABBIX, many, resolved, stanza
from tests.support.configuration import WECOM
from tests.support.costs import affordable
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.repository import ROOT

CHINA = "server: {timezone: Asia/Shanghai}\n"
ROBOT = """\
  - path: /cmsi/send_wecom_robot/
    use: cmsi_send_wecom_robot
    config: {webhook_key: bot-key, wx_qy_host: "${sandbox}"}
"""


@pytest.fixture
async def hook(open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    return await open_gateway(WECOM + stanza(), sandbox_url=sandbox.url, more=CHINA)


async def post(gateway: Gateway, webhook: Any, path: str = HOOK, **headers: str) -> dict[str, Any]:
    response = await gateway.request("POST", path, json=webhook, headers=headers)
    answer: dict[str, Any] = await response.json()
    assert (response.status == 200) is answer["result"], answer
    return answer


async def arrived(sandbox: Sandbox) -> list[str]:
    """The texts in the inbox, without the line of the date that send_weixin adds."""
    return [message["text"].rpartition("\nDate: ")[0] or message["text"] for message in await sandbox.messages()]


async def test_alertmanagers_group_is_one_message(hook: Gateway, sandbox: Sandbox) -> None:
    answer = await post(hook, ALERTMANAGER)
    assert answer["data"]["accepted"] == ["zhangsan"]
    assert answer["data"]["alert"] == {
        "source": "alertmanager",
        "status": "firing",
        "alerts": 2,
        "more": 0,
        "to": "/cmsi/send_weixin/",
    }
    assert await arrived(sandbox) == [
        "🔥 [FIRING:2] HighCPU (critical)\n"
        "cluster=prod, job=node\n"
        "http://prometheus.example.com/graph?g0.expr=cpu+%3E+90&g0.tab=1\n"
        "• [critical] instance=db-1:9100\n"
        "  CPU of db-1 over 90 %\n"
        "  Since: 2026-11-30 10:01:13\n"
        "• [warning] instance=web-1:9100\n"
        "  CPU of web-1 over 90 %\n"
        "  It has been for 5 minutes.\n"
        "  Since: 2026-11-30 09:58:13\n"
        "  https://runbooks.example.com/cpu\n"
        "http://alertmanager.example.com"
    ]


async def test_what_is_resolved_says_so_and_when(hook: Gateway, sandbox: Sandbox) -> None:
    await post(hook, resolved(ALERTMANAGER))
    (text,) = await arrived(sandbox)
    assert text.startswith("✅ [RESOLVED:2] HighCPU")
    assert text.count("Until: 2026-11-30 10:30:00") == 2
    assert "FIRING" not in text


async def test_a_group_of_which_a_part_is_resolved_tells_both_apart(hook: Gateway, sandbox: Sandbox) -> None:
    first, second = ALERTMANAGER["alerts"]
    ended = {**first, "status": "resolved", "endsAt": "2026-11-30T02:30:00Z"}
    await post(hook, {**ALERTMANAGER, "alerts": [ended, second]})
    lines = (await arrived(sandbox))[0].splitlines()
    assert lines[0] == "🔥 [FIRING:1, RESOLVED:1] HighCPU (critical)"
    assert lines.index("FIRING (1)") < lines.index("• [critical] instance=db-1:9100") < lines.index("RESOLVED (1)")


async def test_grafanas_title_value_and_panel_are_shown(hook: Gateway, sandbox: Sandbox) -> None:
    assert (await post(hook, GRAFANA))["data"]["alert"]["source"] == "grafana"
    assert await arrived(sandbox) == [
        "🔥 [FIRING:1] High memory usage (blue us-1)\n"
        "team=blue, zone=us-1\n"
        "This alert was triggered for zone us-1\n"
        "The system has high memory usage\n"
        "Value: B=44.2394, C=1\n"
        "Since: 2026-11-30 09:51:03\n"
        "https://grafana.example.com/d/abc?viewPanel=2\n"
        "https://myrunbook.example.com/runbook/1234\n"
        "https://grafana.example.com/"
    ]
    await post(hook, resolved(GRAFANA))
    assert (await arrived(sandbox))[1].startswith("✅ [RESOLVED:1] High memory usage (blue us-1)\n")


async def test_zabbixs_own_subject_and_message_are_shown(hook: Gateway, sandbox: Sandbox) -> None:
    assert (await post(hook, ZABBIX))["data"]["alert"]["source"] == "zabbix"
    ended = {"event_value": "0", "event_recovery_date": "2026.11.30", "event_recovery_time": "10:30:00"}
    await post(hook, {**ZABBIX, **ended, "alert_subject": "Resolved: Disk space is low", "alert_message": ""})
    problem, recovery = await arrived(sandbox)
    assert problem == (
        "🔥 [FIRING] Problem: Disk space is low (used > 90%)\n"
        "Problem started at 10:11:12 on 2026.11.30\nHost: db-1\nSeverity: High\nOriginal problem ID: 4711\n"
        "https://zabbix.example.com/zabbix/tr_events.php?triggerid=23301&eventid=4711"
    )
    assert recovery == (
        "✅ [RESOLVED] Resolved: Disk space is low\n"
        "Severity: high\nhost=db-1, ip=10.0.0.7, component=storage, scope=capacity\n"
        "Since: 2026-11-30 10:11:12\nUntil: 2026-11-30 10:30:00\n"
        "https://zabbix.example.com/zabbix/tr_events.php?triggerid=23301&eventid=4711"
    )


@pytest.mark.parametrize(
    "webhook",
    [
        {"To": "ops", "Subject": "Problem: disk full", "Message": "db-1", "HTTPProxy": "", "URL": "{ALERT.URL}"},
        {"EVENT.NAME": "disk full", "EVENT.VALUE": "1", "HOST.NAME": "db-1", "EVENT.ID": "7", "TRIGGER.ID": "8"},
    ],
)
async def test_zabbixs_parameters_are_known_in_other_spellings(
    hook: Gateway, sandbox: Sandbox, webhook: dict[str, Any]
) -> None:
    assert (await post(hook, webhook))["data"]["alert"]["source"] == "zabbix"
    (text,) = await arrived(sandbox)
    assert "disk full" in text.splitlines()[0]
    assert "db-1" in text
    assert "{" not in text


async def test_plain_json_is_a_message(hook: Gateway, sandbox: Sandbox) -> None:
    await post(hook, {"title": "Backup failed", "message": "exit code 2", "severity": "high", "host": "db-1"})
    await post(hook, {"name": "Backup", "state": "OK", "text": "all is well", "url": "https://ci.example.com/7"})
    assert await arrived(sandbox) == [
        "🔥 [FIRING] Backup failed\nexit code 2\nSeverity: high\nhost=db-1",
        "✅ [RESOLVED] Backup\nall is well\nhttps://ci.example.com/7",
    ]


async def test_credentials_by_header_are_as_good(hook: Gateway, sandbox: Sandbox) -> None:
    claims = json.dumps({"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"})
    path = "/api/c/compapi/alerts/hook/"
    await post(hook, ALERTMANAGER, path, **{"X-Bkapi-Authorization": claims})
    assert len(await sandbox.messages()) == 1
    answer = await post(hook, ALERTMANAGER, path, **{"X-Bkapi-Authorization": claims.replace("demo-secret", "wrong")})
    assert answer["code"] == 1306000


async def test_many_alerts_are_told_in_one_message_and_the_rest_is_counted(hook: Gateway, sandbox: Sandbox) -> None:
    webhook = many(500)
    webhook["truncatedAlerts"] = 3
    answer = await post(hook, webhook)
    assert (answer["data"]["alert"]["alerts"], answer["data"]["alert"]["more"]) == (20, 483)
    (text,) = await arrived(sandbox)
    assert text.startswith("🔥 [FIRING:500] HighCPU")
    assert "\n… and 483 more\n" in text
    assert text.count("•") == 20


async def test_of_thousands_of_alerts_a_part_is_read_and_none_forgotten(hook: Gateway, sandbox: Sandbox) -> None:
    webhook = many(2000)
    answer = await post(hook, webhook)
    assert (answer["data"]["alert"]["alerts"], answer["data"]["alert"]["more"]) == (20, 1980)
    assert (await post(hook, webhook))["data"]["replayed"] is True
    webhook["alerts"][-1] = {**webhook["alerts"][-1], "status": "resolved"}
    assert "replayed" not in (await post(hook, webhook))["data"]
    assert len(await sandbox.messages()) == 2


def test_the_largest_webhook_takes_no_others_time() -> None:
    webhook = many(10_000)
    assert affordable(lambda: TextWriter("en", None).written(formats.read(webhook, None), Room(200, 2000, 20)), 0.05)
    told = formats.read(webhook, None)
    assert (len(told.alerts), told.more) == (500, 9500)


@pytest.mark.parametrize(
    "odd",
    [{"host_name": "{A" + ".A" * 25 + "!"}, {"event_tags": "a" + " " * 1000 + "b"}],
    ids=["half a macro", "a tag of blanks"],
)
def test_no_text_of_zabbix_takes_long_to_read(odd: dict[str, str]) -> None:
    assert affordable(lambda: formats.read({**ZABBIX, **odd}, None), 0.05)


async def test_one_huge_alert_is_cut_and_is_one_message(hook: Gateway, sandbox: Sandbox) -> None:
    webhook = many(3)
    for alert in webhook["alerts"]:
        alert["annotations"] = {"summary": alert["fingerprint"] + "很长" * 20_000}
    await post(hook, webhook)
    (text,) = await arrived(sandbox)
    assert len(text.encode()) < 2048
    assert "… and 2 more" in text
    await post(hook, {"title": "标题" * 5000, "message": "内容\n" * 5000})
    assert len(await sandbox.messages()) == 2


async def test_its_own_words_are_chinese_where_the_stanza_says_so(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = "to: /cmsi/send_weixin/, params: {receiver: zhangsan}, language: zh-hans"
    gateway = await open_gateway(WECOM + stanza(config), sandbox_url=sandbox.url, more=CHINA)
    await post(gateway, many(25))
    await post(gateway, resolved(GRAFANA))
    first, second = await arrived(sandbox)
    assert first.startswith("🔥 [告警:25] HighCPU (warning)")
    assert "……另有 5 条未列出" in first
    assert "开始: 2026-11-30 09:51:03\n结束: 2026-11-30 10:30:00" in second


async def test_a_robot_gets_title_and_content_in_one_text(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await open_gateway(ROBOT + stanza("to: /cmsi/send_wecom_robot/"), sandbox_url=sandbox.url)
    await post(gateway, ALERTMANAGER)
    (message,) = await sandbox.messages()
    assert message["platform"] == "robot"
    assert message["text"].startswith("🔥 [FIRING:2] HighCPU (critical)\ncluster=prod")


async def test_routes_lead_by_labels_and_inherit_the_rest(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = """to: /cmsi/send_weixin/, params: {receiver: zhangsan}, routes: [
      {match: {severity: [critical, disaster], cluster: test}, params: {receiver: lisi}},
      {match: {severity: critical}, params: {receiver: wangwu}},
      {match: {source: zabbix, severity: high}, to: /cmsi/send_wecom_robot/, params: {receiver: null}}]"""
    gateway = await open_gateway(WECOM + ROBOT + stanza(config), sandbox_url=sandbox.url)
    for webhook in (ALERTMANAGER, many(1, severity="critical", cluster="test"), many(2), ZABBIX):
        await post(gateway, webhook)
    assert [(message["platform"], message["delivered"]) for message in await sandbox.messages()] == [
        ("qy", ["wangwu"]),
        ("qy", ["lisi"]),
        ("qy", ["zhangsan"]),
        ("robot", ["bot-key"]),
    ]


async def test_a_dry_run_sends_nothing_and_shows_what_would_be_sent(hook: Gateway, sandbox: Sandbox) -> None:
    answer = await post(hook, ALERTMANAGER, **{"X-Dry-Run": "true"})
    assert "[FIRING:2] HighCPU" in json.dumps(answer["data"], ensure_ascii=False)
    assert await sandbox.messages() == []


@pytest.mark.parametrize(
    ("webhook", "told"),
    [
        ({"version": "4", "alerts": "x"}, "alerts must be a list, and is a string"),
        ({"version": "4", "alerts": []}, "alerts is empty"),
        ({"alerts": [1]}, "alerts[0] must be an object, and is a number"),
        ({"alerts": [{"labels": []}]}, "alerts[0].labels must be an object, and is a list"),
        ({"receiver": "x", "alerts": [{}], "groupLabels": "x"}, "groupLabels must be an object, and is a string"),
        ({"event_id": "7"}, "a webhook of Zabbix has a subject, a message or an event_name; found event_id"),
        ({"foo": "bar"}, "or a JSON object with title or message; found foo"),
        ({}, "or a JSON object with title or message; found no JSON object"),
        ([], "or a JSON object with title or message; found no JSON object"),
        ({"title": {"a": 1}}, "or a JSON object with title or message; found title"),
    ],
)
async def test_nonsense_is_told_and_not_sent(hook: Gateway, sandbox: Sandbox, webhook: Any, told: str) -> None:
    answer = await post(hook, webhook)
    assert answer["message"].startswith("The alert cannot be read: ")
    assert told in answer["message"]
    assert await sandbox.messages() == []


async def test_a_form_that_is_configured_is_the_only_one(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = "to: /cmsi/send_weixin/, params: {receiver: zhangsan}, format: json"
    gateway = await open_gateway(WECOM + stanza(config), sandbox_url=sandbox.url)
    assert (await post(gateway, ALERTMANAGER))["result"] is False
    assert (await post(gateway, ZABBIX | {"title": "T"}))["data"]["alert"]["source"] == "json"


async def test_what_is_odd_in_a_webhook_harms_nobody(hook: Gateway, sandbox: Sandbox) -> None:
    alert = {
        "labels": {"alertname": None, "n": 1, "d": {"a": [1]}, "b": True, "nul": "a\x00b"},
        "annotations": None,
        "startsAt": "yesterday",
        "values": {"B": None},
    }
    await post(hook, {"alerts": [alert], "truncatedAlerts": "many", "status": 7})
    (text,) = await arrived(sandbox)
    assert text == '🔥 [FIRING] Alert\nn=1, d={"a": [1]}, b=true, nul=ab\nValue: B=\nSince: yesterday'


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59Z"])
async def test_a_time_at_the_edge_of_the_calendar_stays_as_it_is(hook: Gateway, sandbox: Sandbox, moment: str) -> None:
    await post(hook, {"alerts": [{"labels": {"alertname": "T"}, "startsAt": moment}]})
    (text,) = await arrived(sandbox)
    assert text == f"🔥 [FIRING] T\nSince: {moment}"


def test_a_severity_that_is_no_number_of_zabbix_is_taken_by_its_name() -> None:
    assert formats.read({**ZABBIX, "event_nseverity": "²", "event_severity": "Average"}, None).severity == "average"


def test_without_jinja2_the_default_texts_are_there_and_a_template_names_the_extra() -> None:
    script = """\
import sys
sys.modules["jinja2"] = None
from esb.plugins.alert_webhook.component import AlertWebhook
from esb.plugins.alert_webhook.config import AlertWebhookConfig
from esb.plugins.alert_webhook.default_text import Room, TextWriter
from esb.plugins.alert_webhook.formats import read
print(TextWriter("en", None).written(read({"title": "T"}, None), Room(100, 1000, 1)).title)
AlertWebhookConfig(to="/a/b/", title="T")
try:
    AlertWebhookConfig(to="/a/b/", title="{{ title }}")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith("🔥 [FIRING] T\n")
    assert "a template needs jinja2, which `pip install 'esb-gateway[templates]'` installs" in done.stdout


async def test_the_token_stands_in_nothing_that_is_told(hook: Gateway) -> None:
    await post(hook, {"version": "4", "alerts": "x"})
    await post(hook, ALERTMANAGER)
    assert TOKEN not in repr(hook.events)
