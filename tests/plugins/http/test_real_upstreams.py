"""`use: http` before servers that nobody here wrote: path, query, headers and body as they see them.

Requests are drawn from a seed. What each server sees is compared with what the gateway promises, which is worked out
here from the request alone.
"""

import asyncio
import json
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, quote, unquote

import pytest

from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway
from tests.support.servers.real_upstreams import REAL_UPSTREAMS, Sight, read_sight, real_upstream
from tests.support.wire import connection

SEED = 20261129
REQUESTS = 150
"""Requests to each server by each engine."""
SPOOFED = "spoofed"
SEGMENTS = (
    *("a", "tasks", "7", "a%20b", "%C3%BC", "a+b", "%2B", "~x", "a:b@c", "a.b", "..a", "x%26y", "%e4%bd%a0", "(1)"),
    *("50%25x", "1%2Fdelete"),  # the path's variable may hold slashes
)
UNSOUND = (
    *("..", "%2e%2e", ".", "a%5Cb", "a;b", "a%3Bb", "%FF", "a%00b", "a%3Fb", "a%23b", "%252F", "...", "%20", "%2F"),
    *("1%2F..%2Fdelete", "%2e./x"),
)
NO_TEXT = "e=%FF"
PAIRS = (
    *("a=1", "a=2", "a=", "b", "c=%26%3D", "c=x+y", "d=%C3%BC", NO_TEXT, "f=a;b", "g[]=1", "h.i=2", "%61=3", "j=1%"),
    "k=%00",
)
OURS = ("bk_token=spoofed", "bk_app_secret=spoofed")
SPOOFS = (
    *("Bk-Username", "Bk_Username", "bk.username", "BK-APP-CODE", "Bk_App_Code", "X_Forwarded_For", "X-Forwarded-For"),
    *("X-Bkapi-App", "X_Bkapi_JWT", "X-Original-URL", "X-HTTP-Method-Override", "Remote_User", "Script_Name", "Proxy"),
    *("Content_Length", "Content_Type", "X_Api_Key", "X-Api-Key", "x.api.key", "Authorization", "Cookie", "X-Real-IP"),
)
STANZAS = """\
  - path: /demo/raw/{{rest:path}}
    methods: [GET, POST, PUT, DELETE]
    use: http
    config: {{hosts: [{url}], path: "/base/{{rest}}", response: raw, headers: {{X-Api-Key: ours}}}}
  - path: /demo/fixed/
    use: http
    config: {{hosts: [{url}], path: /fixed/, response: raw, params: {{level: 3}}, username_param: creator}}
  - path: /demo/json/
    use: http
    config: {{hosts: [{url}], path: /json/, response: wrap, headers: {{X-Api-Key: ours}}, params: {{level: 3}}}}
  - path: /demo/form/
    use: http
    config: {{hosts: [{url}], path: "/form/{{id}}/", response: wrap, send: form, username_param: creator}}
  - path: /demo/query/
    use: http
    config: {{hosts: [{url}], path: "/query/{{id}}", response: wrap, send: query, username_param: creator}}
"""


@dataclass
class Drawn:
    """One request, and what of it the upstream is to see."""

    method: str
    segments: list[str]
    pairs: list[str]
    headers: list[tuple[str, str]]
    body: bytes
    chunks: list[bytes] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not set(self.segments) & set(UNSOUND) and NO_TEXT not in self.pairs

    def written(self) -> bytes:
        target = f"/api/c/compapi/demo/raw/{'/'.join(self.segments)}" + (
            "?" + "&".join(self.pairs) if self.pairs else ""
        )
        lines = [f"{self.method} {target} HTTP/1.1", "Host: gateway", "Connection: close"]
        lines.append(f"X-Bkapi-Authorization: {json.dumps(DEMO)}")
        lines += [f"{name}: {value}" for name, value in self.headers]
        body = self.body
        if self.chunks:
            lines.append("Transfer-Encoding: chunked")
            body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in self.chunks) + b"0\r\n\r\n"
        elif body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    @property
    def query(self) -> str:
        return "&".join(pair for pair in self.pairs if pair.partition("=")[0] not in {"bk_token", "bk_app_secret"})

    def values(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other.lower() == name]


def drawn(source: random.Random) -> Drawn:
    segments = source.choices(SEGMENTS, k=source.randint(1, 4))
    if source.random() < 0.2:
        segments.insert(source.randint(0, len(segments)), source.choice(UNSOUND))
    pairs = source.choices(PAIRS, k=source.randint(0, 5)) + source.sample(OURS, source.randint(0, 1))
    source.shuffle(pairs)
    headers = [(source.choice(("X-A", "x-a", "X-B", "x-B")), f"v{number}") for number in range(source.randint(0, 4))]
    headers += [(name, SPOOFED) for name in source.sample(SPOOFS, source.randint(0, 4))]
    if source.random() < 0.3:
        headers += [("Connection", "Bk-Username, X-Hop, Content-Type, X-Bkapi-Request-Id"), ("X-Hop", SPOOFED)]
    source.shuffle(headers)
    method = source.choice(("GET", "POST", "PUT", "DELETE"))
    body, chunks = b"", []
    if method in {"POST", "PUT"}:
        headers.append(("Content-Type", source.choice(("application/json", "text/x-tea", "application/octet-stream"))))
        body = source.randbytes(source.choice((1, 10, 1000, 70_000)))
        if source.random() < 0.4:
            half = source.randint(0, len(body))
            chunks = [part for part in (body[:half], body[half:]) if part]
    return Drawn(method, segments, pairs, headers, body, chunks)


@pytest.fixture(scope="module", params=REAL_UPSTREAMS)
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """One of the servers: its name and its URL."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with real_upstream(request.param, folder) as url:
        yield request.param, url


@pytest.fixture(params=["aiohttp", pytest.param("httptools", marks=pytest.mark.httptools)])
async def gateway(request: pytest.FixtureRequest, open_gateway: OpenGateway, upstream: tuple[str, str]) -> Gateway:
    more = f"server: {{outgoing: {request.param}}}\n"
    return await open_gateway(STANZAS.format(url=upstream[1]), more=more)


def is_unspoofed(seen: Sight) -> None:
    """Check what no request of a caller changes."""
    assert SPOOFED not in repr(seen)
    assert (seen.headers["bk-username"], seen.headers["bk-app-code"]) == ("admin", "esb_demo")
    assert len(seen.headers["x-bkapi-request-id"]) == 32


def joined(values: list[str]) -> str:
    return ",".join(values)


async def test_a_raw_request_is_seen_as_it_was_sent(gateway: Gateway, upstream: tuple[str, str]) -> None:
    source = random.Random(SEED)
    passed = 0
    for number in range(REQUESTS):
        one = drawn(source)
        status, body = await exchanged(gateway, one.written())
        if not one.is_sound:
            assert json.loads(body)["code"] == 1306406, (number, one)
            continue
        passed += 1
        assert status == 200, (number, one, body)
        seen = read_sight(body)
        is_unspoofed(seen)
        assert (seen.method, seen.query, seen.body) == (one.method, one.query, one.body), (number, one)
        path = f"/base/{unquote('/'.join(one.segments))}"
        assert seen.path == path, (number, one)
        if "uri-of-nginx" in seen.headers:
            assert seen.headers["uri-of-nginx"].encode("latin-1").decode() == path
        assert seen.headers["x-api-key"] == "ours"
        for name in ("x-a", "x-b", "content-type"):
            told = seen.headers.get(name, "").replace(", ", ",")
            if upstream[0] != "php" or name != "content-type":  # PHP keeps it elsewhere
                assert told == joined(one.values(name)), (number, name, one)
    assert passed > REQUESTS / 2


class _Received:
    """What came, in the place of a socket."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, *mode: str) -> BytesIO:
        return BytesIO(self._raw)


async def exchanged(gateway: Gateway, request: bytes) -> tuple[int, bytes]:
    """Send these bytes, and return status and body of the answer, with which the connection ends."""
    async with connection(gateway.url) as (reader, writer), asyncio.timeout(60):
        writer.write(request)
        answer = HTTPResponse(cast(socket.socket, _Received(await reader.read())))
    answer.begin()
    return answer.status, answer.read()


@pytest.mark.parametrize("component", ["json", "form", "query"])
async def test_parameters_are_seen_as_they_were_given(
    gateway: Gateway, upstream: tuple[str, str], component: str
) -> None:
    source = random.Random(SEED)
    for number in range(REQUESTS // 3):
        args: dict[str, Any] = {
            source.choice(("a", "b c", "d[]", "ü", "e&f", "g=h")): source.choice(
                (1, "x y", "a&b=c", "ü;%2F+", ["1", "2"], True, "", "\n")
            )
            for _ in range(source.randint(0, 4))
        }
        fixed = ("level", "LEVEL", "level[]") if component == "json" else ("creator", "Creator", "creator[]")
        spoofs: dict[str, Any] = dict.fromkeys(source.sample(fixed, 2), SPOOFED)
        envelope = await gateway.call(f"demo/{component}", id="7 ü", **args, **spoofs)
        assert envelope["result"], (number, envelope)
        seen = read_sight(json.dumps(envelope["data"]).encode())
        is_unspoofed(seen)
        if component == "json":
            assert json.loads(seen.body) == {**args, "id": "7 ü", "level": 3}, number
            continue
        assert seen.path == f"/{component}/7 ü" + ("/" if component == "form" else "")
        raw = seen.body.decode() if component == "form" else seen.query
        pairs = [
            (name, "true" if each is True else str(each))
            for name, value in args.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        assert parse_qsl(raw, keep_blank_values=True) == [*pairs, ("creator", "admin")], number
        if upstream[0] == "django":
            parsed = seen.form if component == "form" else seen.query_parameters
            assert sorted((name, each) for name, values in parsed.items() for each in values) == sorted(
                [*pairs, ("creator", "admin")]
            )
        elif upstream[0] == "php":
            assert (seen.form if component == "form" else seen.query_parameters)["creator"] == "admin"


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_fixed_parameters_are_seen_and_no_others_of_their_name(
    gateway: Gateway, upstream: tuple[str, str], kind: str
) -> None:
    source = random.Random(SEED)
    names = ("creator", "Creator", "creator[]", "creator[x]", " creator", "level", "LEVEL", "level[")
    for _ in range(REQUESTS // 3):
        chosen = source.sample(names, 3)
        if kind == "application/json":
            body = "{" + ",".join(f'{json.dumps(name)}: "{SPOOFED}"' for name in ["a", *chosen]) + "}"
            body = body.replace(f'"a": "{SPOOFED}"', '"a": "1"')
        else:
            body = "&".join(["a=1", *(f"{quote(name)}={SPOOFED}" for name in chosen)])
        query = "&".join(f"{quote(name)}={SPOOFED}" for name in chosen)
        headers = {"X-Bkapi-Authorization": json.dumps(DEMO), "Content-Type": kind}
        path = f"/api/c/compapi/demo/fixed/?{query}"
        response = await gateway.http.post(gateway.url + path, data=body.encode(), headers=headers)
        assert response.status == 200
        seen = read_sight(await response.read())
        is_unspoofed(seen)
        assert seen.query == "creator=admin&level=3" or sorted(parse_qsl(seen.query)) == [
            ("creator", "admin"),
            ("level", "3"),
        ]
        if kind == "application/json":
            assert json.loads(seen.body) == {"a": "1", "creator": "admin", "level": 3}
        else:
            assert sorted(parse_qsl(seen.body.decode())) == [("a", "1"), ("creator", "admin"), ("level", "3")]
