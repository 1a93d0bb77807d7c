"""Signed requests that are changed on their way, byte by byte and with some wit: refused, or the same request still."""

import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import APPS, signature_of
from tests.support.wire import connection, read_answer

SEED = 20
CHANGES = 300
ROOT = "/api/c/compapi"
CONFIG = f"""\
version: 1
services:
{APPS}components:
  - path: /who/is/
    aliases: [/v2/who/is/]
    methods: [GET, POST, PUT, DELETE]
    use: "tests.support.identity:Who"
  - {{path: "/who/named/{{name}}/", name: who.named, methods: [GET, POST], use: "tests.support.identity:Who"}}
"""
JSON = json.dumps(
    {"bk_app_code": "esb_demo", "bk_username": "admin", "to": "a,b", "text": "磁盘 满&=+%", "n": 1}
).encode()
FORM = urlencode({"bk_app_code": "esb_demo", "bk_username": "admin", "to": "ab", "zone": "1"}).encode()


@dataclass(frozen=True)
class Signed:
    """A request as it goes over the wire."""

    method: str
    target: str
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[bytes, ...] = ()

    def raw(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1".encode("utf-8", "surrogateescape"), b"Host: gateway"]
        lines += [*self.headers, b"Content-Type: " + self.kind.encode(), b"Content-Length: %d" % len(self.body)]
        return b"\r\n".join([*lines, b"", self.body])


class Signer:
    """Signs the same request again and again, each time with a nonce of its own."""

    def __init__(self, clock: Clock) -> None:
        self._stamp = str(int(clock.since_1970()))
        self._nonces = itertools.count(1000)

    def get(self, path: str = "/who/is/") -> Signed:
        given = {"bk_app_code": "esb_demo", "bk_username": "admin", "heading": "磁盘 满+%", "to": "ab", "zone": "1"}
        return Signed("GET", self._target("GET", f"{ROOT}{path}", {**given, "data": "d"}, None))

    def post(self, body: bytes = JSON, kind: str = "application/json", path: str = "/who/is/") -> Signed:
        return Signed("POST", self._target("POST", f"{ROOT}{path}", {}, body), body, kind)

    def form(self) -> Signed:
        return self.post(FORM, "application/x-www-form-urlencoded")

    def variable(self) -> Signed:
        return self.get("/who/named/zhang%20san/")

    def _target(self, method: str, path: str, given: dict[str, str], body: bytes | None) -> str:
        query = {**given, "bk_nonce": str(next(self._nonces)), "bk_timestamp": self._stamp}
        return f"{path}?{urlencode({**query, 'bk_signature': signature_of(method, path, query, body)})}"


@pytest.fixture
async def gateway(open_gateway: OpenGateway, clock: Clock) -> Gateway:
    return await open_gateway(config=CONFIG, clock=clock)


@pytest.fixture
def signer(clock: Clock) -> Signer:
    return Signer(clock)


async def seen(gateway: Gateway, request: Signed) -> Any:
    """Return what the component sees of this request; None if it is refused."""
    async with connection(gateway.url) as (reader, writer):
        writer.write(request.raw())
        writer.write_eof()
        answer = await read_answer(reader)
    envelope = json.loads(answer.body)
    return envelope["data"] if envelope["result"] else None


KINDS: dict[str, Callable[[Signer], Signed]] = {
    "get": Signer.get,
    "post": Signer.post,
    "form": Signer.form,
    "variable": Signer.variable,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_no_byte_that_decides_anything_can_be_changed(gateway: Gateway, signer: Signer, kind: str) -> None:
    chance = random.Random(SEED)
    expected = await seen(gateway, KINDS[kind](signer))
    assert (expected["app"], expected["user"]) == ("esb_demo", "admin")
    for number in range(CHANGES):
        request = KINDS[kind](signer)
        part = chance.choice(("target", "body")) if request.body else "target"
        if part == "target":
            changed = replace(request, target=mutated(request.target.encode(), chance, reach=256).decode("latin-1"))
        else:
            changed = replace(request, body=mutated(request.body, chance, reach=256))
        assert await seen(gateway, changed) in (None, expected), (number, changed)


def mutated(raw: bytes, chance: random.Random, reach: int) -> bytes:
    """Change, insert, remove, double or swap a byte or a few; never one that would end the request line."""
    at, other = sorted(chance.sample(range(len(raw)), 2))
    byte = bytes([chance.choice([*b"&=?/%+;#.", chance.randrange(33, reach)])])
    escape = b"%%%02x" % raw[at]
    return chance.choice(
        [
            raw[:at] + byte + raw[at + 1 :],
            raw[:at] + byte + raw[at:],
            raw[:at] + raw[at + 1 :],
            raw[:at] + raw[other:],
            raw[:at] + escape + raw[at + 1 :],
            raw[:at] + escape.replace(b"%", b"%25") + raw[at + 1 :],
            raw[:at] + bytes([raw[at] ^ 0x20]) + raw[at + 1 :] if raw[at : at + 1].isalpha() else raw[:at],
            raw[:other] + raw[at:],
            raw[:at] + raw[other : other + 1] + raw[at + 1 : other] + raw[at : at + 1] + raw[other + 1 :],
        ]
    )


def fields(request: Signed) -> tuple[str, list[str]]:
    path, _, query = request.target.partition("?")
    return path, query.split("&")


def merged(request: Signed) -> Iterator[Signed]:
    """Each separator of the query escaped, alone: two parameters become one, or a name loses its value."""
    for sign in "&=":
        for found in re.finditer(sign, request.target):
            yield replace(request, target=request.target[: found.start()] + quote(sign) + request.target[found.end() :])


def doubled(request: Signed) -> Iterator[Signed]:
    """Each parameter a second time: with its own value, another and none, before and behind."""
    path, query = fields(request)
    for field in query:
        name = field.partition("=")[0]
        for second in (field, f"{name}=other", name):
            yield replace(request, target=f"{path}?{'&'.join([second, *query])}")
            yield replace(request, target=f"{path}?{'&'.join([*query, second])}")


def reordered(request: Signed) -> Iterator[Signed]:
    path, query = fields(request)
    yield replace(request, target=f"{path}?{'&'.join(reversed(query))}")


def without_one(request: Signed) -> Iterator[Signed]:
    path, query = fields(request)
    for left in range(len(query)):
        yield replace(request, target=f"{path}?{'&'.join(query[:left] + query[left + 1 :])}")


def elsewhere(request: Signed) -> Iterator[Signed]:
    """Another path, another method."""
    path, _, query = request.target.partition("?")
    for other in (
        *(
            path.rstrip("/"),
            f"/{path}",
            f"{path}/",
            path.replace("/who/is/", "/v2/who/is/"),
            path.replace("who", "WHO"),
        ),
        *(
            path.replace("zhang%20san", name)
            for name in ("zhang%2520san", "zhang+san", "lisi", "zhang%20san%3F", "%2F")
        ),
        *(path.replace("/who/is/", f"/who/named/{name}/") for name in ("is", "%3F", "..", "%2e%2e")),
    ):
        yield replace(request, target=f"{other}?{query}")
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        yield replace(request, method=method)


def moved(request: Signed) -> Iterator[Signed]:
    """Parameters of the body in the query, and the other way round."""
    path, query = fields(request)
    rest = "&".join(query)
    for cut in (found.start() for found in re.finditer(b"&", request.body)):
        yield replace(request, body=request.body[:cut], target=f"{path}?{rest}&{request.body[cut + 1 :].decode()}")
    for count in range(1, len(query)):
        body = request.body + b"&" + "&".join(query[count:]).encode()
        yield replace(request, body=body, target=f"{path}?{'&'.join(query[:count])}")
        yield replace(request, method="POST", body=body, kind="application/x-www-form-urlencoded")
    yield replace(request, body=b"", target=f"{path}?{rest}&data={quote(request.body)}")
    yield replace(request, body=b"d", target=f"{path}?{rest.replace('&data=d', '')}")
    yield replace(
        request, body=b"d&to=ab&zone=1", target=f"{path}?{rest.replace('&data=d', '').replace('&to=ab&zone=1', '')}"
    )


def optioned(request: Signed) -> Iterator[Signed]:
    """Headers that name another caller, or ask for something else."""
    for header in (
        *(b"X-Dry-Run: 1", b"Idempotency-Key: k"),
        *(b'X-Bkapi-Authorization: {"bk_username": "lisi"}', b'X-Bkapi-Authorization: {"bk_app_code": "other"}'),
        *(b"X-Request-Uri: /api/c/compapi/who/named/lisi/", b"X-HTTP-Method-Override: DELETE"),
        *(b"X-Original-URL: /api/c/compapi/who/named/lisi/", b"X-Rewrite-URL: /api/c/compapi/who/named/lisi/"),
        *(b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-Host: other", b"X-Forwarded-Prefix: /other"),
        *(b"Bk-Username: lisi", b"Bk_Username: lisi", b"Cookie: bk_token=demo-token", b"Content-Encoding: gzip"),
    ):
        yield replace(request, headers=(header,))
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=bk", "text/plain", ""):
        yield replace(request, kind=kind)


WAYS: tuple[Callable[[Signed], Iterator[Signed]], ...] = (
    *(merged, doubled, reordered, without_one, elsewhere, moved, optioned),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_trick_makes_another_request_of_a_signed_one(
    gateway: Gateway, signer: Signer, kind: str, way: Callable[[Signed], Iterator[Signed]]
) -> None:
    expected = await seen(gateway, KINDS[kind](signer))
    for number in range(len([*way(KINDS[kind](signer))])):
        changed = [*way(KINDS[kind](signer))][number]  # each signed anew
        assert await seen(gateway, changed) in (None, expected), changed


async def test_a_request_in_another_order_or_another_encoding_is_the_same(gateway: Gateway, signer: Signer) -> None:
    expected = await seen(gateway, signer.get())
    (turned,) = reordered(signer.get())
    assert await seen(gateway, turned) == expected
    request = signer.get()
    assert await seen(gateway, replace(request, target=request.target.replace("to=a", "%74o=%61"))) == expected
