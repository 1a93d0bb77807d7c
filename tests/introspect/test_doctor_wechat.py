"""The preflight of WeChat's channels: the sandbox fails in each way, and the right check says what to do."""

from pathlib import Path
from typing import Any

import pytest

from esb.core.clock import SystemClock
from tests.support.gateway import OpenGateway, Sandbox
from tests.support.preflight import OFFICIAL_ACCOUNT, TEMPLATE, WECOM, Preflight, component, preflight
from tests.support.servers.redis_server import RedisServer, patience

NAME = "cmsi.send_weixin"
AGENT_GET, TEMPLATES = "/cgi-bin/agent/get", "/cgi-bin/template/get_all_private_template"
STEPS = {
    "qy": ["name", "tcp", "clock", "token", "egress", "agent", "visibility"],
    "mp": ["name", "tcp", "clock", "token", "egress", "template", "template_keys", "quota"],
}
CONFIGS: dict[str, dict[str, Any]] = {"qy": WECOM, "mp": {"wx_type": "mp", **OFFICIAL_ACCOUNT}}
APP = {"agentid": 1000002, "secret": "corp-secret"}


async def examined(folder: Path, sandbox: Sandbox, platform: str, send_to: str = "", **changes: Any) -> Preflight:
    stanza = component("cmsi_send_weixin", {**CONFIGS[platform], **changes})
    return await preflight(folder, stanza, sandbox_url=sandbox.url, send_to=send_to)


async def corporation(sandbox: Sandbox, **app: Any) -> None:
    apps = [{**APP, **app}, {"agentid": 1000003, "secret": "second-secret"}]
    await sandbox.post(
        "seed", {"qy": [{"corpid": "ww0000000000000001", "members": ["zhangsan", "lisi"], "apps": apps}]}
    )


async def account(sandbox: Sandbox, **changes: Any) -> None:
    known = {"appid": "wx0000000000000001", "secret": "mp-secret", "openids": [], "templates": {TEMPLATE: {}}}
    await sandbox.post("seed", {"mp": [{**known, **changes}]})


@pytest.mark.parametrize("platform", ["qy", "mp"])
async def test_all_is_well_step_by_step_and_nothing_is_sent(tmp_path: Path, sandbox: Sandbox, platform: str) -> None:
    found = (await examined(tmp_path, sandbox, platform)).of(NAME)

    assert {check: each.result for check, each in found.items()} == dict.fromkeys(STEPS[platform], "ok")
    assert await sandbox.messages() == []


@pytest.mark.parametrize(
    ("platform", "fault", "check", "cause", "fix"),
    [
        ("qy", {"wx_qy_corpsecret": "wrong-secret"}, "token", "40001", "wx_qy_corpsecret"),
        ("qy", {"wx_qy_corpid": "ww9"}, "token", "40013", "wx_qy_corpid"),
        ("qy", {"wx_qy_agentid": 1000003}, "agent", "301002", "wx_qy_agentid"),
        ("qy", {"wx_qy_agentid": 7}, "agent", "40056", "wx_qy_agentid"),
        ("mp", {"wx_secret": "wrong-secret"}, "token", "40125", "wx_secret"),
        ("mp", {"wx_app_id": "wx9"}, "token", "40013", "wx_app_id"),
        ("mp", {"wx_template_id": "U" * 43}, "template", "none of the 1 templates", "My Templates"),
        ("mp", {"wx_template_keys": {"message": "thing9"}}, "template_keys", "message (thing9)", "first, keyword1"),
    ],
)
async def test_a_wrong_key_of_esb_yaml_fails_one_check_which_names_it(
    tmp_path: Path, sandbox: Sandbox, platform: str, fault: dict[str, Any], check: str, cause: str, fix: str
) -> None:
    await corporation_and_account(sandbox)
    done = await examined(tmp_path, sandbox, platform, **fault)

    assert done.failed == [f"{NAME} {check}"]
    assert cause in done.of(NAME)[check].cause
    assert fix in done.of(NAME)[check].fix


async def corporation_and_account(sandbox: Sandbox) -> None:
    apps = [APP, {"agentid": 1000003, "secret": "second-secret"}]
    known = {"appid": "wx0000000000000001", "secret": "mp-secret", "openids": [], "templates": {TEMPLATE: {}}}
    corp = {"corpid": "ww0000000000000001", "members": ["zhangsan", "lisi"], "apps": apps}
    await sandbox.post("seed", {"qy": [corp], "mp": [known]})


GETTOKEN, STABLE_TOKEN = "/cgi-bin/gettoken", "/cgi-bin/stable_token"
NOT_LISTED = "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 6aac0000-12345678-12345678"
NOT_TRUSTED = "not allow to access from your ip, hint: [1700000000], from ip: 1.2.3.4, more info at https://open.work"


@pytest.mark.parametrize(
    ("platform", "path", "action", "check", "cause", "fix"),
    [
        ("qy", GETTOKEN, {"status": 502, "body": "<html>"}, "token", "502", "log of that service"),
        ("qy", GETTOKEN, {"body": "no JSON"}, "token", "JSON", "log of that service"),
        ("qy", GETTOKEN, {"reset": "head"}, "token", "closed", "log of that service"),
        ("qy", GETTOKEN, {"errcode": -1, "errmsg": "system busy"}, "token", "errcode -1: system busy", "in a moment"),
        ("qy", GETTOKEN, {"errcode": 45009, "errmsg": "api freq"}, "token", "errcode 45009", "opens again"),
        ("qy", GETTOKEN, {"errcode": 60020, "errmsg": NOT_TRUSTED}, "egress", "errcode 60020", "add 1.2.3.4 in"),
        ("qy", AGENT_GET, {"errcode": 60020, "errmsg": NOT_TRUSTED}, "egress", "errcode 60020", "add 1.2.3.4 in"),
        ("qy", AGENT_GET, {"errcode": 48002, "errmsg": "api forbidden"}, "agent", "48002", "contact-sync secret"),
        ("mp", STABLE_TOKEN, {"errcode": 40164, "errmsg": NOT_LISTED}, "egress", "errcode 40164", "add 1.2.3.4 at"),
        ("mp", STABLE_TOKEN, {"errcode": 61004, "errmsg": NOT_LISTED}, "egress", "errcode 61004", "add 1.2.3.4 at"),
        ("mp", STABLE_TOKEN, {"errcode": 40243, "errmsg": "frozen"}, "token", "errcode 40243", "unfreezes it"),
        ("mp", TEMPLATES, {"errcode": 48001, "errmsg": "api unauthorized"}, "template", "48001", "verify it"),
    ],
)
async def test_what_wechat_says_no_to_fails_one_check_which_tells_what_to_do(
    tmp_path: Path,
    sandbox: Sandbox,
    platform: str,
    path: str,
    action: dict[str, Any],
    check: str,
    cause: str,
    fix: str,
) -> None:
    await sandbox.post("faults", {"match": {"path": path}, "action": action, "times": 0})
    done = await examined(tmp_path, sandbox, platform)

    assert done.failed == [f"{NAME} {check}"]
    assert cause in done.of(NAME)[check].cause
    assert fix in done.of(NAME)[check].fix
    assert "https://" not in done.text


async def test_a_platform_that_hangs_is_told_by_the_check_that_waited(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.introspect.doctor.CHECK_SECONDS", 0.5)
    await sandbox.post("faults", {"match": {"path": GETTOKEN}, "action": {"hang": True}, "times": 0})
    done = await examined(tmp_path, sandbox, "qy")

    assert done.failed == [f"{NAME} token"]
    assert done.of(NAME)["token"].cause.startswith("no answer within")


async def test_what_comes_after_the_first_cause_is_not_tried(tmp_path: Path, sandbox: Sandbox) -> None:
    found = (await examined(tmp_path, sandbox, "qy", wx_qy_corpsecret="wrong-secret")).of(NAME)

    assert [each.result for each in found.values()] == ["ok", "ok", "ok", "fail", "skipped", "skipped", "skipped"]
    assert found["agent"].cause == "not tried: token has failed"
    assert await sandbox.calls(AGENT_GET) == 0


async def test_an_address_that_wecom_does_not_trust_is_told_with_its_page(tmp_path: Path, sandbox: Sandbox) -> None:
    await corporation(sandbox, trusted_ips=["203.0.113.9"])
    done = await examined(tmp_path, sandbox, "qy")

    assert done.failed == [f"{NAME} egress"]
    assert "errcode 60020" in done.of(NAME)["egress"].cause
    assert done.of(NAME)["egress"].fix.startswith("add 127.0.0.1 in the WeCom admin console")
    assert "企业可信IP" in done.of(NAME)["egress"].fix


async def test_an_address_outside_of_an_accounts_whitelist_is_told_with_its_page(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    await account(sandbox, ip_whitelist=["203.0.113.9"])
    done = await examined(tmp_path, sandbox, "mp")

    assert done.failed == [f"{NAME} egress"]
    assert done.of(NAME)["token"].result == "skipped"
    assert "errcode 40164" in done.of(NAME)["egress"].cause
    assert done.of(NAME)["egress"].fix.startswith("add 127.0.0.1 at the official account's platform")
    assert "IP白名单" in done.of(NAME)["egress"].fix


async def test_an_address_that_wechat_holds_for_risky_has_the_hint_of_its_code(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    refusal = {"errcode": 89503, "errmsg": "requestIP: 198.51.100.7, waiting for the administrator"}
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/stable_token"}, "action": refusal, "times": 0})
    found = (await examined(tmp_path, sandbox, "mp")).of(NAME)

    assert (found["egress"].result, "198.51.100.7" in found["egress"].fix) == ("fail", True)
    assert "administrator confirms" in found["egress"].fix


@pytest.mark.parametrize(
    ("app", "check", "cause"),
    [({"enabled": False}, "token", "50003"), ({"visible": []}, "visibility", "visible to nobody")],
)
async def test_what_an_administrator_took_away_is_told(
    tmp_path: Path, sandbox: Sandbox, app: dict[str, Any], check: str, cause: str
) -> None:
    await corporation(sandbox, **app)
    done = await examined(tmp_path, sandbox, "qy")

    assert done.failed == [f"{NAME} {check}"]
    assert cause in done.of(NAME)[check].cause
    assert "admin console" in done.of(NAME)[check].fix


@pytest.mark.parametrize(
    ("visible", "user", "result"),
    [
        (["lisi"], "zhangsan", "fail"),
        (["zhangsan"], "ZhangSan", "ok"),
        (None, "zhangsan", "ok"),
        (None, "nobody", "fail"),
        (["zhangsan"], "admin", "ok"),
    ],
)
async def test_who_gets_the_test_message_must_see_the_app(
    tmp_path: Path, sandbox: Sandbox, visible: list[str] | None, user: str, result: str
) -> None:
    await corporation(sandbox, **({} if visible is None else {"visible": visible}))
    users = [{"username": "admin", "wx_userid": "zhangsan"}]
    done = await preflight(
        tmp_path,
        component("cmsi_send_weixin", WECOM),
        sandbox_url=sandbox.url,
        send_to=user,
        services={"users": {"use": "static", "config": {"users": users}}},
    )

    assert done.of(NAME)["visibility"].result == result
    assert len(await sandbox.messages()) == (result == "ok")


@pytest.mark.parametrize(("platform", "user"), [("qy", "zhangsan"), ("mp", "o" + "A" * 27)])
async def test_a_test_message_goes_to_who_is_named_and_to_nobody_else(
    tmp_path: Path, sandbox: Sandbox, platform: str, user: str
) -> None:
    done = await examined(tmp_path, sandbox, platform, user)

    assert done.of(NAME)["send"].result == "ok"
    assert [message["delivered"] for message in await sandbox.messages()] == [[user]]


@pytest.mark.parametrize("use", ["cmsi_send_qy_weixin", "cmsi_send_mp_weixin"])
async def test_the_older_components_are_examined_likewise(tmp_path: Path, sandbox: Sandbox, use: str) -> None:
    platform = use.split("_")[2]
    user = {"qy": "lisi", "mp": "o" + "A" * 27}[platform]
    config = {key: value for key, value in CONFIGS[platform].items() if key != "wx_type"}
    done = await preflight(tmp_path, component(use, config), sandbox_url=sandbox.url, send_to=user)
    found = done.of(use.replace("_", ".", 1))

    assert {check: each.result for check, each in found.items()} == dict.fromkeys([*STEPS[platform], "send"], "ok")


async def test_a_refused_test_message_is_told_with_the_hint(tmp_path: Path, sandbox: Sandbox) -> None:
    found = (await examined(tmp_path, sandbox, "mp", "an-unknown-openid")).of(NAME)

    assert found["send"].result == "fail"
    assert "check the openid" in found["send"].fix


@pytest.mark.parametrize(
    ("limit", "sent", "result", "cause"),
    [(0, 0, "ok", "100000 of 100000"), (4, 1, "ok", "3 of 4"), (1, 1, "fail", "0 of 1"), (11, 10, "warn", "1 of 11")],
)
async def test_the_quota_that_is_left_is_told(
    tmp_path: Path, sandbox: Sandbox, limit: int, sent: int, result: str, cause: str
) -> None:
    openid = "o" + "A" * 27
    seed = {"appid": "wx0000000000000001", "secret": "mp-secret", "openids": [openid], "templates": {TEMPLATE: {}}}
    await sandbox.post("seed", {"mp": [seed], "knobs": {"mp.template_per_day": limit}})
    for _ in range(sent):
        assert (await examined(tmp_path, sandbox, "mp", openid)).of(NAME)["send"].result == "ok"
    quota = (await examined(tmp_path, sandbox, "mp")).of(NAME)["quota"]

    assert (quota.result, quota.cause) == (result, f"{cause} messages")
    assert (result == "ok") == (quota.fix == "")


async def test_a_template_with_keys_that_nothing_fills_is_a_warning(tmp_path: Path, sandbox: Sandbox) -> None:
    await account(sandbox, templates={TEMPLATE: {"thing1": "thing", "time2": "time", "const3": "const"}})
    keys = {"message": "thing1", "date": "time2"}
    found = (await examined(tmp_path, sandbox, "mp", wx_template_keys=keys)).of(NAME)["template_keys"]

    assert found.result == "warn"
    assert found.cause == (
        "it does not show heading (first), remark (remark); nothing fills const3, for which WeChat may refuse a message"
    )
    assert found.fix == "name them in wx_template_keys: the template has thing1, time2, const3"


async def test_a_proxy_that_passes_on_sends_only_leaves_the_rest_open(tmp_path: Path, sandbox: Sandbox) -> None:
    for path in (AGENT_GET, TEMPLATES, "/cgi-bin/openapi/quota/get"):
        await sandbox.post("faults", {"match": {"path": path}, "action": {"status": 404, "body": ""}, "times": 0})
    qy = (await examined(tmp_path, sandbox, "qy")).of(NAME)
    mp = (await examined(tmp_path, sandbox, "mp")).of(NAME)

    assert [qy[check].result for check in ("token", "egress", "agent", "visibility")] == ["ok", *3 * ["skipped"]]
    assert [mp[check].result for check in STEPS["mp"][3:]] == ["ok", "ok", *3 * ["skipped"]]


async def test_a_host_that_does_not_know_head_is_asked_on(tmp_path: Path, sandbox: Sandbox) -> None:
    await sandbox.post("faults", {"match": {"path": "/"}, "action": {"close": True}, "times": 0})
    done = await examined(tmp_path, sandbox, "qy")

    assert (done.failed, done.of(NAME)["clock"].result) == ([], "skipped"), done.text


async def test_callers_who_bring_their_own_secret_leave_nothing_to_ask(tmp_path: Path, sandbox: Sandbox) -> None:
    config = {"wx_qy_corpid": "ww0000000000000001", "wx_qy_host": "${sandbox}"}
    done = await preflight(tmp_path, component("cmsi_send_weixin", config), sandbox_url=sandbox.url)

    assert [each.result for each in done.of(NAME).values()] == ["ok", "ok", "ok", "skipped"]


async def test_one_credential_in_many_components_is_asked_once(tmp_path: Path, sandbox: Sandbox) -> None:
    stanzas = [component("cmsi_send_weixin", WECOM, f"/cmsi/send_{number}/") for number in range(5)]
    done = await preflight(tmp_path, *stanzas, sandbox_url=sandbox.url)

    assert done.failed == []
    assert await sandbox.calls("/cgi-bin/gettoken") == 1
    assert await sandbox.calls(AGENT_GET) == 1


async def test_a_robot_cannot_be_asked_and_says_so_even_with_a_receiver(tmp_path: Path, sandbox: Sandbox) -> None:
    config = {"webhook_key": "bot-key", "wx_qy_host": "${sandbox}"}
    stanza = component("cmsi_send_wecom_robot", config)
    done = await preflight(tmp_path, stanza, sandbox_url=sandbox.url, send_to="zhangsan")
    found = done.of("cmsi.send_wecom_robot")

    assert [each.result for each in found.values()] == ["ok", "ok", "ok", "skipped"]
    assert "proves itself only by a message" in found["robot_key"].cause
    assert await sandbox.messages() == []


# Plain tokens

PLAIN = {"wx_type": "mp", **OFFICIAL_ACCOUNT, "wx_token_api": "plain"}
KEY = "A" * 43 + "="


async def test_a_plain_token_is_never_fetched(tmp_path: Path, sandbox: Sandbox) -> None:
    openid = "o" + "A" * 27
    done = await preflight(tmp_path, component("cmsi_send_weixin", PLAIN), sandbox_url=sandbox.url, send_to=openid)
    found = done.of(NAME)

    assert [found[check].result for check in (*STEPS["mp"][3:], "send")] == 6 * ["skipped"]
    assert "kills" in found["token"].cause
    assert "wx_token_api: stable" in found["token"].fix
    assert await sandbox.calls("/cgi-bin/token") == 0
    assert await sandbox.messages() == []


async def test_the_plain_token_that_gateways_share_is_used(
    tmp_path: Path, sandbox: Sandbox, redis: RedisServer, open_gateway: OpenGateway
) -> None:
    with patience():
        prefix = f"{tmp_path.name}:"
        store = {"use": "redis", "config": {"url": redis.url, "prefix": prefix, "encryption_keys": [KEY]}}
        stanza = component("cmsi_send_weixin", PLAIN)
        await preflight(tmp_path, stanza, sandbox_url=sandbox.url, services={"store": store})
        assert await sandbox.calls("/cgi-bin/token") == 0

        apps = {"use": "static", "config": {"apps": [{"code": "a", "secrets": ["s-of-app"], "impersonate": ["*"]}]}}
        text = (tmp_path / "esb.yaml").read_text().replace("services:\n", f"services:\n  apps: {apps}\n")
        gateway = await open_gateway(config=text, sandbox_url=sandbox.url, clock=SystemClock())
        auth = {"bk_app_code": "a", "bk_app_secret": "s-of-app", "bk_username": "admin"}
        sent = await gateway.call(auth=auth, receiver="o" + "A" * 27, data={"heading": "H", "message": "M"})
        assert sent["result"], sent
        done = await preflight(tmp_path, stanza, sandbox_url=sandbox.url, services={"store": store})

        assert {check: each.result for check, each in done.of(NAME).items()} == dict.fromkeys(STEPS["mp"], "ok")
        assert await sandbox.calls("/cgi-bin/token") == 1


async def test_no_secret_is_in_what_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    secret = "a-secret/with?odd=chars"
    echo = {"errcode": 40001, "errmsg": f"invalid credential {secret}, see https://user:pw@example.com/x?key=k"}
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/gettoken"}, "action": echo, "times": 0})
    done = await examined(tmp_path, sandbox, "qy", wx_qy_corpsecret=secret)

    assert done.failed == [f"{NAME} token"]
    assert "invalid credential ***" in done.of(NAME)["token"].cause
    for hidden in (secret, "user:pw", "key=k"):
        assert hidden not in done.text
