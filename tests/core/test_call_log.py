"""What a plugin writes to the log of a call: with its request id, and without a secret that is known."""

import json
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from esb import Call, Component, ConfigModel, EsbError, pytest_plugin
from esb.core.call_log import LONGEST_TEXT, MOST, CallLogs
from esb.core.events import Event, Observer, PluginLogged
from esb.testing import AssertNoSecrets, OpenGateway
from esb.testing.gateway import SECRET
from tests.support.calls import make_call
from tests.support.components import Free
from tests.support.gateway import OpenGateway as OpenProjectGateway

gateway = pytest_plugin.gateway  # conftest.py has another of this name
TOKEN = "a-token+of/the=config"


class Config(ConfigModel):
    token: SecretStr = SecretStr(TOKEN)


class Talkative(Component[Config, Free]):
    """Writes to the log whatever it knows."""

    config_type = Config
    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        token = self.config.token.get_secret_value()
        call.log.debug("asked", user=call.user and call.user.username)
        call.log.info("delivered", id=42, ok=True, to=["ann", "bob"])
        call.log.warning(f"the token is {token}", url=f"https://x/?t={token}", claims=call.credentials.claims)
        call.log.error("odd", event="forged", request_id="forged", level="info", **{"a\nb": 1})
        return None


def lines(log: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == "plugin"]


async def test_a_line_has_the_request_id_the_component_and_what_the_plugin_gives(gateway: OpenGateway) -> None:
    opened = await gateway(Talkative)
    answer = await opened.call()
    asked, delivered, *_ = lines(opened.log.getvalue())
    assert (asked["level"], asked["text"], asked["user"]) == ("debug", "asked", "admin")
    delivered.pop("timestamp")
    assert delivered == {
        "event": "plugin",
        "level": "info",
        "request_id": answer["request_id"],
        "component": "test.component",
        "text": "delivered",
        "id": 42,
        "ok": True,
        "to": ["ann", "bob"],
    }


async def test_secrets_of_caller_and_configuration_are_taken_out(
    gateway: OpenGateway, assert_no_secrets: AssertNoSecrets
) -> None:
    opened = await gateway(Talkative)
    await opened.call()
    line = lines(opened.log.getvalue())[2]
    assert (line["text"], line["url"]) == ("the token is ***", "https://x/?t=***")
    assert line["claims"] == {"bk_app_code": "test_app", "bk_app_secret": "***", "bk_username": "admin"}
    assert_no_secrets(TOKEN, SECRET)


async def test_a_plugin_can_forge_neither_a_line_nor_what_the_gateway_says_in_it(gateway: OpenGateway) -> None:
    opened = await gateway(Talkative)
    answer = await opened.call()
    line = lines(opened.log.getvalue())[3]
    assert (line["event"], line["level"], line["request_id"]) == ("plugin", "error", answer["request_id"])
    assert (line["event_"], line["level_"], line["request_id_"], line["…"]) == ("forged", "info", "forged", 1)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
async def call(told: list[Event]) -> Call:
    """A call that some gateway answers, which nobody looks at."""
    made = make_call()
    made.record.logs = CallLogs(Observer([told.append]), lambda: ["hunter2", "tiny"])
    return made


def last(told: list[Event]) -> PluginLogged:
    event = told[-1]
    assert isinstance(event, PluginLogged)
    return event


class Thing:
    def __repr__(self) -> str:
        return "hunter3"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (1.5, 1.5),
        ("it is hunter2", "it is ***"),
        (date(2026, 11, 30), "2026-11-30"),
        (EsbError("no {n}", n="hunter2"), "no ***"),
        (ValueError("hunter3"), "<ValueError>"),
        (Thing(), "<Thing>"),
        (SecretStr("x"), "<SecretStr>"),
        (b"raw", "<bytes>"),
        ({"a": {"password": "x", "n": 1}}, {"a": {"password": "***", "n": 1}}),
        ({"hunter2": 1}, {"***": 1}),
        ([[["deep"]]], [["<list>"]]),
        ("é\ud800", "é?"),
    ],
)
async def test_values_are_told_as_far_as_they_can_be_read_by_anybody(
    call: Call, told: list[Event], value: Any, shown: Any
) -> None:
    call.log.info("it", value=value)
    assert last(told).fields == {"value": shown}


async def test_what_sounds_like_a_secret_or_an_address_is_hidden(call: Call, told: list[Event]) -> None:
    call.log.info("it", token="a", phone="1", email="b", password="", count=1)
    assert last(told).fields == {"token": "***", "phone": "***", "email": "***", "password": "", "count": 1}


async def test_a_line_has_its_bounds(call: Call, told: list[Event]) -> None:
    call.log.info("x" * 5000, many=[*range(1000)], **{f"field{n}": n for n in range(1000)})
    line = last(told)
    assert line.text == "x" * LONGEST_TEXT + "…"
    assert len(line.fields) == MOST
    assert len(line.fields["many"]) == MOST


async def test_lines_for_debugging_are_written_where_an_author_looks_on_only(call: Call, told: list[Event]) -> None:
    call.log.debug("asked")
    assert told == []


async def test_a_call_that_no_gateway_answers_may_be_logged_too() -> None:
    make_call().log.info("delivered")


class Settled(Component[Any, Free]):
    """Writes what it finds in the settings of the app."""

    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        assert call.app is not None
        call.log.info(f"{call.app.settings['token']}", settings=call.app.settings)
        return {"settings": call.app.settings}


async def test_a_secret_in_the_settings_of_an_app_is_taken_out(open_gateway: OpenProjectGateway) -> None:
    apps = "[{code: esb_demo, secrets: [demo-secret], settings: {token: t0k3n-of-a, sign_name: Acme}}]"
    config = (
        f"version: 1\nmiddlewares: [{{use: app_auth}}]\nservices: {{apps: {{use: static, config: {{apps: {apps}}}}}}}\n"
    )
    opened = await open_gateway(
        config=config + 'components: [{path: /a/b/, use: "tests.core.test_call_log:Settled"}]\n'
    )
    answer = await opened.call("a/b")
    assert answer["data"] == {"settings": {"token": "t0k3n-of-a", "sign_name": "Acme"}}
    line = last(opened.events[:-1])
    assert (line.text, line.fields) == ("***", {"settings": {"token": "***", "sign_name": "Acme"}})


async def test_the_secrets_of_the_configuration_are_looked_for_once_and_when_a_line_is_written() -> None:
    asked: list[int] = []

    def find() -> list[str]:
        asked.append(1)
        return []

    call = make_call()
    call.record.logs = CallLogs(Observer(), find)
    assert asked == []
    call.log.info("a")
    call.log.info("b")
    assert asked == [1]
