"""Paths with a token: it says which app calls, for senders that cannot set a header; and nobody else learns it."""

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.core.errors import ConfigError
from esb.core.events import AuthenticationLimited, CallFinished
from esb.gateway.app import GATEWAY, create_app
from esb.incoming.path_tokens import PathTokens
from esb.introspect import config_view
from esb.telemetry import logs
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import APPS

TOKEN, OTHER = "0123456789abcdef-RIGHT", "fedcba9876543210-OTHER"
STANZAS = f"""\
middlewares:
  - {{use: app_auth, config: {{failures_per_minute: 3}}}}
  - use: user_auth
  - use: permission
components:
  - path: "/who/hook/{{token}}/{{name}}/"
    aliases: ["/v2/hook/{{name}}/{{token}}/"]
    use: "tests.support.identity:Who"
    tokens:
      - {{app: esb_demo, token: {TOKEN}}}
      - {{app: no_rights, token: {OTHER}}}
      - {{app: gone, token: 0123456789abcdef-GONE}}
"""


@pytest.fixture
async def gateway(open_gateway: OpenGateway, clock: Clock) -> Gateway:
    return await open_gateway(config=f"version: 1\nservices:\n{APPS}{STANZAS}", clock=clock)


async def ask(gateway: Gateway, token: str, body: Any = None, path: str = "/who/hook/{}/x/", **headers: str) -> Any:
    response = await gateway.request(
        "POST", f"/api/c/compapi{path.format(token)}", data=json.dumps(body or {}), headers=headers
    )
    return await response.json()


async def test_the_token_says_which_app_calls_and_needs_no_user(gateway: Gateway) -> None:
    answer = await ask(gateway, TOKEN, {"bk_username": "me", "username": "x", "bk_app_code": "a"})
    data = answer["data"]
    assert (data["app"], data["user"], data["path_vars"]) == ("esb_demo", None, {"name": "x"})
    assert data["path"] == "/who/hook/{token}/{name}/"
    assert data["args"] == {"bk_username": "me", "username": "x", "bk_app_code": "a"}
    assert (await ask(gateway, TOKEN, path="/v2/hook/x/{}/"))["data"]["app"] == "esb_demo"


async def test_a_cookie_makes_it_nobodys_call(gateway: Gateway) -> None:
    assert (await ask(gateway, TOKEN, Cookie="bk_token=demo-token"))["data"]["user"] is None


async def test_rights_and_existence_of_the_app_count(gateway: Gateway) -> None:
    assert (await ask(gateway, OTHER))["code"] == 1306403
    assert (await ask(gateway, "0123456789abcdef-GONE"))["code"] == 1306000


@pytest.mark.parametrize("header", ["X-Bkapi-Authorization", "X-Bkapi-JWT"])
async def test_a_header_that_says_who_calls_too_is_refused(gateway: Gateway, header: str) -> None:
    answer = await ask(gateway, TOKEN, **{header: '{"bk_app_code": "esb_demo"}'})
    assert (answer["code"], header in answer["message"]) == (1306406, True)


async def test_wrong_tokens_are_limited_as_wrong_secrets_are(gateway: Gateway, clock: Clock) -> None:
    answers = [await ask(gateway, f"wrong-token-{index}") for index in range(4)]
    assert [answer["code"] for answer in answers] == [1306000, 1306000, 1306000, 1306429]
    assert answers[0]["message"] == "The token in the address does not exist"
    assert answers[3]["data"] == {"retry_after": 60}
    assert "/who/hook/{token}/{name}/" in answers[3]["message"]
    assert (await ask(gateway, TOKEN))["result"]
    assert [event.claimed_app for event in gateway.events if isinstance(event, AuthenticationLimited)] == [
        "/who/hook/{token}/{name}/"
    ]


async def test_a_wrong_token_is_refused_before_a_large_body_is_read(gateway: Gateway) -> None:
    response = await gateway.http.post(f"{gateway.url}/api/c/compapi/who/hook/wrong/x/", data=b"[" * 100_000)
    assert (await response.json())["message"] == "The token in the address does not exist"


@pytest.mark.parametrize("token", ["..", "%2e", "a%2fb", "%ff", "x" * 9000, "%00"])
async def test_what_is_no_token_is_refused_like_any_other(gateway: Gateway, token: str) -> None:
    answer = await ask(gateway, token)
    assert answer["result"] is False


async def test_no_token_gets_out(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        await ask(gateway, TOKEN),
        await ask(gateway, OTHER),
        await ask(gateway, f"{TOKEN}x"),
        await ask(gateway, TOKEN, path="/who/hook/{}/"),
        await ask(gateway, TOKEN, path="/who/hook/{}/%00/"),
        await ask(gateway, TOKEN, **{"X-Bkapi-JWT": "x"}),
        await ask(gateway, f"%{ord(TOKEN[0]):x}{TOKEN[1:]}", path="/who/hooks/{}/x/"),
        await ask(gateway, TOKEN, path="/../compapis/who/hook/{}/x/"),
        await ask(gateway, TOKEN[1:], path="/../../../bk/api/c/compapi/who/hook/{}/x/"),
    ]
    config = gateway.app[GATEWAY].config
    told = [
        json.dumps(answers),
        repr(gateway.events),
        caplog.text,
        json.dumps(config_view.rendered(config)),
        repr(config),
    ]
    for environ in ({"ESB_LOG": "text"}, {"ESB_LOG": "json"}):
        stream = io.StringIO()
        write = logs.listener(environ, stream)
        for event in gateway.events:
            write(event)
        told.append(stream.getvalue())
    assert "component=hook" in told[-2]
    paths = [event.path for event in gateway.events if isinstance(event, CallFinished)]
    assert paths[-3:] == [
        "/api/c/compapi/who/hooks/***/x/",
        "/api/c/compapis/who/hook/***/x/",
        "/bk/api/c/compapi/who/hook/***",
    ]
    assert [text for text in told if TOKEN in text or OTHER in text] == []
    assert config_view.rendered(config)["components"][0]["tokens"][0] == {"app": "esb_demo", "token": "***"}


def test_a_token_is_compared_with_all_that_there_are() -> None:
    tokens = PathTokens([("a", "one"), ("b", "two")])
    assert tokens.taken({"token": "one", "x": "y"}) == ("a", {"x": "y"})
    assert tokens.taken({"token": "two"}) == ("b", {})
    assert tokens.taken({"token": "tw"}) == ("", {})
    assert tokens.taken({"token": "zwö"}) == ("", {})


@pytest.mark.parametrize(
    ("stanza", "told"),
    [
        (
            "path: /a/b/, tokens: [{app: a, token: abc}]",
            "tokens: a token stands in the path: write {token} there, as in /alerts/webhook/{token}/",
        ),
        (
            'path: "/a/{token:path}/", tokens: [{app: a, token: abc}]',
            "tokens: a token stands in the path: write {token} there, as in /alerts/webhook/{token}/",
        ),
        (
            'path: "/a/{token}/", tokens: [{app: a, token: abc}, {app: b, token: abc}]',
            "tokens[1].token: the same token as tokens[0]: whose call would it be?",
        ),
        (
            'path: "/a/{token}/", tokens: [{app: a, token: abc}], middlewares: [{use: user_auth}]',
            "tokens: nobody reads them: the chain of this component has no app_auth",
        ),
        (
            'path: "/a/{token}/", tokens: [{app: a, token: "a/b"}]',
            "tokens[0].token: expected letters, digits, `-`, `_`, `.` and `~`, as `openssl rand -hex 24` makes them",
        ),
        (
            'path: "/a/{token}/", tokens: [{app: a, token: ".."}]',
            "tokens[0].token: expected letters, digits, `-`, `_`, `.` and `~`, as `openssl rand -hex 24` makes them",
        ),
        ('path: "/a/{token}/", tokens: [{token: abc}]', "tokens[0].app: missing; expected a string"),
    ],
)
def test_mistakes_in_tokens_are_told(tmp_path: Path, stanza: str, told: str) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(f'version: 1\ncomponents:\n  - {{use: "tests.support.identity:Who", {stanza}}}\n')
    with pytest.raises(ConfigError) as caught:
        create_app(load(path, {}))
    assert [f"{mistake.key}: {mistake.text}" for mistake in caught.value.mistakes] == [f"components[0].{told}"]
