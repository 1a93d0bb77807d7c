"""Requests by which outsiders try to crash the gateway or to keep their call out of the log, header by header."""

import asyncio
import io
import itertools
import json

import pytest

from esb.core.events import CallFinished, Crashed
from esb.incoming import request_headers as incoming
from esb.incoming.request_body import CONTENT_ENCODING
from esb.telemetry import logs
from tests.support.configuration import DEMO, WECOM
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.wire import Answer, connection, read_answer, request, until

SENDING = b"/api/c/compapi/cmsi/send_weixin/"
ECHO = b"/api/c/compapi/test/echo/"
RAW = b"/api/c/compapi/test/raw/"

READ = (
    *(incoming.REQUEST_ID, incoming.AUTHORIZATION, incoming.GATEWAY_JWT, incoming.COOKIE, incoming.CONTENT_TYPE),
    *(CONTENT_ENCODING, *incoming.FORWARDED_HEADERS, incoming.TEST_ENV, incoming.DRY_RUN),
    *(incoming.IDEMPOTENCY_KEY, "X-Forwarded-For", "Forwarded", "X-Request-Uri", "Expect", "Connection", "Upgrade"),
    *("Transfer-Encoding", "Content-Length", "Host", "Accept", "Accept-Encoding", "Prefer", "Origin"),
    *("Sec-Fetch-Site", "Authorization", "Range"),
)
"""All headers that the gateway or its HTTP server reads, or may come to read."""
FRAMING = frozenset({"Content-Length", "Transfer-Encoding"})
"""Those that can promise a body which does not come."""
VALUES = {
    "nothing": b"",
    "a tab": b"\t",
    "a null byte": b"a\x00b",
    "a control byte": b"a\x1b[2Jb",
    "a bare line feed": b"a\nX-Forged: 1",
    "a bare carriage return": b"a\rb",
    "bytes that are no UTF-8": b"\xff\xfe\x80",
    "a surrogate in UTF-8": b"\xed\xa0\x80",
    "UTF-8": "张三".encode(),
    "a scope that is no text": b"fe80::1%\xff",
    "a port": b"1.2.3.4:5678",
    "an address in brackets": b"[::1]:80",
    "a forwarded element": b'for="[::1]:80";proto=https;by=_hidden, for="',
    "an escaped surrogate": rb'{"bk_app_code": "\ud800"}',
    "a credential that is no text": '{"bk_app_code": "\\u0000张", "bk_username": {"a": [1]}}'.encode(),
    "JSON without end": b'{"a":' * 1500,
    "JSON that is deep": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "percents": b"%s%00%ff%{}",
    "braces": b"{0.__class__}{a}{",
    "a number without end": b"9" * 5000,
    "as long as it may be": b"a" * 8100,
    "too long": b"a" * 9000,
    "separators": b";,=\"' ;,=\"'" * 50,
    "a cookie": b"bk_token=\xff; bk_token=\x22\\377\x22; =; ;",
    "a media type": b'multipart/form-data; boundary="\xff',
    "a character set": b"application/json; charset=punycode",
    "chunked": b"chunked",
    "a websocket": b"websocket",
}
BODIES = {"POST": json.dumps({**DEMO, "receiver": "zhangsan", "data": {}}).encode(), "GET": b""}


@pytest.fixture
async def behind_proxies(open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    raw = f"{{hosts: [{sandbox.url}], path: /_sandbox/stats, response: raw}}"
    components = (
        f'{WECOM}  - {{path: /test/echo/, use: "tests.support.components:Echo"}}\n'
        f"  - {{path: /test/raw/, use: http, config: {raw}}}\n"
    )
    more = 'server: {trusted_proxies: [127.0.0.1], cors: {origins: ["https://app.example.com"], credentials: true}}\n'
    return await open_gateway(components, more=more, sandbox_url=sandbox.url)


async def answered(gateway: Gateway, raw: bytes, ended: bool) -> Answer | None:
    """The answer; None to a body that did not come to its end."""
    async with connection(gateway.url) as (reader, writer):
        writer.write(raw)
        if ended:
            writer.write_eof()
        try:
            return await read_answer(reader)
        except asyncio.IncompleteReadError:
            assert ended
            return None


@pytest.mark.parametrize("name", READ)
async def test_no_header_crashes_the_gateway_or_keeps_its_call_out_of_the_log(
    behind_proxies: Gateway, name: str
) -> None:
    gateway = behind_proxies
    for value, target, method, times in itertools.product(VALUES, (SENDING, ECHO, RAW), BODIES, (1, 2)):
        case = f"{times} {name}: {value}, {method} {target.decode()}"
        header = name.encode() + b": " + VALUES[value]
        raw = request(method.encode(), target, BODIES[method], (header,) * times)
        await has_one_line(gateway, raw, case, ended=name in FRAMING)


async def has_one_line(gateway: Gateway, raw: bytes, case: str, *, ended: bool = False) -> None:
    """Send this request; see that it is answered, is no crash, and has one line in either form of the log."""
    del gateway.events[:]
    answer = await answered(gateway, raw, ended)
    await until(lambda: bool(calls(gateway)))
    (call,) = calls(gateway)
    if answer is not None:
        assert answer.header("Server") == "esb-gateway", case
        assert (answer.header("X-Bkapi-Request-Id"), answer.status) == (call.id, call.status), case
    assert not [event for event in gateway.events if isinstance(event, Crashed)], case
    for environ in ({"ESB_LOG": "text"}, {"ESB_LOG": "json"}):
        line = io.StringIO()
        logs.listener(environ, line)(call)
        assert line.getvalue().encode().count(b"\n") == 1, case


SIGNED = b"bk_app_code=esb_demo&bk_username=admin&bk_nonce=1&bk_timestamp=1&bk_signature="
QUERIES = (
    *(b"", b"?", b"=", b"&&=&", b"%", b"%zz", b"%00", b"%0d%0aX-Forged:1", b"+", b"#fragment", b"a=1#b&c=2", b"a;b"),
    *(b"a=\xff", b"\xed\xa0\x80=1", "a=张三".encode(), b"a=%ff", b"a=%ed%a0%80", b"%c0%80", b"a=1\x00", b"a=\t"),
    *(b"a=" + b"9" * 5000, b"a" * 7000, b"&" * 2000, b"a=1&" * 1500, b"a=" + b"%41" * 2500, b"[]=1&{}=2", b"a[b]=%5b"),
    *(b"bk_app_code=%00&bk_app_secret=%ff", b"bk_app_code=a&bk_app_code=b", b"bk_token=%ed%a0%80", b"bk_username=%0a"),
    *(SIGNED + b"%ff", SIGNED + b"x", SIGNED + b"%E7%AD%BE", SIGNED, SIGNED + b"&signature=x", SIGNED + b"x&a=1%26b=2"),
    *(b"bk_signature=x&bk_nonce=" + b"9" * 5000, b"bk_signature=x&bk_nonce=1&bk_timestamp=%D9%A1", b"signature=x"),
    *(b"bk_signature=x&bk_nonce=1&bk_timestamp=" + b"9" * 4000, b"callback=a", b"idempotency_key=%00&dry_run=%ff"),
)
"""What stands behind the question mark."""
TAILS = (
    *(b"%", b"%ff/", b"\xff/", b"%00/", b"%2f", b"..%2f", b"%E4%B8%AD/", b"a/b/c/", b"//", b";x=1", b"\\", b"{name}/"),
    *(b"a" * 7000, b"%41" * 2000, b"\xed\xa0\x80", b"*", b"@host/", b":80/"),
)
"""What stands behind the path of a component."""
METHODS = (
    *(b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI", b"PROPFIND"),
    *(b"get", b"Post", b"G", b"A" * 200, b"GET\x00", b"\xff", b"G\xc3\x89T", b"GET/", b"(GET)", b"-", b"__class__"),
)
PREFLIGHT = (b"Origin: https://app.example.com", b"Access-Control-Request-Method: ")


@pytest.mark.parametrize("target", [SENDING, ECHO, RAW])
async def test_no_target_crashes_the_gateway_or_keeps_its_call_out_of_the_log(
    behind_proxies: Gateway, target: bytes
) -> None:
    targets = [target + b"?" + query for query in QUERIES] + [target + tail for tail in TAILS]
    for place, method in itertools.product(targets, BODIES):
        await has_one_line(behind_proxies, request(method.encode(), place, BODIES[method]), f"{method} {place!r}")


@pytest.mark.parametrize("method", METHODS)
async def test_no_method_crashes_the_gateway_or_keeps_its_call_out_of_the_log(
    behind_proxies: Gateway, method: bytes
) -> None:
    for target, name in itertools.product((SENDING, ECHO, RAW, b"/", b"*", b"http://a/b"), VALUES):
        headers = (PREFLIGHT[0], PREFLIGHT[1] + VALUES[name], b"Sec-Fetch-Site: " + VALUES[name])
        is_head = (
            method == b"HEAD"
        )  # its answer has a length, and no body: the end of the connection tells that it ends
        raw = request(method, target, headers=(*headers, b"Connection: close") if is_head else headers)
        await has_one_line(behind_proxies, raw, f"{method!r} {target!r} {name}", ended=is_head)


def calls(gateway: Gateway) -> list[CallFinished]:
    return [event for event in gateway.events if isinstance(event, CallFinished)]
