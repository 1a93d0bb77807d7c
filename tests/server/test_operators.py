"""The listeners of operators: the portal among them, in one process or before several, and across a restart."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from esb.server.operators import reachable
from tests.support.portal import JSON, csrf_of
from tests.support.ports import free_port
from tests.support.processes.command_line import exchange, running

CONFIG = """\
version: 1
server: {{workers: {workers}, portal: {{port: {port}}}}}
services:
  store: {{use: memory, config: {{per_process: accept}}}}
  apps: {{use: static, config: {{apps: [{{code: monitor, secrets: [s], impersonate: ["*"], owners: [admin]}}]}}}}
  login: {{use: static, config: {{tokens: {{demo-token: admin}}}}}}
components:
  - {{path: /cc/hosts/, use: "tests.support.components:Echo"}}
"""


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own
        text: str = response.read().decode()
        return text


def tried(portal: str) -> Any:
    """Return what the console tells of a call."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    form = browser.open(f"{portal}/c/cc/hosts/try", timeout=30).read().decode()
    token = csrf_of(form)
    caller = {"bk_app_code": "monitor", "bk_app_secret": "s", "bk_username": "admin"}
    data = urlencode({"csrf": token, **caller, "p.": '{"a": 1}', "action": "send"}).encode()
    request = urllib.request.Request(f"{portal}/c/cc/hosts/try", data, JSON)  # noqa: S310 - our own
    return json.load(browser.open(request, timeout=30))


def owned(portal: str) -> list[str]:
    """Return the apps of whoever has logged in as admin."""
    request = urllib.request.Request(f"{portal}/mine", headers={**JSON, "Cookie": "bk_token=demo-token"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own
        return [app["code"] for app in json.load(response)["apps"]]


@pytest.mark.parametrize("workers", [1, 2])
def test_there_is_one_portal_however_many_processes_answer_calls(tmp_path: Path, workers: int) -> None:
    port = free_port()
    (tmp_path / "esb.yaml").write_text(CONFIG.format(workers=workers, port=port))
    with running("serve", "-c", tmp_path / "esb.yaml", "--port", "0", log=tmp_path / "log") as gateway:
        assert exchange(gateway.url + "/nowhere/").status == 404
        assert "<!doctype html>" in page(f"http://127.0.0.1:{port}/")
        assert len(re.findall(r'<td class="mono">[0-9]+</td>', page(f"http://127.0.0.1:{port}/health"))) == workers
        assert "cc.hosts" in page(f"http://127.0.0.1:{port}/config")
        assert tried(f"http://127.0.0.1:{port}")["answer"]["data"]["args"] == {"a": "1"}
        assert owned(f"http://127.0.0.1:{port}") == ["monitor"]


def test_who_has_no_portal_does_not_load_its_libraries() -> None:
    script = (
        "import sys, esb.cli.main, esb.cli.serve, esb.server.serve;"
        "print([name for name in sys.modules if name.startswith(('jinja2', 'esb.portal', 'esb.server.operations'))])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("listening", "reached"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
    ],
)
def test_a_listener_at_all_addresses_is_reached_at_this_machine(listening: str, reached: str) -> None:
    assert reachable(listening) == reached
