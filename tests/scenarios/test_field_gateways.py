"""Trouble that users of other gateways reported in public, each a case of a kind: callers are spared it here.

Most cases are tried in both engines, behind a chain with and without `user_auth`, with each form of answer.
"""

import asyncio
import fcntl
import io
import json
import os
import ssl
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import ClientSession, FormData, WSMsgType, web
from click.testing import CliRunner
from yarl import URL

from esb.cli.main import main
from esb.config import ConfigSource
from esb.core.events import CallFinished, Crashed
from esb.outgoing.engine import MOST_SECONDS
from esb.outgoing.engines.aiohttp_protocol import BoundedProtocol
from esb.outgoing.engines.connection import Connection
from esb.plugins.http.upstream_answer import LONGEST_TYPE
from esb.server.deployment import deployed
from esb.telemetry import log_writer
from esb.telemetry.log_writer import LogWriter
from esb.telemetry.logs import listener
from tests.support.certificates import Authority
from tests.support.configuration import DEMO, SERVICES
from tests.support.engines import needs_httptools
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.ports import free_port
from tests.support.processes.deployment import BEARER, samples, written
from tests.support.servers.raw_server import Peer, answering, raw_server
from tests.support.servers.recorder import proxy, recording
from tests.support.servers.tls_server import tls_server
from tests.support.servers.wsgi_echo import wsgi_echo
from tests.support.wire import connection, exchange, request

BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
AUTH = b"X-Bkapi-Authorization: " + json.dumps(DEMO).encode()
FORM = {**BY_HEADER, "Content-Type": "application/x-www-form-urlencoded"}
PATH = "/api/c/compapi/demo/q/"
CHAINS = {
    "whole": "middlewares: [{use: app_auth}, {use: user_auth}, {use: permission}]\n",
    "no_user": "middlewares: [{use: app_auth}, {use: permission}]\n",
}
ENGINES = (pytest.param("httptools", marks=needs_httptools), "aiohttp")
RESPONSES = ("envelope", "wrap", "raw")
WORLDS = [
    *(("httptools", "whole", "envelope"), ("httptools", "no_user", "wrap"), ("httptools", "whole", "raw")),
    *(("aiohttp", "no_user", "envelope"), ("aiohttp", "whole", "wrap"), ("aiohttp", "no_user", "raw")),
]
"""Each engine with each form of answer and each chain, and each form with each chain."""
READ = [world for world in WORLDS if world[2] != "raw"]
RAW = [world for world in WORLDS if world[2] == "raw"]
ENVELOPES = [world for world in WORLDS if world[2] == "envelope"]
LONG_NUMBERS = ("123456789012345678901234567890", "18446744073709551616", "-9223372036854775809", "1E400", "NaN")
GOOD = {"result": True, "code": 0, "message": "OK", "data": 1}


def worlds(chosen: list[tuple[str, str, str]]) -> pytest.MarkDecorator:
    """Let a test see these of the worlds alone."""
    return pytest.mark.parametrize("open_front", marked(chosen), indirect=True)


def marked(chosen: list[tuple[str, str, str]]) -> list[Any]:
    """Leave out those whose engine is not installed."""
    return [
        pytest.param(world, id="-".join(world), marks=[needs_httptools] if world[0] == "httptools" else [])
        for world in chosen
    ]


@dataclass
class Front:
    """A gateway before an upstream, and how to read what that saw."""

    gateway: Gateway
    response: str

    async def request(self, method: str, target: str = "", **options: Any) -> Any:
        options.setdefault("headers", BY_HEADER)
        url = URL(self.gateway.url + PATH + target, encoded=True)
        async with self.gateway.http.request(method, url, **options) as answer:
            return await answer.json(content_type=None)

    async def seen(self, method: str, target: str = "", **options: Any) -> dict[str, Any]:
        """What the upstream saw of this request."""
        answer = await self.request(method, target, **options)
        if self.response == "wrap":
            answer = answer["data"]
        assert answer["result"] is True, answer
        return dict(answer["data"])


class OpenFront:
    """Open a gateway before the upstream at a URL, or before one that answers as it is told."""

    def __init__(self, open_gateway: OpenGateway, opened: AsyncExitStack, world: tuple[str, str, str]) -> None:
        self._open_gateway = open_gateway
        self._opened = opened
        self.engine, self.chain, self.response = world

    async def __call__(self, url: str, path: str = "/q/", **config: Any) -> Front:
        more = "".join(f", {key}: {value}" for key, value in config.items())
        stanza = (
            "  - {path: /demo/q/, use: http, methods: [GET, POST, PUT, PATCH, DELETE], timeout: 10, "
            f"config: {{hosts: ['{url}'], path: '{path}', response: {self.response}{more}}}}}\n"
        )
        server = f"server: {{outgoing: {self.engine}}}\n"
        return Front(await self._open_gateway(stanza, more=server + CHAINS[self.chain]), self.response)

    async def answering(self, body: bytes, status: str = "200 OK", headers: str = "", **config: Any) -> Front:
        server = await self._opened.enter_async_context(raw_server(answering(body, status, headers)))
        return await self(server.url, **config)

    async def saying(self, raw: bytes) -> Front:
        """Open one whose upstream says these bytes to every request."""

        async def script(peer: Peer) -> None:
            while await peer.request():
                await peer.send(raw)

        server = await self._opened.enter_async_context(raw_server(script))
        return await self(server.url)


@pytest.fixture(params=marked(WORLDS))
def open_front(open_gateway: OpenGateway, opened: AsyncExitStack, request: pytest.FixtureRequest) -> OpenFront:
    return OpenFront(open_gateway, opened, request.param)


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with wsgi_echo() as url:
        yield url


def calls(gateway: Gateway) -> list[CallFinished]:
    """The calls that the log was told of; it was told of no crash."""
    assert [event for event in gateway.events if isinstance(event, Crashed)] == []
    return [event for event in gateway.events if isinstance(event, CallFinished)]


def envelope(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def mistakes(tmp_path: Path, config: str) -> str:
    """What `esb check` says of a component with this config."""
    path = tmp_path / "checked.yaml"
    path.write_text(f"{SERVICES}components:\n  - {{path: /demo/q/, use: http, config: {{path: /q/, {config}}}}}\n")
    done = CliRunner().invoke(main, ["check", "-c", str(path)])
    return done.output


# Input changed or dropped on its way


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST"])
@pytest.mark.parametrize("body", [None, {"a": 1}])
async def test_g1_a_query_beside_any_method_goes_on(
    open_front: OpenFront, upstream: str, method: str, body: dict[str, int] | None
) -> None:
    front = await open_front(upstream)
    seen = await front.seen(method, "?page=2&q=x&q=y", json=body)
    query = parse_qs(seen["query"])
    assert (query.pop("page"), query.pop("q")) == (["2"], ["x", "y"])
    if body and method != "DELETE":
        assert (json.loads(seen["body"]), query) == (body, {})


async def test_g1_and_holds_no_credentials_where_those_stand_in_the_body(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream)
    seen = await front.seen("PUT", "?page=2&bk_token=x&app_code=y", json={**DEMO, "a": 1}, headers={})
    assert (parse_qs(seen["query"]), json.loads(seen["body"])) == ({"page": ["2"]}, {"a": 1})


async def test_g1_a_query_fills_the_path_too(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream, path="/items/{id}/")
    seen = await front.seen("DELETE", "?id=2&force=1")
    assert (seen["path"], parse_qs(seen["query"])) == ("/items/2/", {"force": ["1"]})


@pytest.mark.parametrize(
    "name",
    [
        *("Bk_Username", "BK_App_Code", "X_Bkapi_JWT", "X_Forwarded_For", "X-Remote-User", "X-Original-URL"),
        *("X-HTTP-Method-Override", "X_B", "Bk.Username", "BK-USERNAME"),
    ],
)
async def test_g2_no_header_of_a_caller_is_read_as_the_gateways(
    open_front: OpenFront, upstream: str, name: str
) -> None:
    front = await open_front(upstream)
    seen = await front.seen("GET", headers={**BY_HEADER, name: "evil"})
    assert "evil" not in seen["headers"].values()


async def test_g3_beside_credentials_by_header_parameters_are_parameters(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream)
    seen = await front.seen("GET", "?username=bob&app_code=x&signature=s&q=1")
    assert parse_qs(seen["query"]) == {"username": ["bob"], "app_code": ["x"], "signature": ["s"], "q": ["1"]}


@pytest.mark.parametrize("by_header", [True, False])
async def test_g4_a_file_of_a_form_reaches_the_upstream(open_front: OpenFront, upstream: str, by_header: bool) -> None:
    front = await open_front(upstream)
    form = FormData({"a": "1", **({} if by_header else DEMO)}, default_to_multipart=True)
    form.add_field("file", b"content of it", filename="f.bin", content_type="application/x-thing")
    seen = await front.seen("POST", data=form, headers=BY_HEADER if by_header else {})
    assert seen["type"].startswith("multipart/form-data")
    for part in ('name="a"', 'filename="f.bin"', "application/x-thing", "content of it"):
        assert part in seen["body"]
    assert "demo-secret" not in seen["body"]


async def test_g5_a_repeated_name_keeps_all_its_values(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream)
    seen = await front.seen("GET", "?ids=1&ids=2&one=3")
    assert parse_qs(seen["query"]) == {"ids": ["1", "2"], "one": ["3"]}
    seen = await front.seen("POST", data=b"ids=1&ids=2&one=3", headers=FORM)
    if front.response == "raw":
        assert seen["body"] == "ids=1&ids=2&one=3"
    else:
        assert json.loads(seen["body"]) == {"ids": ["1", "2"], "one": "3"}


@pytest.mark.parametrize(
    "query", ["q=a%20b", "q=a+b", "q=%E4%bd%a0~*'()", "a=1&&b", "x[]=1&x[]=2", "q=a%2520b", "a=1;b=2", "=x", "%61=1"]
)
async def test_g6_a_query_goes_on_byte_by_byte(open_front: OpenFront, upstream: str, query: str) -> None:
    front = await open_front(upstream)
    seen = await front.seen("GET", f"?{query}")
    if front.response == "raw":
        assert seen["query"] == query
    else:
        assert parse_qs(seen["query"], keep_blank_values=True) == parse_qs(query, keep_blank_values=True)
        assert "+" not in seen["query"]


@worlds(RAW)
async def test_g6_but_no_semicolon_hides_a_credential(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream, params="{level: 3}")
    seen = await front.seen("GET", "?a=1;bk_token=x&b=1;level=9&c=1;d=2")
    assert seen["query"] == "a=1%3Bbk_token=x&b=1%3Blevel=9&c=1;d=2&level=3"


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("value", ["a%2Fb", "a%5Cb", "a%252Fb", "%2e%2e", "a%3Bb", "%FF", "a%FFb", "%C3", "%ED%A0%80"])
async def test_g7_g9_what_could_lead_elsewhere_is_no_segment_of_a_path(
    open_gateway: OpenGateway, upstream: str, response: str, value: str
) -> None:
    stanza = "  - {path: '/demo/p/{id}/', use: http, config: {hosts: ['%s'], path: '/p/{id}/', response: %s}}\n"
    gateway = await open_gateway(stanza % (upstream, response))
    answer = await exchange(gateway.url, request(b"GET", f"/api/c/compapi/demo/p/{value}/".encode(), headers=(AUTH,)))
    assert (answer.status, answer.envelope()["code"]) == (200, 1306406)


@pytest.mark.parametrize("response", RESPONSES)
async def test_g7_slashes_pass_where_the_stanza_declares_them(
    open_gateway: OpenGateway, upstream: str, response: str
) -> None:
    stanza = "  - {path: '/demo/p/{id:path}/', use: http, config: {hosts: ['%s'], path: '/p/{id}/', response: %s}}\n"
    gateway = await open_gateway(stanza % (upstream, response))
    answer = await exchange(gateway.url, request(b"GET", b"/api/c/compapi/demo/p/a%2Fb/c%20d/", headers=(AUTH,)))
    assert b'"/p/a/b/c d/"' in answer.body


@pytest.mark.parametrize("value", ["1/delete", "1\\delete", "..", "1%2Fdelete", "", None, "a?b", "a#b"])
async def test_g8_a_parameter_fills_one_segment_of_the_path(open_front: OpenFront, upstream: str, value: Any) -> None:
    front = await open_front(upstream, path="/task/{task_id}/")
    answer = await front.request("POST", json={"task_id": value, **DEMO}, headers={})
    assert (answer["result"], answer["code"]) == (False, 1306406)


@pytest.mark.parametrize("number", LONG_NUMBERS)
async def test_g10_no_number_of_a_caller_becomes_another(open_front: OpenFront, upstream: str, number: str) -> None:
    front = await open_front(upstream)
    answer = await front.request("POST", data=f'{{"n": {number}}}'.encode())
    if front.response == "raw":
        assert answer["data"]["body"] == f'{{"n": {number}}}'
    else:
        assert answer["result"] is False


@pytest.mark.parametrize("number", LONG_NUMBERS)
async def test_g10_nor_does_one_of_an_upstream(open_front: OpenFront, number: str) -> None:
    front = await open_front.answering(f'{{"result": true, "code": 0, "data": {number}}}'.encode())
    text = await (await front.gateway.request("GET", PATH, headers=BY_HEADER)).text()
    is_whole = number.lstrip("-").isdigit()
    assert number in text if is_whole or front.response == "raw" else json.loads(text)["code"] == 1306201


@worlds(READ)
@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        *(("charset=gbk", "gbk"), ("charset=GB2312", "gbk"), ('charset="gb18030"', "gbk"), ("Charset='GBK'", "gbk")),
        *(("charset=cp936", "gbk"), ("charset=x-gbk", "gbk"), ("charset = gbk; x=y", "gbk")),
        *(("charset=latin-1", "latin-1"), ("charset=ISO_8859-1", "latin-1"), ("charset=UTF_8", "utf-8")),
        *((r'about="a\"; charset=gbk"', "utf-8"), (r'about=";charset=gbk"; charset=utf-8', "utf-8")),
        pytest.param(f"about={'a' * LONGEST_TYPE}; charset=gbk", "utf-8", id="beyond what is looked at"),
    ],
)
async def test_g11_an_answer_is_read_in_the_character_set_that_it_declares(
    open_front: OpenFront, declared: str, codec: str
) -> None:
    text = "caf\xe9" if codec == "latin-1" else "\u4e2d\u6587"
    body = json.dumps({**GOOD, "data": text}, ensure_ascii=False).encode(codec)
    front = await open_front.answering(body, headers=f"Content-Type: application/json; {declared}\r\n")
    answer = await front.request("GET")
    assert text in json.dumps(answer, ensure_ascii=False)


@worlds(READ)
@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=rot13", "; charset=punycode", "; charset="])
async def test_g11_and_no_other_is_guessed(open_front: OpenFront, charset: str) -> None:
    body = json.dumps({**GOOD, "data": "\u4e2d\u6587"}, ensure_ascii=False).encode("gbk")
    front = await open_front.answering(body, headers=f"Content-Type: application/json{charset}\r\n")
    answer = await front.request("GET")
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert "character set" in answer["message"]


@worlds(RAW)
async def test_g12_a_fixed_parameter_is_in_the_body_too(open_front: OpenFront, upstream: str) -> None:
    username = ", username_param: operator" if open_front.chain == "whole" else ""
    front = await open_front(upstream, params="{level: 3}" + username)
    seen = await front.seen("POST", "?level=1", json={"level": 9, "operator": "root", "a": 1})
    body = json.loads(seen["body"])
    assert (body["level"], body["a"], parse_qs(seen["query"])["level"]) == (3, 1, ["3"])
    assert body["operator"] == ("admin" if username else "root")


# Success told as failure, failure told without its reason


@pytest.mark.parametrize(
    "raw",
    [
        b"204 No Content\r\n\r\n",
        b"204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        b"204 No Content\r\n\r\n0\r\n\r\n",
        b"204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        b"201 Created\r\nContent-Length: 0\r\n\r\n",
        b"202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_g13_no_content_is_success(open_front: OpenFront, raw: bytes) -> None:
    front = await open_front.saying(b"HTTP/1.1 " + raw)
    for _ in range(3):  # what came behind one answer is not the next one
        answer = await front.gateway.request("GET", PATH, headers=BY_HEADER)
        if front.response == "raw":
            assert (answer.status, await answer.read()) == (int(raw[:3]), b"")
        else:
            said = await answer.json()
            assert (said["result"], said["code"], said["data"]) == (True, 0, None)


@pytest.mark.parametrize("status", ["400 Bad", "403 Forbidden", "404 Not Found", "409 Conflict", "500 Bad", "502 Bad"])
async def test_g14_an_envelope_with_a_status_of_failure_gives_its_reason(open_front: OpenFront, status: str) -> None:
    body = envelope(result=False, code=40401, message="no such host", permission={"action": "view"})
    front = await open_front.answering(body, status)
    answer = await front.request("GET")
    assert (answer["result"], answer["code"], answer["message"]) == (False, 40401, "no such host")
    assert answer["permission"] == {"action": "view"}


@worlds(READ)
@pytest.mark.parametrize(("code", "shown"), [(0, 1306201), (None, 1306201), ("00", 1306201), ("E42", "E42")])
async def test_g14_whose_code_is_never_one_of_success(open_front: OpenFront, code: Any, shown: Any) -> None:
    front = await open_front.answering(envelope(code=code, message="no"), "500 Internal Server Error")
    answer = await front.request("GET")
    assert (answer["result"], answer["code"], answer["message"]) == (False, shown, "no")


@worlds(READ)
@pytest.mark.parametrize("body", [b"<h1>Forbidden</h1>", b"[]", b'{"detail": 1}', b"", b'{"message": ""}'])
async def test_g14_without_one_the_status_is_told(open_front: OpenFront, body: bytes) -> None:
    front = await open_front.answering(body, "403 Forbidden")
    answer = await front.request("GET")
    assert (answer["code"], "Status Code: 403" in answer["message"]) == (1306201, True)


@worlds(ENVELOPES)
async def test_g14_an_upstream_may_call_code_and_message_otherwise(open_front: OpenFront) -> None:
    names = "{code: bk_error_code, message: bk_error_msg}"
    says = {"result": False, "bk_error_code": 1199048, "bk_error_msg": "no such model", "data": None}
    for status in ("200 OK", "400 Bad Request"):
        front = await open_front.answering(json.dumps(says).encode(), status, message=names)
        answer = await front.request("GET")
        assert (answer["result"], answer["code"], answer["message"]) == (False, 1199048, "no such model")
    says = {"result": True, "bk_error_code": 0, "bk_error_msg": "success", "data": {"count": 1}}
    front = await open_front.answering(json.dumps(says).encode(), message=names)
    answer = await front.request("GET")
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "success")


@worlds(READ)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Retry-After: 7\r\n", 7),
        ("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 0),
        ("Retry-After: 99999999999999\r\n", 86400),
        ("Retry-After: soon\r\n", 1),
        ("Retry-After: -5\r\n", 1),
        ("", 1),
    ],
)
async def test_g15_an_upstream_that_takes_no_more_says_when_to_come_again(
    open_front: OpenFront, header: str, seconds: int
) -> None:
    front = await open_front.answering(b"slow down", "429 Too Many Requests", header)
    answer = await front.gateway.request("GET", PATH, headers=BY_HEADER)
    said = await answer.json()
    assert (said["code"], said["data"]["retry_after"]) == (1306429, seconds)
    assert answer.headers["Retry-After"] == str(seconds)


@worlds(READ)
@pytest.mark.parametrize(("body", "code"), [(b"busy", 1306201), (b'{"result":false,"code":5,"message":"busy"}', 5)])
async def test_g15_so_does_one_that_is_away(open_front: OpenFront, body: bytes, code: int) -> None:
    front = await open_front.answering(body, "503 Service Unavailable", "Retry-After: 90000\r\n")
    answer = await front.gateway.request("GET", PATH, headers=BY_HEADER)
    assert ((await answer.json())["code"], answer.headers["Retry-After"]) == (code, "86400")


@worlds(RAW)
async def test_g15_and_raw_passes_it_on(open_front: OpenFront) -> None:
    front = await open_front.answering(b"slow down", "429 Too Many Requests", "Retry-After: 7\r\n")
    answer = await front.gateway.request("GET", PATH, headers=BY_HEADER)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


async def test_g15_the_gateways_own_limit_has_the_header_too(open_gateway: OpenGateway, upstream: str) -> None:
    limited = "{use: rate_limit, config: {default: [{tokens: 1, minutes: 1}]}}"
    limit = f"middlewares: [{{use: app_auth}}, {{use: permission}}, {limited}]\n"
    gateway = await open_gateway(proxy(upstream, response="wrap"), more=limit)
    for _ in range(2):
        answer = await gateway.request("GET", "/api/c/compapi/demo/relay/", headers=BY_HEADER)
    said = await answer.json()
    assert said["code"] == 1306429
    assert float(answer.headers["Retry-After"]) >= said["data"]["retry_after"] > 0


@worlds(ENVELOPES)
@pytest.mark.parametrize(
    ("says", "result"),
    [
        ({"code": 0, "data": 1}, True), ({"code": "0", "data": 1}, True), ({"code": "00", "data": 1}, True),
        ({"code": 5, "message": "m"}, False), ({"code": "5"}, False), ({"code": None}, False), ({"code": False}, False),
        ({"result": "false", "code": 0}, False), ({"result": None, "code": 0}, False), ({"result": 0}, False),
        ({"result": "0", "code": "0"}, False), ({"result": 1, "code": 0}, True), ({"result": "true"}, True),
        ({"data": 1}, False), ({}, False),
    ],
)  # fmt: skip
async def test_g16_an_envelope_is_read_as_it_is_meant(
    open_front: OpenFront, says: dict[str, Any], result: bool
) -> None:
    front = await open_front.answering(json.dumps(says).encode())
    answer = await front.request("GET")
    assert answer["result"] is result
    assert (answer["code"] in (0, "0", "00")) is result  # nobody who looks at the code alone is misled


@pytest.mark.parametrize(
    "data", [r'"\ud800"', "[" * 500 + "]" * 500, "[" * 1100 + "]" * 1100, '{"a":' * 990 + "1" + "}" * 990, '"\x00\x1f"']
)
async def test_g17_no_nonsense_of_an_upstream_is_a_crash(open_front: OpenFront, data: str) -> None:
    front = await open_front.answering(f'{{"result": true, "code": 0, "data": {data}}}'.encode())
    answer = await front.gateway.request("GET", PATH, headers=BY_HEADER)
    if front.response != "raw":
        said = await answer.json()
        assert said["result"] is True or said["code"] == 1306201
    assert len(calls(front.gateway)) == 1


@pytest.mark.parametrize("headers", ["X-A: " + "a" * 9000 + "\r\n", "".join(f"X-{n}: 1\r\n" for n in range(130))])
async def test_g18_headers_that_are_too_large_are_called_so_and_the_bounds_are_keys(
    open_front: OpenFront, headers: str
) -> None:
    front = await open_front.answering(envelope(), headers=headers)
    answer = await front.request("GET")
    assert (answer["code"], "headers of the response are too large" in answer["message"]) == (1306201, True)
    front = await open_front.answering(envelope(), headers=headers, max_header_size=10_000, max_headers=200)
    answer = await front.request("GET", max_field_size=20_000, max_headers=300)
    assert answer["result"] is True


@dataclass
class Https:
    """Certificates, and a server that has one of them."""

    authority: Authority
    opened: AsyncExitStack

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.authority.issue("server"))
        return context

    async def url(self) -> str:
        server = await self.opened.enter_async_context(raw_server(answering(envelope()), self.context()))
        return f"https://127.0.0.1:{server.port}"

    def wanting(self, version: ssl.TLSVersion) -> str:
        """The URL of a server that wants a certificate of its clients."""
        context = self.context()
        context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, version
        context.load_verify_locations(self.authority.ca)
        return f"https://127.0.0.1:{self.opened.enter_context(tls_server(context))}"


@pytest.fixture
def https(tmp_path: Path, opened: AsyncExitStack) -> Https:
    return Https(Authority(tmp_path), opened)


async def test_g19_it_is_told_why_tls_fails(open_front: OpenFront, https: Https) -> None:
    tls = f"{{ca: {https.authority.ca}, server_name: NAME}}"
    localhost = {"tls": tls.replace("NAME", "localhost")}
    for url, config, reason in (
        (await https.url(), {}, "of an authority that is not trusted"),
        (await https.url(), {"tls": tls.replace("NAME", "other.example.com")}, "for another host name"),
        (https.wanting(ssl.TLSVersion.TLSv1_3), localhost, "wants a TLS certificate"),
        (https.wanting(ssl.TLSVersion.TLSv1_2), localhost, "TLS certificate"),
    ):
        answer = await (await open_front(url, **config)).request("GET")
        assert (answer["code"], reason in answer["message"]) == (1306201, True), answer["message"]
    answer = await (await open_front(await https.url(), **localhost)).request("GET")
    assert answer["result"] is True


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ("ca: /nowhere.pem", "`ca`: /nowhere.pem: No such file or directory"),
        ("cert: LOCKED", "does not open it"),
        ("cert: LOCKED, passphrase: wrong", "does not open it"),
        ("cert: LOCKED, passphrase: password", "ok: 1 components"),
        ("cert: CA", "`cert`: CA: no certificate and private key in PEM form"),
        ("ca: YAML", "`ca`: YAML: no certificates in PEM form"),
    ],
)
def test_g19_check_names_the_file(tmp_path: Path, https: Https, tls: str, said: str) -> None:
    files = {"LOCKED": https.authority.locked(), "CA": https.authority.ca, "YAML": tmp_path / "checked.yaml"}
    for name, path in files.items():
        tls, said = tls.replace(name, str(path)), said.replace(name, str(path))
    assert said in mistakes(tmp_path, f"hosts: ['https://a'], tls: {{{tls}}}")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nhello",
        b"HTTP/1.1 099 No\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 600 No\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_g20_a_status_that_nobody_asked_for_is_no_answer(open_front: OpenFront, raw: bytes) -> None:
    front = await open_front.saying(raw)
    assert (await front.request("GET"))["code"] == 1306201


@worlds(RAW)
async def test_g20_no_upstream_sets_the_cookie_of_another_host(open_front: OpenFront) -> None:
    cookies = "Set-Cookie: bk_token=x; Domain=example.com\r\nSet-Cookie: bk_token=x\r\nSet-Cookie: own=1\r\n"
    front = await open_front.answering(envelope(), headers=cookies)
    answer = await front.gateway.request("GET", PATH, headers=BY_HEADER)
    kept = ["own=1"] if open_front.chain == "whole" else ["bk_token=x", "own=1"]
    assert answer.headers.getall("Set-Cookie") == kept


async def test_g21_a_wrong_path_or_method_is_told_what_is_near(open_gateway: OpenGateway, upstream: str) -> None:
    stanza = "  - {path: %s, methods: [GET, PUT], active: %s, use: http, config: {hosts: ['%s'], path: /q/}}\n"
    on, off = (
        stanza % (path, active, upstream) for path, active in (("/demo/items/", "true"), ("/demo/rooms/", "false"))
    )
    gateway = await open_gateway(on + off)

    async def asked(method: str, path: str) -> tuple[int, Any, str | None]:
        answer = await gateway.request(method, f"/api/c/compapi{path}", headers=BY_HEADER)
        said = await answer.json()
        assert said["code"] == 1306404
        return answer.status, said["data"], answer.headers.get("Allow")

    for near in ("/demo/item/", "/demo/itens", "/Demo/items/"):
        assert await asked("GET", near) == (404, {"did_you_mean": "/api/c/compapi/demo/items/"}, None)
    assert await asked("POST", "/demo/items/") == (404, {"methods": ["GET", "HEAD", "PUT"]}, "GET, HEAD, PUT")
    for far in ("/something/else/", "/demo/room/", f"/demo/items/{'x' * 5000}/"):
        assert await asked("GET", far) == (404, None, None)
    assert calls(gateway)[0].path == "/api/c/compapi/demo/item/"
    assert len(calls(gateway)[-1].path) == 200


# Living in a real network


@pytest.mark.parametrize("path", ["/api/c/healthz/", "/api/c/healthz", "/api/c/ping", "/api/c/ping/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_g22_probes_take_head_and_need_no_slash(
    open_gateway: OpenGateway, upstream: str, method: str, path: str
) -> None:
    gateway = await open_gateway(proxy(upstream))
    assert (await gateway.request(method, path)).status == 200


async def test_g22_head_is_answered_wherever_get_is_declared(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream)
    answer = await front.gateway.request("HEAD", PATH, headers=BY_HEADER)
    assert (answer.status, await answer.read()) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (400, b"hello\r\n\r\n"),
        (400, "GET /\u4e2d HTTP/1.1\r\nHost: a\r\n\r\n".encode()),
        (431, b"GET / HTTP/1.1\r\nCookie: " + b"a" * 9000 + b"\r\n\r\n"),
        (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"),
    ],
)
async def test_g23_what_is_no_http_gets_an_envelope_and_one_line(
    open_gateway: OpenGateway, upstream: str, status: int, raw: bytes
) -> None:
    gateway = await open_gateway(proxy(upstream))
    answer = await exchange(gateway.url, raw)
    assert (answer.status, answer.envelope()["code"], len(calls(gateway))) == (status, 1306406, 1)
    assert b"aiohttp" not in answer.body


@pytest.mark.parametrize("form", ["json", "text"])
async def test_g24_a_log_that_nobody_reads_holds_up_nothing_and_its_lost_lines_are_counted(
    tmp_path: Path, http: ClientSession, upstream: str, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(log_writer, "QUEUE_BYTES", 20_000)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    port, told = free_port(), listener({"ESB_LOG": form}, output := io.StringIO())
    file = written(tmp_path, port, proxy(upstream, response="wrap"), more="")
    with os.fdopen(writing, "w") as stream:
        log = LogWriter(stream, lambda number: b"lost: %d\n" % number)
        listeners = [told, listener({"ESB_LOG": form}, log)]
        async with deployed(ConfigSource(file, {}), None, 0, listeners, log=log) as deployment:
            for _ in range(150):
                answer = await http.get(f"{deployment.url}/api/c/compapi/demo/relay/", headers=BY_HEADER)
                assert (await answer.json())["result"] is True
            assert (await http.get(f"http://127.0.0.1:{port}/livez")).status == 200
            metrics = samples(await (await http.get(f"http://127.0.0.1:{port}/metrics", headers=BEARER)).text())
            lost = metrics["esb_log_lines_dropped_total", frozenset()]
        number = len(output.getvalue().splitlines())
        assert 0 < lost < number
        read = b""
        while b"lost: " not in read:  # the thread writes on as soon as there is room
            read += await asyncio.to_thread(os.read, reading, 65536)
        log.close()
    os.close(reading)
    *kept, last = read.decode().splitlines()
    assert (len(kept) + log.dropped, last) == (number, f"lost: {log.dropped}")


@needs_httptools
def test_g25_a_connection_has_a_maximum_age() -> None:
    async def opened() -> None:
        loop = asyncio.get_running_loop()
        assert Connection(loop).ends_at == pytest.approx(loop.time() + MOST_SECONDS, abs=1)
        protocol = BoundedProtocol(loop)
        protocol.set_response_params()
        assert not protocol.should_close
        protocol._ends = loop.time()
        protocol.set_response_params()
        assert protocol.should_close

    asyncio.run(opened())


@pytest.mark.parametrize("engine", ENGINES)
async def test_g25_a_failed_connect_forgets_the_address(
    open_gateway: OpenGateway, opened: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    server = await opened.enter_async_context(raw_server(answering(envelope())))
    addresses = ["127.0.0.2", "127.0.0.1"]

    async def resolve(self: Any, host: str, port: int = 0, family: Any = None) -> list[dict[str, Any]]:
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return [{"hostname": host, "host": address, "port": port, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", resolve)
    config = proxy(f"'http://moving.example.com:{server.port}'")
    gateway = await open_gateway(config, more=f"server: {{outgoing: {engine}}}\n")
    said = [await gateway.call("demo/relay") for _ in range(2)]
    assert [answer["result"] for answer in said] == [False, True]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("1.2.3.4:5678", "1.2.3.4"),
        ("fe80::1%evil", "127.0.0.1"),
        ("[2001:db8::1]:77", "2001:db8::1"),
        ("x", "127.0.0.1"),
    ],
)
async def test_g26_an_address_is_parsed_and_the_call_has_its_line(
    open_gateway: OpenGateway, upstream: str, value: str, address: str
) -> None:
    gateway = await open_gateway(proxy(upstream), more="server: {trusted_proxies: [127.0.0.1]}\n")
    await gateway.request("GET", "/api/c/compapi/demo/relay/", headers={**BY_HEADER, "X-Forwarded-For": value})
    assert [call.client_ip for call in calls(gateway)] == [address]


async def test_g27_a_client_that_ends_its_side_is_answered(open_front: OpenFront, upstream: str) -> None:
    front = await open_front(upstream)
    async with connection(front.gateway.url) as (reader, writer):
        writer.write(request(b"GET", PATH.encode(), headers=(AUTH,)))
        writer.write_eof()
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_g28_a_page_of_another_site_is_nobody(open_gateway: OpenGateway, upstream: str) -> None:
    gateway = await open_gateway(proxy(upstream, response="wrap"))
    app = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"}
    headers = {"X-Bkapi-Authorization": json.dumps(app), "Cookie": "bk_token=demo-token"}
    for more, result in (
        ({}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ):
        answer = await gateway.request("POST", "/api/c/compapi/demo/relay/", data=b"", headers={**headers, **more})
        assert (await answer.json())["result"] is result


async def echo_websocket(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket


async def test_g29_a_websocket_passes_through_raw_and_nowhere_else(
    open_front: OpenFront, open_server: OpenServer
) -> None:
    app = web.Application()
    app.router.add_get("/q/", echo_websocket)
    front = await open_front(await open_server(app))
    if front.response == "raw":
        async with front.gateway.http.ws_connect(front.gateway.url + PATH, headers=BY_HEADER) as socket:
            await socket.send_str("hello")
            message = await socket.receive()
            assert (message.type, message.data) == (WSMsgType.TEXT, "hello")
    else:
        headers = {**BY_HEADER, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        assert (await front.request("GET", headers=headers))["code"] == 1306406


@worlds(RAW)
@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("HOST/q/x?a=1#b", f"{PATH}x?a=1#b"),
        ("/q/", PATH),
        ("y/z", f"{PATH}y/z"),
        ("HOST/elsewhere", "HOST/elsewhere"),
        ("https://login.example.com/q/", "https://login.example.com/q/"),
    ],
)
async def test_g30_a_redirect_stays_within_reach(open_front: OpenFront, location: str, shown: str) -> None:
    async def redirect(peer: Peer) -> None:
        while head := await peer.request():
            host = head.decode().partition("Host: ")[2].partition("\r\n")[0]
            url = location.replace("HOST", f"http://{host}")
            await peer.answer(b"", "302 Found", f"Location: {url}\r\n")

    server = await open_front._opened.enter_async_context(raw_server(redirect))
    for key, expected in (("true", shown), ("false", location)):
        front = await open_front(server.url, rewrite_redirects=key)
        url = front.gateway.url + PATH
        async with front.gateway.http.get(url, headers=BY_HEADER, allow_redirects=False) as answer:
            assert answer.headers["Location"] == expected.replace("HOST", server.url)


async def test_g31_an_upstream_learns_who_asks_if_the_stanza_says_so(open_front: OpenFront, upstream: str) -> None:
    spoofed = {**BY_HEADER, "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
    front = await open_front(upstream, x_forwarded="true")
    seen = (await front.seen("GET", headers=spoofed))["headers"]
    assert (seen["X_FORWARDED_FOR"], seen["X_FORWARDED_PROTO"]) == ("127.0.0.1", "http")
    front = await open_front(upstream)
    assert "X_FORWARDED_FOR" not in (await front.seen("GET", headers=spoofed))["headers"]


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        ({"X-Forwarded-For": "6.6.6.6, 1.2.3.4", "X-Forwarded-Proto": "https"}, "https"),
        ({"Forwarded": "for=6.6.6.6;proto=http, for=1.2.3.4;proto=https"}, "https"),
        ({"Forwarded": 'For="1.2.3.4:77"; Proto="HTTPS", for=127.0.0.1;proto=http'}, "https"),
        ({"Forwarded": "for=6.6.6.6;proto=https, for=1.2.3.4"}, "http"),
        ({"Forwarded": "for=6.6.6.6;proto=https, for=1.2.3.4;proto=http"}, "http"),
        ({"Forwarded": "for=1.2.3.4;proto=https;proto=http"}, "http"),
        ({"Forwarded": "for=1.2.3.4;proto=https", "X-Forwarded-Proto": "http"}, "http"),
    ],
)
async def test_g31_as_far_as_trusted_proxies_tell(
    open_gateway: OpenGateway, upstream: str, said: dict[str, str], scheme: str
) -> None:
    trusted = "server: {trusted_proxies: [127.0.0.1]}\n"
    gateway = await open_gateway(proxy(upstream, response="raw", x_forwarded="true"), more=trusted)
    headers = {**BY_HEADER, **said}
    answer = await (await gateway.request("GET", "/api/c/compapi/demo/relay/", headers=headers)).json()
    seen = answer["data"]["headers"]
    assert (seen["X_FORWARDED_FOR"], seen["X_FORWARDED_PROTO"]) == ("1.2.3.4", scheme)


async def test_g32_anchors_have_a_place_of_their_own(open_gateway: OpenGateway, upstream: str) -> None:
    config = f"""\
        x-hosts: &hosts ['{upstream}']
        x-more: {{anything: [1, 2]}}
    """
    stanza = "components:\n  - {path: /demo/q/, use: http, config: {hosts: *hosts, path: /q/}}\n"
    gateway = await open_gateway(config=textwrap.dedent(config) + SERVICES + stanza)
    assert (await gateway.call("demo/q"))["result"] is True


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        *(("http:/x", "http://x"), ("http//x", "http://x"), ("cmdb.example.com", "http://cmdb.example.com")),
        ("cmdb.example.com/hook/key", "http://cmdb.example.com"),
        *(("cmdb.example.com:8080", "http://cmdb.example.com:8080"), ("$${VAR}", ""), ("http://$${VAR}", "")),
        *(("http://", ""), ("http://a b", ""), ("htp://x", "http://x"), ("http://a\\b", ""), ("http://a:99999", "")),
    ],
)
def test_g33_a_host_that_is_no_url_is_a_mistake(tmp_path: Path, host: str, meant: str) -> None:
    said = mistakes(tmp_path, f"hosts: ['{host}']")
    assert "config.hosts" in said
    assert "not a URL" in said
    assert f"did you mean {meant}?" in said if meant else "did you mean" not in said


CC = """\
- path: /v2/cc/search_host/
  label: Search
  method: POST
  comp_codename: generic.v2.cc.cc_component
  dest_path: /api/v3/hosts/search
  dest_http_method: POST
"""


async def test_g33_an_import_keeps_a_variable_and_carries_what_cmdb_needs(
    tmp_path: Path, open_gateway: OpenGateway, open_server: OpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cmdb = await recording(open_server)
    cmdb.says = {"result": False, "bk_error_code": 1199, "bk_error_msg": "no such host", "data": None}
    (tmp_path / "cc.yaml").write_text(CC)
    done = CliRunner().invoke(main, ["import", "confapis", str(tmp_path / "cc.yaml"), "--host", "cc=${BK_CMDB_URL}"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert 'hosts: ["${BK_CMDB_URL}"]' in done.stdout
    components = done.stdout.replace("${BK_CMDB_URL}", cmdb.url).partition("components:\n")[2]
    gateway = await open_gateway(components)
    headers = {"Blueking-Language": "zh-hans", **BY_HEADER}
    answer = await (await gateway.post({"page": 1}, "v2/cc/search_host", headers)).json()
    assert (answer["code"], answer["message"]) == (1199, "no such host")
    seen: Mapping[str, str] = cmdb.last.headers
    assert (seen["BK_USER"], seen["HTTP_BLUEKING_LANGUAGE"], seen["HTTP_BLUEKING_SUPPLIER_ID"]) == (
        "admin",
        "zh-hans",
        "0",
    )


@pytest.mark.parametrize(
    ("username", "shown"),
    [("zhang san", "zhang%20san"), ("\u5f20\u4e09", "%E5%BC%A0%E4%B8%89"), ("a@b.com", "a@b.com")],
)
async def test_g33_a_name_in_a_header_is_a_word(
    open_front: OpenFront, upstream: str, username: str, shown: str
) -> None:
    front = await open_front(upstream, headers='{BK_USER: "{username}", X-Both: "{app}/{language}", X-Not: "{user}"}')
    claims = json.dumps({**DEMO, "bk_username": username})
    seen = (await front.seen("GET", headers={"X-Bkapi-Authorization": claims}))["headers"]
    assert (seen["X_BOTH"], seen["X_NOT"]) == ("esb_demo/en", "{user}")
    assert seen.get("BK_USER") == (shown if open_front.chain == "whole" else None)
