"""Authors see their bugs: a plugin that crashes fails its test, with the traceback, unless the test expects that."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from esb import App, Call, Component, EsbError, Handler, Limited, Middleware, Reply, Service, pytest_plugin
from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from esb.server.listener import listening
from esb.telemetry import tracebacks
from esb.testing import CallComponent, OpenGateway, PluginCrashed
from tests.support.components import Free
from tests.support.processes.interpreter import pytest_of

gateway = pytest_plugin.gateway  # conftest.py has another of this name
CRASHED = "Component error, please contact the component developer to handle it."


class Buggy(Component[Any, Free]):
    """Has the bug that a call asks for."""

    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        match call.args.get("bug"):
            case "divides":
                return 1 / 0
            case "set":
                return {"x": {1}}
            case "header":
                return Reply(200, {"X-Count": 1})  # type: ignore[dict-item]  # the bug
            case "body":
                return Reply(200, {}, "text")  # type: ignore[arg-type]  # the bug
            case "stream":
                return Reply(200, {}, breaking())
            case "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(refuse())
                    group.create_task(refuse())
            case "mixed":
                raise ExceptionGroup("several", [KeyError("k"), ExceptionGroup("deep", [EsbError("no")])])
            case "groups":
                raise ExceptionGroup("several", [KeyError("k"), ValueError("v")])
        return None


class BuggyMiddleware(Middleware[Any]):
    """Crashes before the component is reached."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call.nothing)  # type: ignore[attr-defined]  # the bug


class BuggyApps(Service[Any]):
    """Crashes when it is asked who calls."""

    service = "apps"

    async def verify(self, call: Call, code: str, secret: str) -> App:
        known: dict[str, App] = {}
        return known[code]  # the bug

    async def secrets(self, call: Call, code: str) -> Any:
        return []

    async def rights(self, call: Call, code: str) -> App:
        return App(code)


CHAIN = """\
version: 1
middlewares: [{use: "tests.testing.test_crashes:BuggyMiddleware"}]
components: [{path: /a/b/, use: "tests.testing.test_crashes:Buggy"}]
"""
BACK_END = """\
version: 1
services: {apps: {use: "tests.testing.test_crashes:BuggyApps"}}
components: [{path: /a/b/, use: "tests.testing.test_crashes:Buggy"}]
"""


async def breaking() -> AsyncIterator[bytes]:
    yield b"begun"
    raise ValueError("in the middle")


async def refuse() -> None:
    await asyncio.sleep(0)
    raise Limited("too much, wait {n} s", 3, n=3)


async def test_a_bug_fails_the_test_at_the_call_with_the_plugins_traceback(
    gateway: OpenGateway, call: CallComponent
) -> None:
    await gateway(Buggy)
    with pytest.raises(PluginCrashed) as caught:
        await call(bug="divides")
    text = str(caught.value)
    first = next(line for line in text.splitlines() if line.startswith("  File "))
    assert f'"{__file__}"' in first
    assert first.endswith("in handle")
    assert "return 1 / 0" in text
    assert "ZeroDivisionError: division by zero" in text
    assert text.startswith("a plugin crashed: /test/component/ (request ")
    assert "with opened.expects_crash()" in text


async def test_a_bug_that_the_test_expects_is_answered_as_callers_get_it(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with opened.expects_crash(ZeroDivisionError) as errors:
        answer = await opened.call(bug="divides")
    assert (answer["code"], answer["message"]) == (1306000, CRASHED)
    assert [str(error) for error in errors] == ["division by zero"]
    assert (await opened.call())["result"]


async def test_a_crash_that_is_expected_and_does_not_come_fails_the_test(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with pytest.raises(PluginCrashed, match="expects that a plugin crashes, and none did"), opened.expects_crash():
        await opened.call()


async def test_another_crash_than_the_expected_one_fails_the_test(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with pytest.raises(PluginCrashed, match="ZeroDivisionError"), opened.expects_crash(KeyError):
        await opened.call(bug="divides")


@pytest.mark.parametrize(
    ("bug", "told"),
    [
        ("set", "data.x is a set, which JSON cannot hold"),
        ("header", "the header X-Count of the answer is no text, but: int"),
        ("body", "the body of a Reply is a str: bytes are needed"),
    ],
)
async def test_an_answer_that_cannot_be_written_is_named_by_its_place_to_author_and_log(
    gateway: OpenGateway, bug: str, told: str
) -> None:
    opened = await gateway(Buggy)
    with pytest.raises(PluginCrashed) as caught:
        await opened.call(bug=bug)
    assert told in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert f"detail='{told}" in opened.log.getvalue()


async def test_a_stream_that_breaks_off_because_of_a_bug_fails_the_test(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with pytest.raises(PluginCrashed, match="in the middle"):
        await opened.call(bug="stream")


async def test_the_log_has_no_value_of_a_bug(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with opened.expects_crash():
        await opened.call(bug="divides")
    log = opened.log.getvalue()
    assert "error=ZeroDivisionError" in log
    assert "test_crashes.py:" in log
    assert "division by zero" not in log


async def test_an_exception_group_counts_as_its_first_error_for_callers(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    answer = await opened.call(bug="group")
    assert (answer["code"], answer["message"], answer["data"]) == (1306429, "too much, wait 3 s", {"retry_after": 3})


async def test_a_bug_beside_an_error_for_callers_is_reported_all_the_same(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with opened.expects_crash() as errors:
        answer = await opened.call(bug="mixed")
    assert (answer["code"], answer["message"]) == (1306000, "no")
    (group,) = errors
    assert isinstance(group, ExceptionGroup)
    assert [type(error) for error in group.exceptions] == [KeyError]


async def test_a_group_of_bugs_is_a_crash_and_the_log_names_the_first(gateway: OpenGateway) -> None:
    opened = await gateway(Buggy)
    with opened.expects_crash(ExceptionGroup):
        answer = await opened.call(bug="groups")
    assert answer["message"] == CRASHED
    assert "error=KeyError" in opened.log.getvalue()


@pytest.mark.parametrize(
    ("config", "told"),
    [(CHAIN, "AttributeError: 'Call' object has no attribute 'nothing'"), (BACK_END, "KeyError: 'ann'")],
)
async def test_a_crash_of_a_middleware_or_a_back_end_is_shown_from_its_frame_on(
    tmp_path: Path, http: ClientSession, config: str, told: str
) -> None:
    (tmp_path / "esb.yaml").write_text(config)
    shown: list[str] = []
    app = create_app(load(tmp_path / "esb.yaml", {}), author=lambda *crash: shown.append(tracebacks.of_plugin(*crash)))
    params = {"bk_app_code": "ann", "bk_app_secret": "s", "bk_username": "u"}
    async with listening(app, "127.0.0.1", 0) as url, http.post(f"{url}/api/c/compapi/a/b/", json=params) as response:
        assert (await response.json())["message"] == CRASHED
    (text,) = shown
    assert text.count("  File ") == 1
    assert __file__ in text
    assert text.endswith(f"{told}\n")


class Unbuildable(Buggy):
    """Crashes in its constructor."""

    def __init__(self, config: Any, services: Any) -> None:
        raise ValueError("no such word")


async def test_a_plugin_that_cannot_be_built_tells_its_test_why(gateway: OpenGateway) -> None:
    with pytest.raises(ConfigError, match="failed to build: ValueError at") as caught:
        await gateway(Unbuildable)
    assert str(caught.value.bug) == "no such word"


PLUGIN = """\
from esb import Component

class Divides(Component):
    async def handle(self, call, params):
        return 1 / 0

class BreaksAtTheEnd(Component):
    async def handle(self, call, params):
        return None

    async def close(self):
        raise RuntimeError("at the end")
"""
BESIDE = """\
import pytest

pytestmark = pytest.mark.asyncio
"""
SWALLOWED = """
async def test_it(gateway):
    opened = await gateway("plugin:Divides")
    url = f"{opened.url}/api/c/compapi{opened.path}"
    async with opened.http.post(url, headers=AUTH, json={"bug": "divides"}) as answer:
        await answer.read()
"""
AT_THE_END = """
async def test_it(gateway):
    await gateway("plugin:BreaksAtTheEnd")
"""
AUTH = """
AUTH = {"X-Bkapi-Authorization": '{"bk_app_code": "test_app", "bk_app_secret": "test-app-secret", "bk_username": "a"}'}
"""


def test_a_mistake_in_the_config_of_a_test_is_told_without_the_gateways_own_lines(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "test_it.py").write_text(
        BESIDE + "async def test_it(gateway):\n    await gateway('plugin:Divides', {'key': 1})\n"
    )
    done = pytest_of(tmp_path)
    assert "components[0].config.key: unknown key" in done.stdout
    assert "generation.py" not in done.stdout


@pytest.mark.parametrize(
    ("test", "told"), [(SWALLOWED, "ZeroDivisionError: division by zero"), (AT_THE_END, "RuntimeError: at the end")]
)
def test_a_crash_that_no_call_tells_of_fails_the_run_at_the_end(tmp_path: Path, test: str, told: str) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "test_it.py").write_text(BESIDE + AUTH + test)
    done = pytest_of(tmp_path)
    assert done.returncode == 1
    assert "1 passed, 1 error" in done.stdout
    assert told in done.stdout
