"""`esb openapi`: it is OpenAPI, and the gateway answers as it says."""

import asyncio
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from esb.cli.main import main
from esb.config import load
from esb.gateway.app import GATEWAY
from esb.introspect.declared import declared
from esb.introspect.openapi import document
from esb.introspect.openapi_30 import as_openapi_30
from tests.support.configuration import SERVICES
from tests.support.databases import stanza
from tests.support.every_component import EVERYTHING
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


ASYNCHRONOUS = {"async", "deliver_at", "expires", "callback", "priority"}
DELIVERIES = {
    "": False,
    "deliveries: {run: off}\n": False,
    "deliveries: {run: separate}\n": True,
}


@pytest.fixture
async def everything(open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    return await open_gateway(EVERYTHING, sandbox_url=sandbox.url)


def described(gateway: Gateway) -> dict[str, Any]:
    return document(declared(gateway.app[GATEWAY].config))


@pytest.mark.parametrize("deliveries", DELIVERIES)
def test_a_call_may_be_asynchronous_where_the_gateway_accepts_some_and_the_component_sends(
    deliveries: str, tmp_path: Path
) -> None:
    text = SERVICES + stanza(f"sqlite:///{tmp_path}/esb.db") + deliveries + f"components:\n{EVERYTHING}"
    (tmp_path / "esb.yaml").write_text(text)
    found = declared(load(tmp_path / "esb.yaml", {}, sandbox_url="http://127.0.0.1:9"))
    paths = document(found)["paths"]
    schemas = document(found)["components"]["schemas"]
    asynchronous = set()
    for each in found:
        for operation in paths[each.paths[0]].values():
            prefers = any(header["name"] == "Prefer" for header in operation["parameters"])
            assert prefers == ("202" in operation["responses"])
            if prefers:
                asynchronous.add(each.key)
                assert {"Location", "Preference-Applied"} < set(operation["responses"]["202"]["headers"])
    sending = {each.key for each in found if each.component.sends}
    assert asynchronous == (sending if DELIVERIES[deliveries] else set())
    assert (schemas["SendWeixinParams"]["properties"].keys() >= ASYNCHRONOUS) == DELIVERIES[deliveries]


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """Return the examples of the type of a body."""
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(document["components"]["schemas"].get(name, {}).get("examples", ()))


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
    assert len({identity.replace("_", "") for identity in identities}) == len(identities)
    assert {"cmsi_send_weixin", "v2_cmsi_send_weixin", "cmsi_send_sms", "cmsi_send_sms_get"} <= set(identities)


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


async def test_a_body_is_json_in_one_form_and_a_query_holds_what_fits_in_it(everything: Gateway) -> None:
    document = described(everything)
    text_message = document["paths"]["/api/c/compapi/cmsi/send_sms/"]
    body = text_message["post"]["requestBody"]["content"]
    params = document["components"]["schemas"]["SendSmsParams"]
    query = {each["name"]: each for each in text_message["get"]["parameters"] if each["in"] == "query"}

    assert body.keys() == {"application/json"}
    assert body["application/json"]["schema"] == {"$ref": "#/components/schemas/SendSmsParams"}
    assert params["properties"].keys() == query.keys() == {
        "receiver", "receiver__username", "content", "is_content_base64"
    }  # fmt: skip
    assert [name for name, each in query.items() if each["required"]] == params["required"] == ["content"]
    assert query["is_content_base64"]["schema"]["type"] == "boolean"


async def test_a_get_that_could_not_be_sent_is_not_there(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = "  - {path: /cmsi/send_weixin/, use: cmsi_send_weixin, config: {wx_qy_corpid: ww0000000000000001}}\n"
    paths = described(await open_gateway(config, sandbox_url=sandbox.url))["paths"]

    assert paths["/api/c/compapi/cmsi/send_weixin/"].keys() == {"post"}


async def test_a_caller_says_who_it_is_in_a_header_and_no_secret_stands_in_an_address(everything: Gateway) -> None:
    document = described(everything)

    assert document["security"] == [{"authorization": []}]
    assert {each["in"] for each in document["components"]["securitySchemes"].values()} == {"header", "cookie"}
    queries = [each["name"] for operation in operations(document) for each in operation["parameters"]]
    assert not {"bk_app_secret", "bk_token", "app_secret"} & {*queries}


async def test_types_have_unique_names_and_one_form_each(everything: Gateway) -> None:
    schemas = described(everything)["components"]["schemas"]

    assert all(schema["title"] == name for name, schema in schemas.items())
    assert len({name.lower() for name in schemas}) == len(schemas)
    for name, schema in schemas.items():
        assert re.fullmatch("[A-Z][A-Za-z0-9]*", name)
        assert schema["type"] == "object"
        assert not schema.keys() & {"anyOf", "oneOf", "allOf", "if", "else"}, name
        for key, each in schema["properties"].items():
            assert "oneOf" not in each, f"{name}.{key}"
            assert "anyOf" not in each or [*each["anyOf"][1:]] == [{"type": "null"}], f"{name}.{key}"


async def test_every_answer_has_its_data_and_all_examples_are_right(everything: Gateway) -> None:
    document = described(everything)
    shown = 0
    for operation in operations(document):
        answer = operation["responses"]["200"]["content"]
        for content in (answer, operation.get("requestBody", {}).get("content", {})):
            described_json = content.get("application/json", {})
            for example in [described_json.get("example"), *examples(document, described_json)]:
                if example is not None:
                    shown += 1
                    schema = {**described_json["schema"], "components": document["components"]}
                    Draft202012Validator(schema).validate(example)
        assert answer.get("application/json", {}).get("schema", {}).get("$ref") or "*/*" in answer

    assert shown > 20
    failed = document["components"]["schemas"]["DeliveredData"]["properties"]
    assert failed.keys() >= {"accepted", "failed", "unknown", "msgids", "errcode", "errmsg", "class", "retryable",
                             "retry_after", "hint", "dry_run", "messages", "warnings", "held"}  # fmt: skip


async def test_older_generators_get_the_same_in_openapi_3_0(everything: Gateway) -> None:
    document = described(everything)
    older = as_openapi_30(document)

    assert older["openapi"].startswith("3.0.")
    assert [error.message for error in OpenAPIV30SpecValidator(older).iter_errors()] == []
    assert older["paths"].keys() == document["paths"].keys()
    schemas = older["components"]["schemas"]
    assert schemas["DeliveredAnswer"]["properties"]["data"] == {
        "allOf": [{"$ref": "#/components/schemas/DeliveredData"}], "nullable": True,
        "description": document["components"]["schemas"]["DeliveredAnswer"]["properties"]["data"]["description"],
    }  # fmt: skip
    assert schemas["FailureData"]["properties"]["retry_after"]["nullable"] is True
    assert schemas["Notice"]["properties"]["heading"]["example"] == "blueking alarm"


async def test_two_components_of_one_name_keep_apart(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(
        "version: 1\ncomponents:\n"
        "  - {path: /a/b/, methods: [GET], use: cmsi_get_msg_type}\n"
        "  - {path: /a/b/, methods: [POST], use: cmsi_send_msg}\n"
    )

    found = CliRunner().invoke(main, ["openapi", "-c", str(path)])

    path_of_both = json.loads(found.output)["paths"]["/api/c/compapi/a/b/"]
    assert [each["operationId"] for each in path_of_both.values()] == ["a_b", "a_b_2"]


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
    assert set(whoever) <= {1306000, 1306405, 1306406}
    assert len(whoever) > 10


async def test_an_answer_of_another_form_is_found(everything: Gateway) -> None:
    wrong = described(everything)
    wrong["paths"] = {path: each for path, each in wrong["paths"].items() if path.endswith("get_msg_type/")}
    wrong["components"]["schemas"]["CmsiGetMsgTypeAnswer"]["properties"]["data"] = {"type": "integer"}

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
