"""`esb openapi`: it is OpenAPI, and the gateway answers as it says."""

import asyncio
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV31SpecValidator

from esb.cli.main import main
from esb.config import load
from esb.gateway.app import GATEWAY
from esb.introspect.declared import declared
from esb.introspect.openapi import document
from tests.support.gateway import Gateway, OpenGateway, Sandbox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own
    import hypothesis
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.result import Ok
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

EVERYTHING = """\
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: &wecom {wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
                    wx_qy_host: "${sandbox}", wx_qy_member_per_minute: 0}
  - {path: /cmsi/send_qy_weixin/, methods: [POST], use: cmsi_send_qy_weixin, config: *wecom, test_config: {}}
  - path: /cmsi/send_mp_weixin/
    methods: [POST]
    use: cmsi_send_mp_weixin
    config: {wx_app_id: wx0000000000000001, wx_secret: mp-secret, wx_mp_host: "${sandbox}",
             wx_template_id: TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT}
  - path: /cmsi/send_wecom_robot/
    methods: [GET]
    use: cmsi_send_wecom_robot
    config: {webhook_key: bot-key, wx_qy_host: "${sandbox}"}
  - path: /cmsi/send_mail/
    methods: [POST]
    use: cmsi_send_mail
    config: {smtp_host: 127.0.0.1, smtp_port: 9, mail_sender: a@example.com}
  - {path: /cmsi/send_sms/, use: cmsi_send_sms, config: {dest_url: "${sandbox}/nowhere"}}
  - {path: /cmsi/send_voice_msg/, methods: [POST], use: cmsi_send_voice_msg}
  - {path: /cmsi/send_msg/, methods: [GET], use: cmsi_send_msg}
  - {path: /cmsi/get_msg_type/, methods: [GET], use: cmsi_get_msg_type}
  - path: /wechat/stats/{what}/
    methods: [GET, PUT]
    use: http
    config: {hosts: ["${sandbox}"], path: "/_sandbox/{what}", response: wrap, method: GET}
  - path: /wechat/messages/
    methods: [GET]
    use: http
    config: {hosts: ["${sandbox}"], path: /_sandbox/messages, method: GET}
  - path: /wechat/{what}/raw/
    name: wechat.raw_of
    methods: [GET]
    use: http
    config: {hosts: ["${sandbox}"], path: "/_sandbox/{what}", response: raw}
  - path: /wechat/raw/{where:path}
    name: wechat.raw
    methods: [GET]
    use: http
    config: {hosts: ["${sandbox}"], path: "/_sandbox/{where}", response: raw}
  - path: /alert/webhook/
    methods: [POST]
    use: alert_webhook
    config: {to: /cmsi/send_weixin/, params: {receiver: zhangsan}}
  - path: /alert/webhook/{token}/
    name: alert.by_token
    methods: [POST]
    use: alert_webhook
    tokens: [{app: esb_demo, token: 0123456789abcdef}]
    config: {to: /cmsi/send_weixin/, params: {receiver: zhangsan}}
  - {path: /cmsi/old/, methods: [GET], use: cmsi_get_msg_type, active: false}
"""
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""Not that wrong parameters are refused by HTTP status: an ESB says so in the envelope, with status 200."""
CALLER = {
    "X-Bkapi-Authorization": json.dumps(
        {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
    )
}


@pytest.fixture
async def everything(open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    return await open_gateway(EVERYTHING, sandbox_url=sandbox.url)


def described(gateway: Gateway) -> dict[str, Any]:
    return document(declared(gateway.app[GATEWAY].config))


async def test_it_is_openapi(everything: Gateway) -> None:
    mistakes = [error.message for error in OpenAPIV31SpecValidator(described(everything)).iter_errors()]

    assert mistakes == []


async def test_every_path_alias_and_method_is_there(everything: Gateway) -> None:
    paths = described(everything)["paths"]

    assert paths.keys() >= {"/api/c/compapi/cmsi/send_weixin/", "/api/c/compapi/v2/cmsi/send_weixin/"}
    assert paths["/api/c/compapi/cmsi/send_weixin/"].keys() == {"post"}
    assert paths["/api/c/compapi/cmsi/send_sms/"].keys() == {"get", "post"}
    stats = paths["/api/c/compapi/wechat/stats/{what}/"]
    assert stats.keys() == {"get", "put"}
    assert stats["get"]["parameters"][0] == {
        "name": "what",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
    }
    variable = paths["/api/c/compapi/wechat/raw/{where}/"]["get"]["parameters"][0]
    assert (variable["name"], variable["schema"]["pattern"]) == ("where", "^[^/]+(/[^/]+)*$")
    identities = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(set(identities)) == len(identities)


async def test_headers_are_those_that_the_component_heeds(everything: Gateway) -> None:
    paths = described(everything)["paths"]

    def headers(path: str, method: str) -> set[str]:
        operation = paths[f"/api/c/compapi/{path}/"][method]
        assert operation["responses"]["200"]["headers"].keys() == {"X-Bkapi-Request-Id"}
        return {each["name"] for each in operation["parameters"] if each["in"] == "header"}

    everywhere = {"Blueking-Language", "X-Bkapi-Request-Id"}
    assert headers("cmsi/get_msg_type", "get") == everywhere
    assert headers("wechat/messages", "get") == everywhere | {"X-Use-Test-Env"}
    assert headers("cmsi/send_weixin", "post") == everywhere | {"X-Use-Test-Env", "X-Dry-Run", "Idempotency-Key"}


async def test_a_form_and_a_query_hold_what_can_be_a_text(everything: Gateway) -> None:
    paths = described(everything)["paths"]
    assert paths["/api/c/compapi/cmsi/send_weixin/"]["post"]["requestBody"]["content"].keys() == {"application/json"}
    text_message = paths["/api/c/compapi/cmsi/send_sms/"]
    form = text_message["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    query = {each["name"]: each for each in text_message["get"]["parameters"] if each["in"] == "query"}

    assert form["required"] == ["content"]
    assert form["properties"].keys() == query.keys()
    assert query.keys() >= {"bk_app_code", "bk_app_secret", "receiver", "receiver__username", "content"}
    assert query["receiver"]["schema"]["type"] == "string"


async def test_two_components_of_one_name_keep_apart(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(
        "version: 1\ncomponents:\n"
        "  - {path: /a/b/, methods: [GET], use: cmsi_get_msg_type}\n"
        "  - {path: /a/b/, methods: [POST], use: cmsi_send_msg}\n"
    )

    found = CliRunner().invoke(main, ["openapi", "-c", str(path)])

    operations = json.loads(found.output)["paths"]["/api/c/compapi/a/b/"]
    assert [each["operationId"] for each in operations.values()] == ["a.b.get", "a.b-2.post"]


def test_a_configuration_with_mistakes_has_no_document(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents: [{path: /a/b/, use: nothing}]\n")

    for command in ("openapi", "docs"):
        done = CliRunner().invoke(main, [command, "-c", str(path)])

        assert (done.exit_code, done.stdout) == (1, "")
        assert "unknown plugin 'nothing'" in done.stderr


async def test_the_gateway_answers_as_it_says(everything: Gateway) -> None:
    """Send calls that schemathesis makes up, good ones and bad ones, over HTTP."""
    known = await asyncio.to_thread(called, everything.url, described(everything), CALLER, 6)
    whoever = await asyncio.to_thread(called, everything.url, described(everything), {}, 1)

    assert {0, 1306000, 1306206, 1306405} <= set(known)
    assert len(known) > 80
    assert set(whoever) == {1306000, 1306405}


async def test_an_answer_of_another_form_is_found(everything: Gateway) -> None:
    wrong = described(everything)
    wrong["paths"] = {path: each for path, each in wrong["paths"].items() if path.endswith("get_msg_type/")}
    wrong["components"]["schemas"]["cmsi.get_msg_type.data.MessageType"]["properties"]["icon"] = {"type": "integer"}

    with pytest.raises(schemathesis.core.failures.FailureGroup, match="violates schema"):
        await asyncio.to_thread(called, everything.url, wrong, CALLER, 6)


def called(url: str, description: dict[str, Any], credentials: dict[str, str], examples: int) -> list[int]:
    """The codes of the answers to so many calls of every operation. Raises if one of them breaks a promise."""
    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    codes: list[int] = []
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        assert isinstance(found, Ok)

        @settings
        @hypothesis.given(case=found.ok().as_strategy())
        def call(case: Any) -> None:
            answer = case.call(base_url=url, headers=credentials)
            case.validate_response(answer, checks=PROMISES)
            if answer.headers["content-type"][0].startswith("application/json"):
                codes.append(answer.json().get("code"))

        call()
    return codes


def test_the_shipped_configuration_has_a_document() -> None:
    shown = CliRunner().invoke(main, ["openapi", "-c", "conf/esb.yaml"])

    assert json.loads(shown.output) == document(declared(load("conf/esb.yaml")))
