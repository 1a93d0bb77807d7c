"""The fixtures of esb.testing for those who write plugins."""

import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from esb import Call, Component, ConfigModel, EsbError, Target, pytest_plugin
from esb.core.errors import ConfigError
from esb.testing import AssertNoSecrets, CallComponent, OpenGateway, Upstream
from tests.support.clock import Clock
from tests.support.components import Echo, Free
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


# The pytest plugin


def test_a_run_that_uses_no_fixture_loads_no_server(tmp_path: Path) -> None:
    code = "import esb.pytest_plugin, sys; print({'aiohttp.web', 'esb.gateway.app', 'esb.testing'} & set(sys.modules))"
    assert python("-c", code, folder=tmp_path).stdout == "set()\n"


def test_pytest_finds_the_fixtures_by_itself(tmp_path: Path) -> None:
    done = pytest_of(tmp_path, "--fixtures")
    for name in ("gateway", "upstream", "call", "assert_no_secrets"):
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
