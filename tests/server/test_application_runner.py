"""The admin listener and the sandbox: what is no HTTP is refused as on the public listener, and a bug tells nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession, UnixConnector, web

from esb.sandbox import create_sandbox
from esb.server.admin import create_admin
from esb.server.listener import listening, listening_privately
from esb.server.operations import Operations
from esb.server.process_operations import process_operations
from tests.support.unreadable import UNREADABLE
from tests.support.wire import connection, read_answer, request


async def reload(by: str) -> None:
    raise AssertionError("nobody asks for it")


def made(name: str) -> web.Application:
    if name == "sandbox":
        return create_sandbox()
    return create_admin(Mock(), Operations(process_operations(Mock(), reload)))


@pytest.fixture(params=["admin", "sandbox"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    async with listening(made(request.param), "127.0.0.1", 0) as opened:
        yield opened


@pytest.mark.parametrize(("status", "raw"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_http_is_told_why_and_nothing_else(
    url: str, status: int, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    if raw.startswith(b"POST"):
        return  # 404 is said before anybody looks at the body
    async with connection(url) as (reader, writer):
        writer.write(raw)
        answer = await read_answer(reader)
        assert await reader.read() == b""
    assert (answer.status, answer.header("Server")) == (status, "esb-gateway")
    assert answer.body.startswith(b'{"error":"Parameters error, ')
    assert b"unt" not in answer.body  # nothing of what was sent
    assert caplog.messages == []


async def test_no_answer_tells_a_version(url: str) -> None:
    async with connection(url) as (reader, writer):
        writer.write(request(b"GET", b"/nowhere"))
        assert (await read_answer(reader)).header("Server") == "esb-gateway"


async def test_a_bug_is_told_to_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: web.Request) -> web.Response:
        raise ValueError(request.path)

    app = web.Application()
    app.router.add_get("/hunter2", broken)
    async with listening(app, "127.0.0.1", 0) as url, connection(url) as (reader, writer):
        writer.write(request(b"GET", b"/hunter2"))
        answer = await read_answer(reader)
    assert (answer.status, answer.body) == (
        500,
        b'{"error":"the request could not be answered, the log tells where"}\n',
    )
    [message] = caplog.messages
    assert message.startswith("a request could not be answered: ValueError at ")


async def test_the_same_holds_on_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "admin")
    async with (
        listening_privately(made("admin"), path, "server.admin.unix"),
        ClientSession(connector=UnixConnector(path)) as http,
        http.get("http://localhost/x", headers={"A": "hunter2" * 2000}) as response,
    ):
        assert (response.status, response.headers["Server"]) == (431, "esb-gateway")
