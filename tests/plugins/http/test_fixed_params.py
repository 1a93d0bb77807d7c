"""Parameters that no caller can change, whatever it writes and in whatever form."""

import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from aiohttp import FormData

from esb.core.errors import RequestError
from esb.core.events import Crashed
from esb.plugins.http.fixed_params import STRIDE, FixedParams, readings
from tests.support.clock import Clock
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.identity import claims, fetch, with_signature
from tests.support.servers.recorder import Recorder, proxy, recording

RELAY = "/api/c/compapi/demo/relay/"
BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
FIXED = {"params": "{bk_level: 3}", "username_param": "creator"}
SPELLED = [
    *("creator", "Creator", "CREATOR", "creator[]", "creator[x]", "[creator]", " creator", "creator\x00x"),
    *("bk_level", "bk.level", "bk level", "bk[level", "BK_Level"),
]


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


@pytest.fixture
async def gateway(open_gateway: OpenGateway, upstream: Recorder) -> Gateway:
    return await open_gateway(proxy(upstream.url, response="raw", **FIXED))


async def sent(gateway: Gateway, body: Any, kind: str = "", query: str = "", **headers: str) -> dict[str, Any]:
    """Send a raw body, and return the answer's envelope; the upstream's own is one too."""
    described = {"Content-Type": kind} if kind else {}
    skip: dict[str, Any] = {} if kind or isinstance(body, FormData) else {"skip_auto_headers": ["Content-Type"]}
    response = await gateway.request(
        "POST", RELAY + query, data=body, headers={**BY_HEADER, **described, **headers}, **skip
    )
    assert not [event for event in gateway.events if isinstance(event, Crashed)]
    envelope: dict[str, Any] = await response.json()
    return envelope


@pytest.mark.parametrize("name", SPELLED)
def test_every_spelling_is_one_of_a_fixed_parameter(name: str) -> None:
    assert FixedParams(["creator", "bk_level"]).hold(name)


@pytest.mark.parametrize("name", ["creators", "my_creator", "bk", "level", "bk-level", "x[creator]", "", "[]", "\x00"])
def test_other_names_are_those_of_the_caller(name: str) -> None:
    assert not FixedParams(["creator", "bk_level"]).hold(name)


def test_case_is_folded_as_unicode_folds_it() -> None:
    assert not readings("ſtateK").isdisjoint(readings("statek"))


@pytest.mark.parametrize("config", [{}, {"send": "form"}, {"send": "query"}])
@pytest.mark.parametrize("name", SPELLED)
async def test_no_spelling_goes_on_beside_a_fixed_parameter(
    open_gateway: OpenGateway, upstream: Recorder, name: str, config: dict[str, Any]
) -> None:
    gateway = await open_gateway(proxy(upstream.url, **FIXED, **config))
    params: dict[str, Any] = {name: "root", "a": "1"}
    assert (await gateway.call("demo/relay", **params))["result"]
    seen = upstream.last
    if config:
        form = seen.body.decode() if config["send"] == "form" else seen.target.partition("?")[2]
        assert sorted(parse_qsl(form)) == [("a", "1"), ("bk_level", "3"), ("creator", "admin")]
    else:
        assert json.loads(seen.body) == {"a": "1", "bk_level": 3, "creator": "admin"}


@pytest.mark.parametrize("name", SPELLED)
@pytest.mark.parametrize("kind", ["application/json", "text/json; charset=utf-8", "application/merge-patch+json"])
async def test_a_raw_json_body_is_made_anew(gateway: Gateway, upstream: Recorder, name: str, kind: str) -> None:
    body = f'{{"a": [1, {{"creator": 2}}], {json.dumps(name)}: "root", {json.dumps(name)}: "root2"}}'
    await sent(gateway, body, kind, f"?{quote(name)}=root&b=2&b=3")
    seen = upstream.last
    assert json.loads(seen.body) == {"a": [1, {"creator": 2}], "creator": "admin", "bk_level": 3}
    assert seen.target == "/x/?b=2&b=3&creator=admin&bk_level=3"
    assert seen.headers.getall("Content-Type") == ["application/json"]
    assert seen.headers.getall("Content-Length") == [str(len(seen.body))]


@pytest.mark.parametrize("name", SPELLED)
async def test_a_raw_form_is_made_anew(gateway: Gateway, upstream: Recorder, name: str) -> None:
    body = f"a=1&a=&{quote(name)}=root&c=%C3%BC&{quote(name)}"
    await sent(gateway, body, "Application/X-WWW-Form-URLencoded;charset=utf-8")
    pairs = parse_qsl(upstream.last.body.decode(), keep_blank_values=True)
    assert pairs == [("a", "1"), ("a", ""), ("c", "ü"), ("creator", "admin"), ("bk_level", "3")]


@pytest.mark.parametrize("name", [name for name in SPELLED if "\x00" not in name])
async def test_a_raw_multipart_form_is_made_anew_and_keeps_its_files(
    gateway: Gateway, upstream: Recorder, name: str
) -> None:
    form = FormData(quote_fields=False, default_to_multipart=True)
    form.add_field("a", "1")
    form.add_field(name, "root")
    form.add_field("file", b"\x00\xff\r\n--", filename="p%22i.png", content_type="image/png")
    await sent(gateway, form)
    body = upstream.last.body
    assert b"root" not in body
    for expected in (b"\x00\xff\r\n--", b'name="file"; filename="p%22i.png"', b"image/png", b'name="a"', b"admin"):
        assert body.count(expected) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b'{"creator": "root"}'),
        ("", b' \r\n{"\\u0063reator": "root"}'),
        ("image/png", b'\xef\xbb\xbf{"creator": "root"}'),
        ("application/octet-stream", '{"creator": "root"}'.encode("utf-16")),
        ("application/octet-stream", '{"creator": "root"}'.encode("utf-16-be")),
        ("text/plain", b'[{"creator": "root"}]'),
        ("text/plain", b"a=1&creator=root"),
        ("", b"cre%61tor=root"),
        ("image/png", b"a&%43REATOR%5B%5D=root"),
        ("image/png", b"\nbk.level=9"),
        ("text/plain", b"a;bk%5Blevel=9"),
        ("application/json", b'["creator"]'),
        ("application/json", b'"creator"'),
        ("application/json", b"creator=root"),
        ("application/json", b'{"creator": '),
        ("multipart/form-data", b"creator=root"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="creator"\r\n\r\nroot'),
        ("application/x-www-form-urlencoded", b"a=%FF&creator=root"),
        ("application/x-www-form-urlencoded", b"&".join([b"a"] * 1001)),
    ],
)
async def test_what_could_hold_a_fixed_parameter_and_cannot_be_made_anew_is_refused(
    gateway: Gateway, upstream: Recorder, kind: str, body: bytes
) -> None:
    assert (await sent(gateway, body, kind))["code"] in {1306000, 1306406}
    assert upstream.seen == []


async def test_so_is_it_in_a_body_that_was_read_for_its_signature(
    open_gateway: OpenGateway, upstream: Recorder, clock: Clock
) -> None:
    gateway = await open_gateway(proxy(upstream.url, response="raw", **FIXED), clock=clock)
    for body, code in (b"a=1&creator=root", 1306406), (b"mine", 0):
        query = with_signature(claims(clock, bk_nonce=str(len(body))), "POST", path=RELAY, body=body)
        answer = await fetch(gateway, "POST", RELAY, query, data=body, headers={"Content-Type": "text/plain"})
        assert answer["code"] == code, answer
    assert [seen.body for seen in upstream.seen] == [b"mine"]


async def test_a_packed_body_is_refused(gateway: Gateway, upstream: Recorder) -> None:
    assert (await sent(gateway, b"x", "text/plain", **{"Content-Encoding": "gzip"}))["code"] == 1306406
    assert upstream.seen == []


@pytest.mark.parametrize(
    "body", [b"mine", b"\x89PNG\r\n\x1a\n creators=1 bk_levels", bytes(200_000), b"a creator b".replace(b" ", b"-")]
)
async def test_any_other_body_goes_on_as_it_is(gateway: Gateway, upstream: Recorder, body: bytes) -> None:
    assert (await sent(gateway, body, "image/png"))["result"]
    assert (upstream.last.body, upstream.last.headers["Content-Type"]) == (body, "image/png")
    assert upstream.last.target == "/x/?creator=admin&bk_level=3"


@pytest.mark.parametrize("start", [b"", b" " * 3000, b"x" * 3000])
async def test_what_comes_in_pieces_is_looked_at_as_a_whole(start: bytes) -> None:
    async def pieces(whole: bytes) -> AsyncIterator[bytes]:
        for index in range(len(whole)):
            yield whole[index : index + 1]

    names = FixedParams(["creator"])
    good = start + b"xcreator=1&creators=2&" + b"y" * 3000
    assert b"".join([piece async for piece in names.checked(pieces(good))]) == good
    for bad in (b"&creator=1", b"&cre%61tor[]=1", b"\nCREATOR=1"):
        came = bytearray()

        async def take(whole: bytes, into: bytearray) -> None:
            async for piece in names.checked(pieces(whole)):
                into += piece

        with pytest.raises(RequestError, match="sets parameters of its own"):
            await take(start + bad + b"tail", came)
        assert not came.endswith(b"=")


async def test_a_body_with_parameters_is_held_up_to_ten_megabytes(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(proxy(upstream.url, response="raw", stanza="max_body: null, ", **FIXED))
    body = b'{"a": "' + b"x" * 10 * 2**20 + b'"}'
    assert (await sent(gateway, BytesIO(body), "application/json"))["code"] == 1306406
    assert upstream.seen == []
    assert (await sent(gateway, BytesIO(b"x" * 11 * 2**20), "image/png"))["result"]


async def test_without_a_user_no_caller_names_one(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(
        proxy(upstream.url, username_param="creator"), more="middlewares: [{use: app_auth}, {use: permission}]\n"
    )
    assert (await gateway.call("demo/relay", creator="root", a=1))["result"]
    assert json.loads(upstream.last.body) == {"a": 1}


@pytest.mark.parametrize("at", [0, STRIDE - 10, STRIDE - 1, 3 * STRIDE - 5])
def test_a_name_is_found_wherever_it_stands_in_a_long_text(at: int) -> None:
    names = FixedParams(["creator"])
    names.check(b"x" * at + b"&creators=1" + b"x" * STRIDE)
    with pytest.raises(RequestError):
        names.check(b"x" * at + b"&creator=1" + b"x" * STRIDE)
