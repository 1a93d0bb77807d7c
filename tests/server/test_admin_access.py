"""Access to the admin listener: by token, by the name that is asked for, by the user of a Unix socket."""

import asyncio
import json
import os
import re
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector
from click.testing import CliRunner

from esb.cli.main import main
from esb.config import ConfigSource, load
from esb.server import admin_access
from esb.server.deployment import deployed
from esb.server.listener import CannotListen
from tests.support.processes.command_line import running
from tests.support.processes.deployment import ADMIN_TOKEN, BEARER, TOKENS, Watched, watched

ECHO = '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n'
PATHS = ["/metrics", "/livez", "/readyz", "/-/config", "/-/components"]


@pytest.fixture
def opening(tmp_path: Path, http: ClientSession) -> Any:
    """Opens a deployment whose admin listener has these keys."""

    def open_one(keys: str = TOKENS) -> Any:
        return watched(tmp_path, http, ECHO, more="", keys=keys)

    return open_one


async def answered(admin: Watched, path: str, method: str = "GET", **headers: str) -> int:
    return (await admin.ask(path, method, headers=headers)).status


# Tokens


async def test_to_explain_is_to_read_though_it_is_a_post(opening: Any) -> None:
    question = {"app": "esb_demo", "component": "test.echo", "user": "admin"}
    async with opening("") as admin:
        response = await admin.ask("/-/explain", "POST", headers={}, json=question)
        assert (response.status, (await response.json())["verdict"]) == (200, "allowed")
        assert (await admin.ask("/-/explain", "POST", headers={}, json={"app": "a"})).status == 400
        assert (await admin.ask("/-/explain", "POST", headers={}, data=b"{")).status == 400
        assert await answered(admin, "/-/explain", "POST", Origin="http://evil.example") == 403
        assert await answered(admin, "/-/explain") == 405
    async with opening(f"{TOKENS}, read: token") as admin:
        assert (await admin.ask("/-/explain", "POST", headers={}, json=question)).status == 401
        assert (await admin.ask("/-/explain", "POST", json=question)).status == 200


async def test_without_tokens_whoever_comes_may_read_and_nobody_may_write(opening: Any) -> None:
    async with opening("") as admin:
        assert [await answered(admin, path) for path in PATHS] == [200] * 5
        for headers in ({}, BEARER):
            response = await admin.ask("/-/reload", "POST", headers=headers)
            assert response.status == 403
            assert "server.admin.tokens" in (await response.json())["error"]
        assert admin.deployment.gateway.generation.number == 1


async def test_writing_needs_a_token_where_there_is_one(opening: Any) -> None:
    async with opening() as admin:
        assert [await answered(admin, path) for path in PATHS] == [200] * 5
        response = await admin.ask("/-/reload", "POST", headers={})
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="esb admin"')
        assert admin.deployment.gateway.generation.number == 1
        assert await answered(admin, "/-/reload", "POST", **BEARER) == 200
        assert admin.deployment.gateway.generation.number == 2


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {ADMIN_TOKEN}x",
        f"Bearer {ADMIN_TOKEN[:-1]}",
        f"Bearer {ADMIN_TOKEN.upper()}",
        f"Basic {ADMIN_TOKEN}",
        ADMIN_TOKEN,
        f"Bearer sha256:{sha256(ADMIN_TOKEN.encode()).hexdigest()}",
        "Bearer ü\udcff",
    ],
)
async def test_what_is_not_the_token_is_refused(opening: Any, authorization: str) -> None:
    async with opening() as admin:
        reading, writing = await asyncio.open_connection("127.0.0.1", int(admin.admin_url.rpartition(":")[2]))
        request = f"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n"
        writing.write(request.encode("utf-8", "surrogateescape"))
        assert (await reading.readline()).startswith(b"HTTP/1.1 401 ")
        writing.close()
        await writing.wait_closed()


async def test_the_scheme_may_be_written_in_any_case_and_a_token_be_any_text(opening: Any) -> None:
    token = "pässwort 密码"
    digest = sha256(token.encode()).hexdigest().upper()
    tokens = f"[{{name: a, digest: 'sha256:{'0' * 64}'}}, {{name: b, digest: 'sha256:{digest}'}}]"
    async with opening(f", tokens: {tokens}") as admin:
        assert await answered(admin, "/-/reload", "POST", Authorization=f"bEARER {token}") == 200


async def test_reading_needs_a_token_too_if_the_stanza_says_so_but_probes_do_not(opening: Any) -> None:
    async with opening(f"{TOKENS}, read: token") as admin:
        assert [await answered(admin, path) for path in PATHS] == [401, 200, 200, 401, 401]
        assert [await answered(admin, path, **BEARER) for path in PATHS] == [200] * 5
        assert await answered(admin, "/-/config", "HEAD") == 401


async def test_a_token_is_withdrawn_by_a_reload(opening: Any) -> None:
    async with opening() as admin:
        digest = sha256(ADMIN_TOKEN.encode()).hexdigest()
        admin.file.write_text(admin.file.read_text().replace(digest, sha256(b"another").hexdigest()))
        assert await answered(admin, "/-/reload", "POST", **BEARER) == 200
        assert await answered(admin, "/-/reload", "POST", **BEARER) == 401


async def test_what_is_not_there_is_not_there_for_anybody(opening: Any) -> None:
    async with opening(f"{TOKENS}, read: token") as admin:
        assert await answered(admin, "/-/nothing", "POST") == 404
        assert await answered(admin, "/-/reload") == 405


def test_a_new_token_comes_with_the_line_that_declares_it(tmp_path: Path) -> None:
    made = [CliRunner().invoke(main, ["admin", "token", 'o"p: s']) for _ in range(2)]
    token, line = made[0].stdout.splitlines()
    assert made[1].stdout.splitlines()[0] != token
    assert re.fullmatch(r"[0-9A-Za-z_-]{43}", token)
    (tmp_path / "esb.yaml").write_text(
        f"version: 1\nserver:\n  admin:\n    port: 9090\n    tokens:\n      {line}\ncomponents: []\n"
    )
    config = load(tmp_path / "esb.yaml", {})
    assert config.mistakes == []
    assert config.server.admin is not None
    [known] = config.server.admin.tokens
    assert (known.name, known.digest) == ('o"p: s', f"sha256:{sha256(token.encode()).hexdigest()}")
    assert known.hexadecimal not in repr(config.server.admin)


# Names


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:9090", True),
        ("[::1]:9090", True),
        ("[::1]", True),
        ("10.1.2.3", True),
        ("localhost", True),
        ("LocalHost:9090", True),
        ("esb.internal:9090", True),
        ("ESB.internal", True),
        ("evil.example", False),
        ("evil.example:9090", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("x.esb.internal", False),
        ("user@localhost", False),
        ("localhost:9090@evil.example", False),
        ("[::1]evil.example", False),
        ("", False),
    ],
)
async def test_only_known_names_may_be_asked_for_but_metrics_and_probes_answer_any(
    opening: Any, host: str, known: bool
) -> None:
    async with opening(f"{TOKENS}, hosts: [Esb.internal]") as admin:
        asked = [await answered(admin, path, Host=host, **BEARER) for path in PATHS]
        assert asked == [200, 200, 200, *[200 if known else 403] * 2]
        assert await answered(admin, "/-/reload", "POST", Host=host, **BEARER) == (200 if known else 403)
        if not known:
            response = await admin.ask("/-/config", headers={"Host": host})
            assert "server.admin.hosts" in (await response.json())["error"]


# Unix sockets


@asynccontextmanager
async def private(folder: Path, keys: str = "") -> AsyncIterator[tuple[Path, ClientSession]]:
    """A deployment whose admin listener is at a Unix socket, and a client of it."""
    path = folder / "admin.sock"
    (folder / "esb.yaml").write_text(f"version: 1\nserver: {{admin: {{unix: '{path}'{keys}}}}}\ncomponents:\n{ECHO}")
    async with (
        deployed(ConfigSource(folder / "esb.yaml", {}), None, 0, []),
        ClientSession(connector=UnixConnector(str(path))) as client,
    ):
        yield path, client


async def asked(client: ClientSession, path: str, method: str = "GET", **headers: str) -> int:
    async with client.request(method, f"http://esb{path}", headers=headers) as response:
        return response.status


async def test_a_unix_socket_knows_its_user_without_a_token(tmp_path: Path) -> None:
    async with private(tmp_path, f"{TOKENS}, read: token") as (path, client):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [await asked(client, each) for each in PATHS] == [200] * 5
        assert await asked(client, "/-/reload", "POST") == 200
    assert not path.exists()


async def test_another_user_who_gets_at_the_socket_needs_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_access, "ROOT", -1)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    async with private(tmp_path, f"{TOKENS}, read: token") as (_, client):
        assert await asked(client, "/-/config") == 401
        assert await asked(client, "/-/reload", "POST") == 401
        assert await asked(client, "/-/reload", "POST", **BEARER) == 200


async def test_a_socket_that_a_killed_gateway_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "admin.sock"))
    async with private(tmp_path) as (_, client):
        assert await asked(client, "/livez") == 200


async def test_a_socket_that_is_served_and_a_file_are_left_alone(tmp_path: Path) -> None:
    async with private(tmp_path) as (path, client):
        with pytest.raises(CannotListen, match=r"cannot listen on .*/admin\.sock \(server\.admin\.unix\)"):
            async with private(tmp_path):
                pass
        assert await asked(client, "/livez") == 200
    path.write_text("mine")
    with pytest.raises(CannotListen, match=r"\(server\.admin\.unix\)"):
        async with private(tmp_path):
            pass
    assert path.read_text() == "mine"


class Local(HTTPConnection):
    """An HTTP client of a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


@pytest.mark.parametrize("workers", [1, 2])
def test_esb_serve_reloads_for_its_own_user_at_the_socket(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "admin.sock"
    (tmp_path / "esb.yaml").write_text(
        f"version: 1\nserver: {{workers: {workers}, admin: {{unix: '{path}'}}}}\n"
        "services: {store: {use: memory, config: {per_process: accept}}}\n"
        "components: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n"
    )
    with running("serve", "-c", tmp_path / "esb.yaml", "--port", "0", log=tmp_path / "log") as gateway:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        client = Local(path)
        client.request("POST", "/-/reload")
        with client.getresponse() as response:
            assert (response.status, json.loads(response.read())) == (200, {"generation": 2})
        client.close()
        gateway.stop()
        assert gateway.finish().code == 0
    assert not path.exists()
