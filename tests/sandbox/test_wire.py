"""JSON with and without orjson, answers in one write, and what the sandbox may import."""

import ast
import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from esb import sandbox
from esb.sandbox import wire
from esb.sandbox.wire import Call, Refusal
from tests.support.wechat_client import CORP_SECRET, CORPID, WeChat

ROOM = Path(str(sandbox.__file__)).parent


@pytest.fixture
def without_orjson(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is on a machine that has no orjson."""
    monkeypatch.setitem(sys.modules, "orjson", None)
    specification = importlib.util.spec_from_file_location("wire_without_orjson", str(wire.__file__))
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "wire_without_orjson", module)
    specification.loader.exec_module(module)
    return module


def call(body: bytes) -> Call:
    return Call("POST", "/cgi-bin/message/send", {}, body, "127.0.0.1")


@pytest.mark.parametrize(
    "value", [{"errcode": 0, "msgid": 3_662_956_322_040_938_501}, {"errmsg": '内容 "x"\n', "list": [1, None, True]}]
)
def test_both_encoders_write_the_same_bytes(without_orjson: ModuleType, value: dict[str, Any]) -> None:
    assert without_orjson.encode(value) == wire.encode(value)
    assert without_orjson.decode(wire.encode(value)) == wire.decode(without_orjson.encode(value)) == value


def test_chinese_is_written_unescaped() -> None:
    assert wire.encode({"errmsg": "成功"}) == '{"errmsg":"成功"}'.encode()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": tru}'])
def test_both_decoders_raise_value_errors(without_orjson: ModuleType, body: bytes) -> None:
    for decode in (wire.decode, without_orjson.decode):
        with pytest.raises(ValueError, match=r".+"):
            decode(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'"text"'])
def test_a_body_that_is_no_object_has_no_fields(body: bytes) -> None:
    assert call(body).fields == {}


def test_an_object_has_its_fields_whether_escaped_or_not() -> None:
    assert call(b'{"touser": "\\u4f60"}').fields == call('{"touser": "你"}'.encode()).fields == {"touser": "你"}


def test_a_refusal_carries_code_wording_and_fields() -> None:
    refusal = Refusal(81013, "nobody", invaliduser="a")

    assert (refusal.errcode, refusal.wording, refusal.fields) == (81013, "nobody", {"invaliduser": "a"})


async def test_head_and_body_of_an_answer_arrive_together(wechat: WeChat) -> None:
    url = wechat.http.make_url("/")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    path = f"/cgi-bin/gettoken?corpid={CORPID}&corpsecret={CORP_SECRET}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
    first_read = await reader.read(65536)
    writer.close()
    await writer.wait_closed()

    head, _, body = first_read.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert json.loads(body)["errcode"] == 0


async def test_connections_are_kept_for_the_next_call(wechat: WeChat) -> None:
    response = await wechat.raw("GET", "/cgi-bin/gettoken")
    await response.read()

    assert response.headers.get("Connection") != "close"


def test_the_sandbox_stands_alone() -> None:
    """Only the standard library, aiohttp and, where there is one, orjson; others for who wants receipts or mails."""
    allowed = sys.stdlib_module_names | {"aiohttp", "aiosmtpd", "cryptography", "orjson"}
    foreign = set()
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            foreign |= {
                name for name in names if name.split(".")[0] not in allowed and not name.startswith("esb.sandbox")
            }

    assert foreign == set()
