"""The fixtures of esb.testing for those who write plugins."""

import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from esb import (
    App,
    AuthenticationError,
    Call,
    Component,
    ConfigModel,
    EsbError,
    Handler,
    Middleware,
    NoConfig,
    Service,
    Target,
    pytest_plugin,
    testing,
)
from esb.core.errors import ConfigError
from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, OpenMiddleware, OpenService, Upstream
from tests.support.clock import Clock
from tests.support.components import Echo, EnvironmentConfig, Free
from tests.support.loop_time import late
from tests.support.processes.interpreter import pytest_of, python
from tests.support.wire import until

gateway = pytest_plugin.gateway  # conftest.py has another of this name
SECRET = 'k3y+/= "ü'


class LeakyConfig(ConfigModel):
    secret: SecretStr
    plain: str = ""
    url: str = ""


class Leaky(Component[LeakyConfig, Free]):
    """Lets its secret out where it is told to."""

    config_type = LeakyConfig
    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        secret = self.config.secret.get_secret_value()
        match call.args.get("by"):
            case "answer":
                return {"it": secret}
            case "message":
                raise EsbError("wrong: {it}", it=secret)
            case "log":
                call.record.app = secret
            case "upstream":
                await self.services.http.json(call, Target("S", "I"), "GET", f"{self.config.url}/?key={secret}")
        return None


# The gateway


async def test_a_gateway_is_opened_around_one_component_and_called(gateway: OpenGateway, call: CallComponent) -> None:
    opened = await gateway("tests.support.components:Echo")
    answer = await call(name="Ann")
    assert answer["result"] is True
    assert answer["data"]["args"] == {"name": "Ann"}
    assert opened.url.startswith("http://127.0.0.1:")


async def test_a_component_may_be_given_as_a_class(gateway: OpenGateway, call: CallComponent) -> None:
    await gateway(Echo)
    assert (await call())["result"] is True


async def test_parameters_may_have_any_name(gateway: OpenGateway, call: CallComponent) -> None:
    await gateway(Echo)
    params = {"user": "u", "self": 1, "path": "p", "headers": {}}
    assert (await call(params))["data"]["args"] == params


async def test_the_stanza_takes_its_own_keys(gateway: OpenGateway, call: CallComponent) -> None:
    opened = await gateway(
        "tests.support.components:Environment",
        {"name": "here"},
        path="/any/{thing}/",
        methods=["GET", "POST"],
        timeout=3,
        test_config={"name": "there"},
    )
    response = await opened.request("GET", path="/any/where/", headers={"X-Use-Test-Env": "1"})
    assert (await response.json())["data"]["name"] == "there"
    assert (await call(None))["data"]["name"] == "here"


async def test_a_config_means_what_it_says_whatever_stands_in_it(gateway: OpenGateway, call: CallComponent) -> None:
    odd = {"name": "${HOME} $${x} yes 007 é\u2028 \U0001f600: {[#", "replicas": 7}
    await gateway("tests.support.components:Environment", odd)
    assert (await call())["data"] == odd


async def test_who_calls_can_be_chosen(gateway: OpenGateway) -> None:
    opened = await gateway("tests.support.identity:Who")
    assert (await opened.call())["data"]["user"] == "admin"
    assert (await opened.call(user="lisi"))["data"]["user"] == "lisi"


async def test_people_and_further_components_are_there(gateway: OpenGateway, call: CallComponent) -> None:
    also = {"path": "/cmsi/send_weixin/", "use": "tests.support.components:Echo", "active": False}
    await gateway("cmsi_get_msg_type", path="/cmsi/get_msg_type/", also=[also], users=[{"username": "ann"}])
    types = {each["type"]: each["is_active"] for each in (await call())["data"]}
    assert types["weixin"] is False


async def test_a_clock_may_be_given(gateway: OpenGateway) -> None:
    clock = Clock()
    opened = await gateway(Echo, clock=clock)
    assert opened.app is not None


async def test_mistakes_of_a_stanza_are_raised(gateway: OpenGateway) -> None:
    with pytest.raises(ConfigError, match=r"components\[0\].config.nmae: unknown key"):
        await gateway("tests.support.components:Environment", {"nmae": "x"})


async def test_a_call_needs_a_gateway(call: CallComponent) -> None:
    with pytest.raises(RuntimeError, match="open a gateway first"):
        await call()


async def test_several_gateways_live_side_by_side(gateway: OpenGateway, call: CallComponent) -> None:
    first = await gateway("tests.support.components:Environment", {"name": "first"})
    await gateway("tests.support.components:Environment", {"name": "second"})
    assert (await first.call())["data"]["name"] == "first"
    assert (await call())["data"]["name"] == "second"


# The upstream


async def ask(upstream: Upstream, method: str = "GET", path: str = "/", **options: Any) -> tuple[int, str]:
    async with ClientSession() as http, http.request(method, upstream.url + path, **options) as response:
        return response.status, await response.text()


async def test_an_upstream_remembers_what_it_was_asked(upstream: Upstream) -> None:
    upstream.answers({"ok": True})
    assert await ask(upstream, "PUT", "/a/b?c=d", json={"e": 1}, headers={"X-F": "g"}) == (200, '{"ok": true}')
    (asked,) = upstream.requests
    assert (asked.method, asked.path, asked.query, asked.json) == ("PUT", "/a/b", {"c": "d"}, {"e": 1})
    assert asked.headers["x-f"] == "g"


async def test_the_last_answer_that_fits_counts(upstream: Upstream) -> None:
    upstream.answers("usual")
    upstream.answers("posted", method="POST")
    upstream.answers(b"there", path="/there", status=201)
    assert await ask(upstream) == (200, "usual")
    assert await ask(upstream, "POST") == (200, "posted")
    assert await ask(upstream, "POST", "/there") == (201, "there")


async def test_an_answer_may_come_a_few_times_only(upstream: Upstream) -> None:
    upstream.answers({"n": 2})
    upstream.answers({"n": 1}, times=2)
    assert [(await ask(upstream))[1] for _ in range(3)] == ['{"n": 1}', '{"n": 1}', '{"n": 2}']


async def test_an_answer_may_be_a_function(upstream: Upstream) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=(await request.text())[::-1])

    upstream.answers(echo)
    assert await ask(upstream, "POST", data="abc") == (200, "cba")


async def test_an_upstream_that_was_told_nothing_says_so(upstream: Upstream) -> None:
    status, text = await ask(upstream, path="/x")
    assert status == 404
    assert "no answer to GET /x" in text


async def test_a_hanging_upstream_ends_with_the_test(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent
) -> None:
    upstream.hangs()
    await gateway("tests.support.components:Relay", {"url": upstream.url + "/"}, timeout=20)
    answer = await late(20, call(), until(lambda: bool(upstream.requests)))
    assert answer["code"] == 1306201
    assert len(upstream.requests) == 1


# Secrets


@pytest.mark.parametrize("by", ["answer", "message", "log"])
async def test_a_secret_that_gets_out_is_found(
    gateway: OpenGateway, call: CallComponent, assert_no_secrets: AssertNoSecrets, by: str
) -> None:
    await gateway(Leaky, {"secret": SECRET})
    assert_no_secrets(SECRET)
    await call(by=by)
    with pytest.raises(AssertionError, match="secret 2 got out, in") as caught:
        assert_no_secrets("another secret", SECRET)
    assert SECRET not in str(caught.value)


async def test_a_secret_in_a_repr_is_found(gateway: OpenGateway, assert_no_secrets: AssertNoSecrets) -> None:
    await gateway(Leaky, {"secret": SECRET, "plain": "plain-secret"})
    assert_no_secrets(SECRET)
    with pytest.raises(AssertionError, match="in the repr of Leaky or its config"):
        assert_no_secrets("plain-secret")


async def test_a_secret_in_pythons_logging_is_found(
    gateway: OpenGateway, assert_no_secrets: AssertNoSecrets, caplog: pytest.LogCaptureFixture
) -> None:
    await gateway(Leaky, {"secret": SECRET})
    logging.getLogger("plugin").warning("it is %s", SECRET)
    with pytest.raises(AssertionError, match="in Python's logging"):
        assert_no_secrets(SECRET)


async def test_a_secret_that_goes_upstream_only_has_not_got_out(
    gateway: OpenGateway, upstream: Upstream, call: CallComponent, assert_no_secrets: AssertNoSecrets
) -> None:
    await gateway(Leaky, {"secret": "k3y-for-upstream", "url": upstream.url})
    upstream.answers(status=500)
    assert not (await call(by="upstream"))["result"]
    assert "k3y" in upstream.requests[0].query["key"]
    assert_no_secrets("k3y-for-upstream")


async def test_a_word_is_no_secret(gateway: OpenGateway, assert_no_secrets: AssertNoSecrets) -> None:
    with pytest.raises(ValueError, match="secret 1 is shorter than 4 characters"):
        assert_no_secrets("")


# Middlewares and back ends


class FromInside(Middleware[NoConfig]):
    """Lets in whoever comes from 10.0.0.0/8."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        if not call.client_ip.startswith("10."):
            raise EsbError("this address may not call")
        return await handler(call)


class Password(Middleware[EnvironmentConfig]):
    """Lets in whoever says the name."""

    config_type = EnvironmentConfig

    async def __call__(self, call: Call, handler: Handler) -> Any:
        if call.args.get("password") != self.config.name:
            raise EsbError("that is not the word")
        return await handler(call)


class OneApp(Service[EnvironmentConfig]):
    """Knows the app `name`, whose secret is its name in reverse."""

    service = "apps"
    config_type = EnvironmentConfig

    async def verify(self, call: Call, code: str, secret: str) -> App:
        if (code, secret) != (self.config.name, self.config.name[::-1]):
            raise AuthenticationError("unknown app")
        return App(code, impersonate=("*",))

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        return [self.config.name[::-1].encode()]

    async def rights(self, call: Call, code: str) -> App:
        return App(code, impersonate=("*",))


async def test_a_middleware_stands_at_the_end_of_the_chain(middleware: OpenMiddleware, call: CallComponent) -> None:
    await middleware(Password, {"name": "sesame"})
    assert (await call(password="please"))["message"] == "that is not the word"
    let_in = await call(password="sesame", more=1)
    assert let_in["data"] == {"app": "test_app", "user": "admin", "args": {"password": "sesame", "more": 1}}


async def test_a_middleware_may_stand_alone(middleware: OpenMiddleware) -> None:
    opened = await middleware(Password, {"name": "sesame"}, after=())
    response = await opened.request(json={"password": "sesame"}, headers={"X-Bkapi-Authorization": "{}"})
    assert (await response.json())["data"] == {"app": None, "user": None, "args": {"password": "sesame"}}


async def test_a_test_says_from_where_it_calls(middleware: OpenMiddleware) -> None:
    opened = await middleware(FromInside)
    for address, let_in in (("10.1.2.3", True), ("192.0.2.1", False)):
        response = await opened.request(json={}, headers={"X-Forwarded-For": address})
        assert (await response.json())["result"] is let_in, address


async def test_a_back_end_of_a_service_is_asked(service: OpenService, call: CallComponent) -> None:
    await service("apps", OneApp, {"name": "orders"}, caller=("orders", "sredro"))
    assert (await call())["data"]["app"] == "orders"
    await service("apps", OneApp, {"name": "orders"}, caller=("orders", "orders"))
    assert (await call())["message"] == "unknown app"


# The clock, the sandbox, the Redis server

clock = pytest_plugin.clock
sandbox = pytest_plugin.sandbox
redis = pytest_plugin.redis


async def test_a_clock_moves_when_it_is_told_to(
    middleware: OpenMiddleware, call: CallComponent, clock: testing.Clock
) -> None:
    await middleware("rate_limit", {"default": [{"tokens": 1}]}, clock=clock)
    assert (await call())["result"] is True
    assert (await call())["code"] == 1306429
    clock.advance(61)
    assert (await call())["result"] is True


async def test_a_clock_is_there_without_waiting(clock: testing.Clock) -> None:
    before = clock(), clock.since_1970()
    await clock.sleep(3600)
    assert (clock() - before[0], clock.since_1970() - before[1]) == (3600, 3600)


async def test_a_message_arrives_in_the_sandbox(
    gateway: OpenGateway, sandbox: testing.Sandbox, call: CallComponent
) -> None:
    account = {"wx_qy_corpid": "ww0000000000000001", "wx_qy_corpsecret": "corp-secret", "wx_qy_agentid": 1000002}
    await gateway("cmsi_send_weixin", {**account, "wx_qy_host": sandbox.url})
    await call(receiver="zhangsan", data={"heading": "H", "message": "M"})
    (message,) = await sandbox.messages()
    assert message["delivered"] == ["zhangsan"]
    assert await sandbox.calls("/cgi-bin/message/send") == 1


async def test_a_mail_arrives_in_the_sandbox(
    gateway: OpenGateway, sandbox: testing.Sandbox, call: CallComponent
) -> None:
    server = {"smtp_host": "127.0.0.1", "smtp_port": sandbox.smtp_port, "mail_sender": "esb@example.com"}
    await gateway("cmsi_send_mail", server)

    await call(receiver="ann@example.com", title="hi", content="hello")

    (message,) = await sandbox.messages()
    assert (message["platform"], message["delivered"]) == ("mail", ["ann@example.com"])


async def test_what_the_sandbox_refuses_is_raised(sandbox: testing.Sandbox) -> None:
    with pytest.raises(ValueError, match="the sandbox refuses faults"):
        await sandbox.post("faults", {"no": "fault"})


async def test_gateways_share_what_is_in_redis(gateway: OpenGateway, redis: testing.RedisServer) -> None:
    limit = {"use": "rate_limit", "config": {"default": [{"tokens": 1}]}}
    chain: list[dict[str, Any]] = [{"use": "app_auth"}, limit]
    one, other = [await gateway(Echo, middlewares=chain, services={"store": redis.stanza}) for _ in range(2)]
    assert (await one.call())["result"] is True
    assert (await other.call())["code"] == 1306429


def test_a_redis_server_is_empty_for_each_test(redis: testing.RedisServer) -> None:
    with socket.create_connection(("127.0.0.1", redis.port), 60) as connection:
        connection.sendall(b"DBSIZE\r\n")
        assert connection.recv(16) == b":0\r\n"
        connection.sendall(b"SET left behind\r\n")
        assert connection.recv(16) == b"+OK\r\n"
        redis.empty()
        connection.sendall(b"DBSIZE\r\n")
        assert connection.recv(16) == b":0\r\n"


# The pytest plugin


def test_a_run_that_uses_no_fixture_loads_no_server(tmp_path: Path) -> None:
    code = "import esb.pytest_plugin, sys; print({'aiohttp.web', 'esb.gateway.app', 'esb.testing'} & set(sys.modules))"
    assert python("-c", code, folder=tmp_path).stdout == "set()\n"


def test_pytest_finds_the_fixtures_by_itself(tmp_path: Path) -> None:
    done = pytest_of(tmp_path, "--fixtures")
    for name in (
        "gateway",
        "middleware",
        "service",
        "call",
        "upstream",
        "sandbox",
        "redis",
        "clock",
        "assert_no_secrets",
    ):
        assert f"\n{name} -- " in done.stdout


def test_without_pytest_asyncio_other_tests_run_and_these_say_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_other(): pass\ndef test_gateway(gateway): pass\ndef test_upstream(upstream): pass\n"
    )
    code = (
        "import sys; sys.modules['pytest_asyncio'] = None; import pytest; "
        "sys.exit(pytest.main(['-p', 'esb.pytest_plugin', '-p', 'no:cacheprovider']))"
    )
    done = python("-c", code, folder=tmp_path, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "1 passed, 2 errors" in done.stdout
    assert "need pytest-asyncio: pip install 'esb-gateway[testing]'" in done.stdout


def test_plugins_beside_esb_yaml_are_importable_in_their_tests(tmp_path: Path) -> None:
    (tmp_path / "deep" / "tests").mkdir(parents=True)
    (tmp_path / "deep" / "esb.yaml").touch()
    (tmp_path / "deep" / "channel.py").write_text(
        "from esb import Component\n\n\nclass Channel(Component):\n"
        "    async def handle(self, call, params):\n        return 7\n"
    )
    (tmp_path / "deep" / "tests" / "test_channel.py").write_text(
        "import pytest\n\n\n@pytest.mark.asyncio\nasync def test_it(gateway, call):\n"
        "    await gateway('channel:Channel')\n    assert (await call())['data'] == 7\n"
    )
    done = pytest_of(tmp_path)
    assert "1 passed" in done.stdout, done.stdout
