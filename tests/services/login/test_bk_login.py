"""BlueKing's login service over real HTTP: what it is asked, and how long its answers count."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from esb.core.errors import AuthenticationError, UpstreamError
from esb.core.events import Event, Observer, UpstreamFinished
from esb.services.login.bk_login import BkLogin, BkLoginConfig
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.process_services import open_process_services
from tests.support.wire import until

OK = {"result": True, "code": "00", "message": "", "data": {"username": "anna"}}
NOT_LOGGED_IN = {"result": False, "code": "1200", "message": "hunter2", "data": {}}


@dataclass
class LoginServer:
    """A login service that answers what a test tells it to."""

    url: str = ""
    answer: Any = field(default_factory=lambda: OK)
    asked: list[web.Request] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        await self.may_answer.wait()
        if isinstance(self.answer, web.HTTPException):
            raise self.answer
        return web.json_response(self.answer)


@pytest.fixture
async def server(open_server: OpenServer) -> LoginServer:
    login = LoginServer()
    app = web.Application()
    app.router.add_get("/login/accounts/is_login/", login.handle)
    login.url = await open_server(app)
    login.may_answer.set()
    return login


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
async def login(server: LoginServer, clock: Clock, events: list[Event]) -> AsyncIterator[BkLogin]:
    config = BkLoginConfig(url=f"{server.url}/", app_token=SecretStr("gateway-token"))
    async with open_process_services(clock, Observer([events.append])) as services:
        opened = BkLogin(config, services)
        yield opened
        await opened.close()


async def test_the_login_service_is_asked_with_the_gateways_credential_and_the_calls_id(
    login: BkLogin, server: LoginServer
) -> None:
    call = make_call(headers={"X-Bkapi-Request-Id": "a" * 32, "Blueking-Language": "zh-hans"})
    assert await login.username(call, "t+o k&e=n/二") == "anna"
    (asked,) = server.asked
    assert (asked.path, dict(asked.query)) == ("/login/accounts/is_login/", {"bk_token": "t+o k&e=n/二"})
    assert asked.headers["X-APP-CODE"] == "esb"
    assert asked.headers["X-APP-TOKEN"] == "gateway-token"
    assert asked.headers["X-Bkapi-Request-Id"] == "a" * 32
    assert asked.headers["Blueking-Language"] == "zh-hans"


async def test_a_login_counts_for_sixty_seconds(login: BkLogin, server: LoginServer, clock: Clock) -> None:
    for seconds in (0, 30, 29.9):
        clock.advance(seconds)
        assert await login.username(make_call(), "token") == "anna"
    assert len(server.asked) == 1
    clock.advance(0.2)
    assert await login.username(make_call(), "token") == "anna"
    assert len(server.asked) == 2


async def test_each_token_is_asked_about(login: BkLogin, server: LoginServer) -> None:
    await login.username(make_call(), "token")
    server.answer = {**OK, "data": {"username": "ben"}}
    assert await login.username(make_call(), "another") == "ben"
    assert await login.username(make_call(), "token") == "anna"


async def test_a_refusal_counts_for_five_seconds_at_most(login: BkLogin, server: LoginServer, clock: Clock) -> None:
    server.answer = NOT_LOGGED_IN
    for _ in range(3):
        with pytest.raises(AuthenticationError) as caught:
            await login.username(make_call(), "token")
        assert str(caught.value) == "User authentication failed, please check if the bk_token is valid"
    assert len(server.asked) == 1
    server.answer = OK
    clock.advance(5.1)
    assert await login.username(make_call(), "token") == "anna"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"result": True},
        {"result": True, "data": None},
        {"result": True, "data": []},
        {"result": True, "data": {}},
        {"result": True, "data": {"username": ""}},
        {"result": True, "data": {"username": ["anna"]}},
        {"result": "true", "data": {"username": "anna"}},
        {"result": 1, "data": {"username": "anna"}},
        {"data": {"username": "anna"}},
    ],
)
async def test_an_answer_that_names_nobody_proves_nobody(login: BkLogin, server: LoginServer, answer: Any) -> None:
    server.answer = answer
    with pytest.raises(AuthenticationError):
        await login.username(make_call(), "token")


@pytest.mark.parametrize("answer", [[], "anna", None, web.HTTPInternalServerError(), web.HTTPFound("/elsewhere")])
async def test_a_login_service_in_trouble_is_an_upstream_error_that_is_not_kept(
    login: BkLogin, server: LoginServer, answer: Any, events: list[Event]
) -> None:
    server.answer = answer
    with pytest.raises(UpstreamError) as caught:
        await login.username(make_call(), "secret-token")
    assert caught.value.code == 1306201
    assert "third-party system [BK_LOGIN] interface [is_login]" in str(caught.value)
    assert "secret-token" not in str(caught.value) + repr(events)
    assert [event.system for event in events if isinstance(event, UpstreamFinished)] == ["BK_LOGIN"]
    server.answer = OK
    assert await login.username(make_call(), "secret-token") == "anna"


async def test_calls_with_the_same_token_ask_once(login: BkLogin, server: LoginServer) -> None:
    server.may_answer.clear()
    calls = [asyncio.create_task(login.username(make_call(), "token")) for _ in range(20)]
    await until(lambda: bool(server.asked))
    server.may_answer.set()
    assert await asyncio.gather(*calls) == ["anna"] * 20
    assert len(server.asked) == 1


async def test_a_caller_who_leaves_takes_the_answer_from_nobody(login: BkLogin, server: LoginServer) -> None:
    server.may_answer.clear()
    first = asyncio.create_task(login.username(make_call(), "token"))
    await until(lambda: bool(server.asked))
    second = asyncio.create_task(login.username(make_call(), "token"))
    await asyncio.sleep(0)
    first.cancel()
    server.may_answer.set()
    assert await second == "anna"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(server.asked) == 1


def test_its_config_prints_no_secret() -> None:
    assert "gateway-token" not in repr(BkLoginConfig(url="http://x", app_token=SecretStr("gateway-token")))


CONFIG = """\
version: 1
services:
  apps: {{use: static, config: {{apps: [{{code: a, secrets: [s]}}]}}}}
  login: {{use: bk_login, config: {{url: "{url}", app_token: gateway-token}}}}
components:
  - {{path: /test/echo/, timeout: 2, use: "tests.support.components:Echo"}}
"""
CREDENTIALS = {"bk_app_code": "a", "bk_app_secret": "s", "bk_token": "token"}


async def open_with(open_gateway: OpenGateway, url: str) -> Gateway:
    return await open_gateway(config=CONFIG.format(url=url))


async def test_a_gateway_asks_for_each_new_login(open_gateway: OpenGateway, server: LoginServer) -> None:
    gateway = await open_with(open_gateway, server.url)
    answers = [await gateway.call("test/echo", auth=CREDENTIALS) for _ in range(3)]
    assert all(answer["result"] for answer in answers)
    (asked,) = server.asked
    assert asked.headers["X-Bkapi-Request-Id"] == answers[0]["request_id"]


async def test_a_login_service_that_is_down_is_told_within_the_deadline(
    open_gateway: OpenGateway, sandbox: Sandbox, unused_tcp_port: int
) -> None:
    gateway = await open_with(open_gateway, f"http://127.0.0.1:{unused_tcp_port}")
    answer = await gateway.call("test/echo", auth=CREDENTIALS)
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert "[BK_LOGIN]" in answer["message"]
    assert str(unused_tcp_port) not in answer["message"]
