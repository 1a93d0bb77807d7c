"""The nginx of docs/deploying.md before a real gateway: one request id from its log to the answer."""

import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.support.ports import free_port
from tests.support.processes.command_line import running, until
from tests.support.repository import ROOT

AROUND = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {recipe}
}}
"""
CONFIG = "version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n"
OURS = "0123456789abcdef" * 2


def recipe(page: str) -> str:
    [found] = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    return str(found)


def test_it_is_the_same_in_both_languages() -> None:
    assert recipe("deploying.md") == recipe("deploying.zh-CN.md")


@contextmanager
def nginx(folder: Path, gateway: str) -> Iterator[str]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    port, place = free_port(), gateway.removeprefix("http://")
    text = recipe("deploying.md").replace("listen 443 ssl", f"listen 127.0.0.1:{port}").replace("10.1.2.3:8080", place)
    text = text.replace("    server 10.1.2.4:8080;\n", "").replace("/var/log/nginx", str(folder))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder, recipe=text))
    with subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: answers(url))
            yield url
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        return asked(f"{url}/api/c/ping/")[0] == 200
    except OSError:
        return False


def asked(url: str, request_id: str = "") -> tuple[int, str]:
    """Return status and request id of the answer to a request with this id."""
    request = urllib.request.Request(url, headers={"X-Bkapi-Request-Id": request_id} if request_id else {})  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, response.headers["X-Bkapi-Request-Id"]
    except HTTPError as error:
        with error:
            return error.code, error.headers["X-Bkapi-Request-Id"]


def test_one_request_id_goes_from_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    log = tmp_path / "log"
    with (
        running("serve", "-c", tmp_path / "esb.yaml", "--port", "0", log=log, ESB_LOG="json") as gateway,
        nginx(tmp_path, gateway.url) as url,
    ):
        assert asked(f"{url}/api/c/compapi/nobody/", OURS) == (404, OURS)
        status, theirs = asked(f"{url}/api/c/compapi/nobody/?bk_app_secret=hidden", "no id of ours")
        assert status == 404
        until(lambda: theirs in (tmp_path / "esb.log").read_text() and f'"{theirs}"' in log.read_text())
        assert f"\n{OURS} 127.0.0.1" in "\n" + (tmp_path / "esb.log").read_text()
        assert "hidden" not in (tmp_path / "esb.log").read_text()
