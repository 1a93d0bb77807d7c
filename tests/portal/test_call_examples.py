"""Calls to paste: what a page shows does what it says, as it stands there."""

import ast
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from esb.introspect.declared import Declared, built
from esb.portal.call_examples import CallExample
from esb.portal.declarations import Declarations
from tests.support.portal import COMPONENTS, Portal, open_portal

CALLER = {"ESB_APP_CODE": "esb_demo", "ESB_APP_SECRET": "demo-secret", "ESB_USERNAME": "admin"}
TYPES = """\
  - {path: /demo/types/, methods: [GET], use: cmsi_get_msg_type}
  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}
"""
IN_DJANGO = "from django.conf import settings\nsettings.configure()\n"
"""The SDK takes its settings from the project in which it runs."""
NAMES = ["curl", "client", "requests", "sdk"]
FAKE_CURL = "curl() { for each; do printf '%s\\0' \"$each\"; done; }\n"
"""A curl that prints its arguments."""


@pytest.fixture
async def with_types(tmp_path: Path, opened: AsyncExitStack) -> Portal:
    """Open a portal of components that send, and of some that do not."""
    return await opened.enter_async_context(open_portal(tmp_path, COMPONENTS + TYPES))


async def pasted(name: str, text: str, environ: Mapping[str, str] = CALLER) -> str:
    """Return what a call prints, in a process of its own."""
    if name == "sdk":
        pytest.importorskip("bkapi_component")
        text = IN_DJANGO + text
    command = ("sh", "-c", text) if name == "curl" else (sys.executable, "-c", text)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env={**os.environ, **environ})
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.mark.parametrize("name", NAMES)
async def test_a_call_that_is_pasted_is_a_dry_run(with_types: Portal, name: str) -> None:
    page = await with_types.json("/c/cmsi/send_weixin")
    text = next(call["text"] for call in page["calls"] if call["name"] == name)
    output = await pasted(name, text)
    assert "dry_run" in output
    assert "This is a test." in output


@pytest.mark.parametrize("path", ["/c/cmsi/get_msg_type", "/c/demo/types"])
async def test_so_are_calls_that_send_nothing_by_get_and_by_post(with_types: Portal, path: str) -> None:
    page = await with_types.json(path)
    by_get = path == "/c/demo/types"
    assert [call["name"] for call in page["calls"]] == [name for name in NAMES if name != "client" or not by_get]
    for call in page["calls"]:
        assert "is_active" in await pasted(call["name"], call["text"])


async def test_any_text_is_one_word_of_the_shell_and_only_credentials_are_filled_in(with_types: Portal) -> None:
    said = {"content": 'it\'s `$HOME` "$(id)" \\ \n!', "名": "值"}
    text = CallExample(declared(with_types, "cmsi", "send_weixin"), "http://gw", given=said).curl()
    words = (await pasted("curl", FAKE_CURL + text)).split("\0")
    assert json.loads(words[words.index("-d") + 1]) == said
    caller = next(word for word in words if word.startswith("X-Bkapi-Authorization: "))
    assert json.loads(caller.partition(": ")[2]) == {
        "bk_app_code": "esb_demo",
        "bk_app_secret": "demo-secret",
        "bk_username": "admin",
    }


@pytest.mark.parametrize("write", [CallExample.client, CallExample.requests, CallExample.sdk])
def test_any_value_is_a_literal_of_python(write: Callable[[CallExample], str], with_types: Portal) -> None:
    said: dict[str, Any] = {
        "content": 'it\'s """ \\ \n {x}',
        "flag": True,
        "none": None,
        "list": [1, {"a": []}],
        "empty": {},
    }
    text = write(CallExample(declared(with_types, "cmsi", "send_weixin"), "http://gw", given=said))
    literals = [
        ast.literal_eval(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Dict) and is_plain(node)
    ]
    assert said in literals


def is_plain(node: ast.Dict) -> bool:
    return not any(isinstance(each, ast.Name | ast.Call) for each in ast.walk(node))


def declared(portal: Portal, system: str, name: str) -> Declared:
    return Declarations(built(portal.deployment.gateway.config)).at(system, name).declared
