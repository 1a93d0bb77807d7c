"""A component calls another, by its name or by its path, and its author is told what is wrong with that."""

from typing import Any

import pytest

from esb import Call, Component, pytest_plugin
from esb.core.errors import PluginMistake
from esb.gateway import inner_call
from esb.testing import OpenGateway
from tests.support.components import Free

gateway = pytest_plugin.gateway  # conftest.py has another of this name
USE = "tests.support.components:Echo"
ALSO: list[dict[str, Any]] = [
    {"path": "/a/echo/", "aliases": ["/a/other/"], "use": USE},
    {"path": "/a/read/", "methods": ["GET"], "use": USE},
    {"path": "/a/write/", "methods": ["PUT"], "use": USE},
    {"path": "/a/{item}/lines/{line}/", "name": "a.lines", "use": USE},
    {"path": "/a/both/", "methods": ["GET"], "use": USE},
    {"path": "/a/both/", "methods": ["POST"], "use": USE},
    {"path": "/a/off/", "active": False, "use": USE},
]
TARGET: list[Any] = []
"""Target and arguments of the next inner call. A call over HTTP could not carry all that authors get wrong."""


class Caller(Component[Any, Free]):
    """Calls what TARGET says."""

    async def handle(self, call: Call, params: Free) -> Any:
        target, args, *instead = TARGET
        return await self.services.call(instead[0] if instead else call, target, args)


class Asking(Component[Any, Free]):
    """Asks which components are declared."""

    async def handle(self, call: Call, params: Free) -> Any:
        return {target: self.services.declared(target) for target in ("a.echo", "/a/echo/", "a.off", "a.none")}


@pytest.mark.parametrize(
    ("target", "method", "path", "path_vars"),
    [
        ("a.echo", "POST", "/a/echo/", {}),
        ("/a/echo/", "POST", "/a/echo/", {}),
        ("/a/echo", "POST", "/a/echo/", {}),
        ("/a/other/", "POST", "/a/echo/", {}),
        ("a.read", "GET", "/a/read/", {}),
        ("/a/read/", "GET", "/a/read/", {}),
        ("a.write", "PUT", "/a/write/", {}),
        ("a.both", "POST", "/a/both/", {}),
        ("a.lines", "POST", "/a/{item}/lines/{line}/", {"item": "seven", "line": "7"}),
        ("/a/six/lines/6/", "POST", "/a/{item}/lines/{line}/", {"item": "six", "line": "6"}),
    ],
)
async def test_another_component_is_called_by_its_name_or_its_path(
    gateway: OpenGateway, target: str, method: str, path: str, path_vars: dict[str, str]
) -> None:
    opened = await gateway(Caller, also=ALSO)
    args = {"item": "seven", "line": 7}
    TARGET[:] = [target, args]
    answer = (await opened.call())["data"]
    assert (answer["method"], answer["path"], answer["path_vars"]) == (method, path, path_vars)
    assert answer["args"] == args


@pytest.mark.parametrize(
    ("called", "told"),
    [
        (["a.ehco", {}], "there is no component 'a.ehco' (did you mean 'a.echo'?); a component is called by its name"),
        (["/a/ehco/", {}], "there is no component '/a/ehco/' (did you mean '/a/echo/'?)"),
        (["/a/13800000000/of/x y/", {}], "there is no component '/a/…/of/x…y/';"),
        (["", {}], "there is no component ''; a component"),
        (["a.lines", {"item": 1}], "the path of 'a.lines' needs the argument 'line'"),
        (["a.echo", ["x"]], "args maps names of parameters to values, and is: list"),
        (["a.echo", None], "args maps names of parameters to values, and is: NoneType"),
        (["a.echo", {1: 2}], "args maps names of parameters to values, and is: dict"),
        ([{}, "a.echo"], f"services.call: {inner_call.HOW}, and not by: dict"),
        (["a.echo", {}, {"x": 1}], "its first argument is the call, and not: dict"),
    ],
)
async def test_a_call_that_cannot_be_made_is_told_to_the_author(
    gateway: OpenGateway, called: list[Any], told: str
) -> None:
    opened = await gateway(Caller, also=ALSO)
    TARGET[:] = called
    with opened.expects_crash(PluginMistake) as errors:
        answer = await opened.call()
    assert answer["code"] == 1306000
    assert told in str(errors[0])
    assert "detail=" in opened.log.getvalue()


async def test_an_inactive_component_is_told_to_the_caller(gateway: OpenGateway) -> None:
    opened = await gateway(Caller, also=ALSO)
    TARGET[:] = ["a.off", {}]
    assert (await opened.call())["code"] == 1306405


async def test_a_variable_of_a_path_takes_no_value_that_leads_elsewhere(gateway: OpenGateway) -> None:
    opened = await gateway(Caller, also=ALSO)
    TARGET[:] = ["a.lines", {"item": "../b", "line": 1}]
    assert (await opened.call())["code"] == 1306406


async def test_a_component_is_asked_for_by_name_too(gateway: OpenGateway) -> None:
    opened = await gateway(Asking, also=ALSO)
    assert (await opened.call())["data"] == {"a.echo": True, "/a/echo/": True, "a.off": False, "a.none": None}
