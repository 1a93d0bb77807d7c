"""The way out against servers that misbehave on the wire: every failure is typed, truthful and discreet."""

import asyncio
import datetime
import gzip
import ipaddress
import json
import ssl
import traceback
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from multidict import CIMultiDict

from esb.core.errors import Limited, UpstreamError
from esb.core.events import Event, Observer, UpstreamFinished
from esb.outgoing.client import Answer, Outgoing, Target, Tls, may_have_acted
from esb.outgoing.engine import Engine
from tests.support.calls import make_call
from tests.support.certificates import Authority
from tests.support.engines import ENGINES
from tests.support.gateway import OpenServer
from tests.support.loop_time import late, movable_loop_time, turns
from tests.support.ports import free_port
from tests.support.servers.forward_proxy import ForwardProxy
from tests.support.servers.raw_server import (
    Peer,
    RawServer,
    Script,
    answering,
    raw_server,
    reset_after_request,
    reset_at_once,
    saying,
    silent,
)

TARGET = Target("weixin_qy", "send_message", sends=True)
PATH = "/cgi-bin/message/send?access_token=TOKEN-NOBODY-MAY-SEE"
EIGHT_MEBIBYTES = 8 * 2**20
"""The largest answer."""
SECRETS = ("TOKEN-NOBODY-MAY-SEE", "access_token", "proxy-password", "127.0.0.1", "localhost", "http://", "https://")
TOO_SLOW = "Third-party system interface response time exceeds {:g} seconds"
NO_JSON = "interface response is not the JSON format"
NO_HTTP = "the response is not valid HTTP"
UNTRUSTED = "the TLS certificate of the upstream is of an authority that is not trusted here"
CLOSED = "the connection was closed before the response was complete"
UNREACHABLE = "the connection could not be established"

OpenRaw = Callable[..., Any]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made


@pytest.fixture
async def outgoing(events: list[Event], engine: Engine) -> AsyncIterator[Outgoing]:
    opened = Outgoing(Observer([events.append]), max_per_target=3, engine=engine)
    opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def open_raw(opened: AsyncExitStack) -> OpenRaw:
    async def open_one(script: Script, context: ssl.SSLContext | None = None) -> RawServer:
        return await opened.enter_async_context(raw_server(script, context))

    return open_one


def assert_discreet(error: BaseException) -> None:
    """Nothing of the address is in any form that an error can be printed in, causes included."""
    told = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
    for secret in SECRETS:
        assert secret not in told


async def failure(outgoing: Outgoing, url: str, *, call: Any = None, **options: Any) -> UpstreamError:
    """The error that posting there ends with."""
    call = make_call() if call is None else call
    with pytest.raises(UpstreamError) as caught:
        await outgoing.json(call, TARGET, "POST", url + PATH, body={"touser": "zhangsan"}, **options)
    assert_discreet(caught.value)
    assert (caught.value.system, caught.value.interface) == ("weixin_qy", "send_message")
    assert call.record.sent is caught.value.sent
    return caught.value


def reported(error: UpstreamError) -> tuple[str, bool]:
    return str(error.reason), error.sent


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's TLS context with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


# What an upstream may not have seen


async def test_a_refused_connection_was_not_sent(outgoing: Outgoing) -> None:
    error = await failure(outgoing, f"http://127.0.0.1:{free_port()}")
    assert reported(error) == (UNREACHABLE, False)
    assert error.code == 1306201


async def test_a_name_that_does_not_resolve_was_not_sent(outgoing: Outgoing) -> None:
    error = await failure(outgoing, "http://no-such-host.invalid")
    assert reported(error) == ("the host name could not be resolved", False)


@pytest.mark.parametrize("url", ["ftp://example.com", "http://", "http://[::1", "example.com", "http://a:999999"])
async def test_an_address_that_is_no_url_was_not_sent(outgoing: Outgoing, url: str) -> None:
    error = await failure(outgoing, url)
    assert reported(error) == ("the request cannot be sent: its address, its proxy or a header is not valid", False)


async def test_a_header_that_cannot_be_sent_was_not_sent(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b"{}"))
    error = await failure(outgoing, server.url, call=make_call(headers={"Blueking-Language": "a\r\nX-Injected: b"}))
    assert not error.sent


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    outgoing: Outgoing, open_raw: OpenRaw, self_signed: ssl.SSLContext
) -> None:
    server = await open_raw(answering(b"{}"), self_signed)
    error = await failure(outgoing, server.url.replace("http:", "https:"))
    assert reported(error) == (UNTRUSTED, False)


async def test_a_server_that_speaks_no_tls_is_refused(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    async def greet(peer: Peer) -> None:
        await peer.send(b"220 mail.example.com ESMTP\r\n")
        await peer.gone()

    error = await failure(outgoing, (await open_raw(greet)).url.replace("http:", "https:"))
    assert reported(error) == ("the upstream does not speak TLS at this port", False)


async def test_a_connection_that_does_not_come_about_in_time_was_not_sent(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    server = await open_raw(silent)  # no TLS handshake ever
    error = await late(10, failure(outgoing, server.url.replace("http:", "https:")), server.has_opened(1))
    assert reported(error) == ("the connection could not be established in time", False)


async def test_a_deadline_that_has_passed_sends_nothing(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b"{}"))
    call = make_call(timeout=7, deadline=asyncio.get_running_loop().time() - 1)
    error = await failure(outgoing, server.url, call=call)
    assert reported(error) == (TOO_SLOW.format(7), False)
    assert server.opened == 0


# What an upstream may have acted upon


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        ("500 Oops", True),
        ("502 Bad Gateway", True),
        ("404 Not Found", False),
        ("429 Slow", True),
        ("301 Moved", False),
        ("302 Found", False),
        ("303 See Other", True),
        ("307 Temporary Redirect", False),
        ("308 Permanent Redirect", False),
    ],
)
async def test_another_status_than_200_is_a_failure(
    outgoing: Outgoing, open_raw: OpenRaw, status: str, sent: bool
) -> None:
    server = await open_raw(answering(b"<html>access_token</html>", status))
    error = await failure(outgoing, server.url)
    number = int(status[:3])
    reason = "Error Message: third-party system interface response status code is not 200"
    assert reported(error) == (f"Status Code: {number}, {reason}", sent)
    assert error.http_status == number
    assert may_have_acted(number) is sent


async def test_a_redirect_is_never_followed(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    elsewhere = await open_raw(answering(b'{"errcode":0}'))
    server = await open_raw(answering(b"", "301 Moved", f"Location: {elsewhere.url}/\r\n"))
    await failure(outgoing, server.url)
    assert elsewhere.opened == 0


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>busy</body></html>",
        b'{"errcode":0,"err',
        b"",
        b"[1]",
        b"null",
        b'"ok"',
        b"7",
        b"\xff\xfe",
        b"[" * 99999,
    ],
    ids=["html", "half", "empty", "list", "null", "string", "number", "no-utf-8", "deep"],
)
async def test_an_answer_that_is_no_json_object_is_a_failure(
    outgoing: Outgoing, open_raw: OpenRaw, body: bytes
) -> None:
    error = await failure(outgoing, (await open_raw(answering(body))).url)
    assert reported(error) == (NO_JSON, True)
    assert error.http_status == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'\xef\xbb\xbf{"errmsg":"ok"}', ""),
        (b'{"errmsg":"ok"}', "Content-Type: text/plain\r\n"),
        (b'{"errmsg":"ok"}', "Content-Type: application/json; encoding=utf-8\r\n"),
        (b'{"errmsg":"ok"}', "Content-Type: text/html; charset=gb2312\r\n"),
        (b' \r\n{"errmsg":"ok"}\n', ""),
        (gzip.compress(b'{"errmsg":"ok"}', mtime=0), "Content-Encoding: gzip\r\n"),
        (gzip.compress(b'{"errmsg"', mtime=0) + gzip.compress(b':"ok"}', mtime=0), "Content-Encoding: gzip\r\n"),
        (zlib.compress(b'{"errmsg":"ok"}'), "Content-Encoding: deflate\r\n"),
        (zlib.compress(b'{"errmsg":"ok"}', wbits=-zlib.MAX_WBITS), "Content-Encoding: deflate\r\n"),
    ],
    ids=["bom", "text", "encoding", "gb2312", "white", "gzip", "gzip twice", "deflate", "deflate unframed"],
)
async def test_an_object_is_read_however_it_is_dressed(
    outgoing: Outgoing, open_raw: OpenRaw, body: bytes, headers: str
) -> None:
    server = await open_raw(answering(body, headers=headers))
    assert await outgoing.json(make_call(), TARGET, "GET", server.url) == {"errmsg": "ok"}


@pytest.mark.parametrize("body", [b'{"errmsg":"a\x01b"}', b'{"errmsg":"a\xffb"}'], ids=["control", "no-utf-8"])
async def test_an_object_with_broken_text_is_read_as_far_as_it_goes(
    outgoing: Outgoing, open_raw: OpenRaw, body: bytes
) -> None:
    server = await open_raw(answering(body))
    errmsg = (await outgoing.json(make_call(), TARGET, "GET", server.url))["errmsg"]
    assert (errmsg[0], errmsg[-1]) == ("a", "b")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (reset_after_request, CLOSED),
        (saying(b""), CLOSED),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Le"), NO_HTTP),
        (saying(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"errcode":0}'), NO_HTTP),
        (saying(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{"errcode":0}'), NO_HTTP),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), NO_HTTP),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), NO_HTTP),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"), NO_HTTP),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), NO_HTTP),
    ],
    ids=["reset", "closed", "half-head", "short-body", "no-last-chunk", "bad-chunk", "no-http", "no-gzip", "length"],
)
async def test_a_connection_that_breaks_after_the_request_was_taken_may_have_been_acted_upon(
    outgoing: Outgoing, open_raw: OpenRaw, script: Script, reason: str
) -> None:
    server = await open_raw(script)
    error = await failure(outgoing, server.url)
    assert error.sent
    assert str(error.reason) in {reason, CLOSED if reason == NO_HTTP else reason}


async def test_a_post_is_not_repeated_when_the_connection_breaks(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(reset_after_request)
    await failure(outgoing, server.url)
    assert server.opened == 1


async def test_a_reset_before_the_request_was_taken_counts_as_sent_unless_it_is_certain(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    server = await open_raw(reset_at_once)
    error = await failure(outgoing, server.url)
    assert str(error.reason) in {CLOSED, UNREACHABLE}
    assert error.sent is (str(error.reason) == CLOSED)


async def test_a_longer_body_than_announced_is_not_trusted(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(saying(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"errcode":0}trailing'))
    assert reported(await failure(outgoing, server.url)) == (NO_HTTP, True)


async def test_interim_answers_are_passed_over(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    server = await open_raw(saying(interim + b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"errcode":0}'))
    assert await outgoing.json(make_call(), TARGET, "POST", server.url, body={}) == {"errcode": 0}


# Time


async def test_an_upstream_that_never_answers_is_given_up_at_the_deadline(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    server = await open_raw(silent)
    with movable_loop_time() as advance:
        sending = asyncio.ensure_future(failure(outgoing, server.url, call=make_call(timeout=30)))
        await server.has_fallen_silent(1)
        advance(28)
        await turns()
        assert not sending.done()
        advance(2)
        await turns(20)
        assert sending.done()  # at 30 s, not at the next whole second
    error = await sending
    assert reported(error) == (TOO_SLOW.format(30), True)


async def test_an_answer_that_drips_is_given_up_at_the_deadline(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    dripping = asyncio.Event()

    async def drip(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
        while True:
            await peer.send(b" ")
            await turns()
            dripping.set()

    server = await open_raw(drip)
    error = await late(30, failure(outgoing, server.url), dripping.wait())
    assert reported(error) == (TOO_SLOW.format(30), True)
    await asyncio.wait_for(server.all_gone.wait(), 10)


async def test_a_timeout_of_its_own_counts_when_it_is_the_shorter_one(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(silent)
    of_its_own = await late(8, failure(outgoing, server.url, timeout=8), server.has_fallen_silent(1))
    assert reported(of_its_own) == (TOO_SLOW.format(8), True)
    shorter = failure(outgoing, server.url, timeout=20, call=make_call(timeout=8))
    assert reported(await late(8, shorter, server.has_fallen_silent(2))) == (TOO_SLOW.format(8), True)


async def test_without_a_call_there_is_a_limit_all_the_same(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(silent)
    with movable_loop_time() as advance:
        asking = asyncio.ensure_future(outgoing.json(None, TARGET, "GET", server.url))
        await server.has_fallen_silent(1)
        advance(10)
        await turns(20)
        assert asking.done()
    with pytest.raises(UpstreamError) as caught:
        await asking
    assert str(caught.value.reason) == TOO_SLOW.format(10)


# Size


def padded(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


async def packed(peer: Peer, size: int) -> None:
    await peer.request()
    await peer.answer(gzip.compress(padded(size), 1, mtime=0), headers="Content-Encoding: gzip\r\n")


@pytest.mark.parametrize("script", [answering(padded(EIGHT_MEBIBYTES)), partial(packed, size=EIGHT_MEBIBYTES)])
async def test_an_answer_of_the_largest_size_is_read(outgoing: Outgoing, open_raw: OpenRaw, script: Script) -> None:
    server = await open_raw(script)
    assert len((await outgoing.json(make_call(), TARGET, "GET", server.url))["a"]) == EIGHT_MEBIBYTES - 8


@pytest.mark.parametrize("script", [answering(padded(EIGHT_MEBIBYTES + 1)), partial(packed, size=EIGHT_MEBIBYTES + 1)])
async def test_an_answer_that_is_too_large_by_a_byte_is_refused(
    outgoing: Outgoing, open_raw: OpenRaw, script: Script
) -> None:
    server = await open_raw(script)
    assert reported(await failure(outgoing, server.url)) == ("the response is too large", True)


async def bomb(peer: Peer) -> None:
    """A hundred megabytes of JSON in a hundred kilobytes of gzip."""
    await peer.request()
    await peer.answer(gzip.compress(padded(100 * 2**20), 1, mtime=0), headers="Content-Encoding: gzip\r\n")
    await peer.gone()


async def endless(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.send(b"10000\r\n" + b" " * 65536 + b"\r\n")


@pytest.mark.parametrize(
    "script", [answering(padded(2 * EIGHT_MEBIBYTES)), bomb, endless], ids=["announced", "gzip-bomb", "endless"]
)
async def test_an_answer_over_the_limit_is_refused_and_its_connection_closed(
    outgoing: Outgoing, open_raw: OpenRaw, script: Script
) -> None:
    server = await open_raw(script)
    assert reported(await failure(outgoing, server.url)) == ("the response is too large", True)
    await asyncio.wait_for(server.all_gone.wait(), 10)


# Connections


async def test_connections_are_reused(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b'{"errcode":0}'))
    for _ in range(5):
        await outgoing.json(make_call(), TARGET, "POST", server.url, body={})
    assert server.opened == 1


async def test_a_kept_connection_that_the_server_has_closed_is_not_used(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b'{"errcode":0}')

    server = await open_raw(once)
    for _ in range(3):
        assert await outgoing.json(make_call(), TARGET, "POST", server.url, body={}) == {"errcode": 0}
        await server.all_gone.wait()
        await turns(20)  # until our side has seen the end of the connection
    assert server.opened == 3


async def test_a_kept_connection_that_dies_under_a_post_leaves_its_outcome_open(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b'{"errcode":0}')
        await peer.request()

    server = await open_raw(once)
    await outgoing.json(make_call(), TARGET, "POST", server.url, body={})
    assert reported(await failure(outgoing, server.url)) == (CLOSED, True)
    assert server.opened == 1


async def waits_before_taking(peer: Peer) -> None:
    await peer.gone()


async def stops_in_the_head(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    await peer.gone()


async def stops_in_the_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await peer.gone()


@pytest.mark.parametrize("script", [waits_before_taking, stops_in_the_head, stops_in_the_body])
async def test_a_request_that_is_cancelled_leaves_no_connection_behind(
    outgoing: Outgoing, events: list[Event], open_raw: OpenRaw, script: Script
) -> None:
    server = await open_raw(script)
    tasks = [
        asyncio.ensure_future(outgoing.json(make_call(), TARGET, "POST", server.url, body={"a": 1})) for _ in range(3)
    ]
    await server.has_opened(3)
    await turns(20)  # what the script sends is on its way
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait_for(server.all_gone.wait(), 10)
    assert [event.failure for event in events if isinstance(event, UpstreamFinished)] == ["cancelled"] * 3
    next_one = late(30, failure(outgoing, server.url), server.has_fallen_silent(4))  # there is room
    assert reported(await next_one) == (TOO_SLOW.format(30), True)


async def test_a_request_cancelled_at_any_step_leaves_room_for_the_next(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b'{"errcode":0}'))
    for steps in range(25):
        task = asyncio.ensure_future(outgoing.json(make_call(), TARGET, "POST", server.url, body={}))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await outgoing.json(make_call(), TARGET, "POST", server.url, body={}) == {"errcode": 0}
    await outgoing.close()
    await asyncio.wait_for(server.all_gone.wait(), 10)


async def test_one_target_has_a_limit_and_the_others_do_not_feel_it(
    outgoing: Outgoing, events: list[Event], open_raw: OpenRaw
) -> None:
    slow, quick = await open_raw(silent), await open_raw(answering(b'{"errcode":0}'))
    others = [make_call(id=f"{number:032x}") for number in range(3)]
    waiting = [asyncio.ensure_future(outgoing.json(call, TARGET, "GET", slow.url)) for call in others]
    await slow.has_opened(3)
    with pytest.raises(Limited) as caught:
        await outgoing.json(make_call(), TARGET, "GET", slow.url)
    assert (caught.value.code, caught.value.data) == (1306429, {"retry_after": 1.0})
    assert_discreet(caught.value)
    refused = events[-1]
    assert isinstance(refused, UpstreamFinished)
    assert (refused.failure, refused.kind, refused.status) == ("too many requests are under way", "limited", None)
    assert await outgoing.json(make_call(), TARGET, "GET", quick.url) == {"errcode": 0}
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    error = await late(30, failure(outgoing, slow.url), slow.has_fallen_silent(4))
    assert reported(error) == (TOO_SLOW.format(30), True)


async def test_whoever_reads_piece_by_piece_is_told_that_the_answer_broke_off(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    server = await open_raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))
    async with AsyncExitStack() as stack:
        streamed = await stack.enter_async_context(outgoing.stream(make_call(), TARGET, "GET", server.url))
        assert await anext(streamed.chunks) == b"half"
        with pytest.raises(UpstreamError) as caught:
            await anext(streamed.chunks)
    assert caught.value.sent
    assert_discreet(caught.value)


async def test_whoever_reads_piece_by_piece_has_the_same_limit(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    slow = await open_raw(silent)
    others = [make_call(id=f"{number:032x}") for number in range(3)]
    waiting = [asyncio.ensure_future(outgoing.json(call, TARGET, "GET", slow.url)) for call in others]
    await slow.has_opened(3)
    with pytest.raises(Limited):
        async with outgoing.stream(make_call(), TARGET, "GET", slow.url, timeout=1):
            pytest.fail("it has begun")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_limit_can_be_changed_while_requests_are_under_way(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(silent)
    waiting = [asyncio.ensure_future(outgoing.json(make_call(), TARGET, "GET", server.url)) for _ in range(3)]
    await server.has_opened(3)
    assert not outgoing.is_idle
    outgoing.bulkheads.width = 4
    waiting.append(asyncio.ensure_future(outgoing.json(make_call(), TARGET, "GET", server.url)))
    await server.has_opened(4)
    with pytest.raises(Limited):
        await outgoing.json(make_call(), TARGET, "GET", server.url)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert outgoing.is_idle


async def test_hosts_that_were_asked_once_are_forgotten_and_those_under_way_are_not(
    engine: Engine, open_raw: OpenRaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.outgoing.client.RECENT", 2)
    outgoing = Outgoing(Observer(), max_per_target=3, engine=engine)
    outgoing.open()
    slow = await open_raw(silent)
    waiting = [asyncio.ensure_future(outgoing.json(make_call(), TARGET, "GET", slow.url)) for _ in range(3)]
    await slow.has_opened(3)
    for _ in range(5):
        server = await open_raw(answering(b"{}"))
        assert await outgoing.json(make_call(), TARGET, "GET", server.url) == {}
    assert len(outgoing.bulkheads) == 3  # two recent ones, and that of the slow server
    with pytest.raises(Limited):
        await outgoing.json(make_call(), TARGET, "GET", slow.url)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await outgoing.close()


async def test_before_it_is_open_nothing_can_be_sent(engine: Engine) -> None:
    closed = Outgoing(Observer(), engine=engine)
    with pytest.raises(RuntimeError, match="not open"):
        await closed.json(None, TARGET, "GET", "http://127.0.0.1")
    await closed.close()


# What travels


async def test_only_the_headers_of_the_call_and_our_own_travel(outgoing: Outgoing, open_server: OpenServer) -> None:
    seen: list[CIMultiDict[str]] = []
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(request.headers.copy())
        bodies.append(await request.read())
        return web.json_response({}, headers={"Set-Cookie": "session=upstream"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    url = await open_server(app)
    travelling = {"X-Bkapi-Request-Id": "1" * 32, "Blueking-Language": "zh-hans", "Traceparent": "00-1-1-01"}
    call = make_call(headers=travelling)
    await outgoing.json(call, TARGET, "POST", url, body={"text": "你好"}, headers={"X-Own": "1"})
    await outgoing.json(call, TARGET, "POST", url, body=b"ready", headers={"Content-Type": "text/plain"})
    await outgoing.json(call, TARGET, "GET", url)
    usual = {name.lower() for name in travelling} | {"host", "accept", "accept-encoding", "user-agent"}
    assert [{name.lower() for name in headers} - usual for headers in seen] == [
        {"content-type", "content-length", "x-own"},
        {"content-type", "content-length"},
        set(),
    ]
    assert all(headers[name] == value for headers in seen for name, value in travelling.items())
    assert [headers.get("Content-Type") for headers in seen] == ["application/json", "text/plain", None]
    assert bodies == ['{"text":"你好"}'.encode(), b"ready", b""]


async def test_a_query_that_is_quoted_already_arrives_as_it_is(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    lines: list[bytes] = []

    async def take(peer: Peer) -> None:
        lines.append((await peer.request()).split(b"\r\n")[0])
        await peer.answer(b"{}")

    server = await open_raw(take)
    await outgoing.json(make_call(), TARGET, "GET", f"{server.url}/a%2Fb?secret=a%2Bb%26c%20d")
    assert lines == [b"GET /a%2Fb?secret=a%2Bb%26c%20d HTTP/1.1"]


async def test_an_answer_of_any_status_can_be_had_as_it_is(
    outgoing: Outgoing, events: list[Event], open_raw: OpenRaw
) -> None:
    server = await open_raw(answering(b"<html>", "503 Busy", "X-Tag: 1\r\n"))
    answer = await outgoing.request(make_call(), TARGET, "GET", server.url)
    assert (answer.status, answer.body, answer.headers["X-Tag"]) == (503, b"<html>", "1")
    assert "html" not in repr(answer)
    assert isinstance(answer, Answer)
    told = events[-1]
    assert isinstance(told, UpstreamFinished)
    assert (told.status, told.failure, told.kind) == (503, "", "http")
    with pytest.raises(UpstreamError):
        await outgoing.request(make_call(), TARGET, "GET", f"http://127.0.0.1:{free_port()}")


async def test_other_statuses_may_be_declared_good(outgoing: Outgoing, open_raw: OpenRaw) -> None:
    server = await open_raw(answering(b'{"a":1}', "404 Not Found"))
    assert await outgoing.json(make_call(), TARGET, "GET", server.url, statuses=(200, 404)) == {"a": 1}


# Forward proxies


async def test_a_request_goes_through_the_forward_proxy_with_its_credentials(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    server = await open_raw(answering(b'{"errcode":0}'))
    proxy = ForwardProxy("user", "proxy-password")
    address = (await open_raw(proxy)).url.replace("http://", "http://user:proxy-password@")
    answer = await outgoing.json(make_call(), TARGET, "POST", server.url + PATH, body={"a": 1}, proxy=address)
    assert answer == {"errcode": 0}
    assert proxy.requests == [f"POST {server.url}{PATH} HTTP/1.1"]


async def test_tls_is_verified_through_the_forward_proxy_too(
    outgoing: Outgoing, open_raw: OpenRaw, self_signed: ssl.SSLContext
) -> None:
    server = await open_raw(answering(b"{}"), self_signed)
    proxy = ForwardProxy("user", "proxy-password")
    address = (await open_raw(proxy)).url.replace("http://", "http://user:proxy-password@")
    error = await failure(outgoing, server.url.replace("http:", "https:"), proxy=address)
    assert reported(error) == (UNTRUSTED, False)
    assert proxy.requests == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"]


async def test_a_forward_proxy_that_refuses_our_credentials_was_not_passed(
    outgoing: Outgoing, open_raw: OpenRaw
) -> None:
    server = await open_raw(answering(b"{}"))
    address = (await open_raw(ForwardProxy("user", "another"))).url.replace("http://", "http://user:proxy-password@")
    tunnelled = await failure(outgoing, server.url.replace("http:", "https:"), proxy=address)
    assert reported(tunnelled) == ("the forward proxy refused or could not be reached", False)
    plain = await failure(outgoing, server.url, proxy=address)
    assert (plain.http_status, plain.sent) == (407, False)
    assert server.opened == 0


async def test_a_forward_proxy_that_is_not_there_was_not_passed(outgoing: Outgoing) -> None:
    address = f"http://user:proxy-password@127.0.0.1:{free_port()}"
    for url in ("http://example.com", "https://example.com"):
        error = await failure(outgoing, url, proxy=address)
        assert reported(error) == ("the forward proxy refused or could not be reached", False)


@pytest.mark.parametrize("proxy", ["user:proxy-password@127.0.0.1", "http://[", "http://user:proxy-password@"])
async def test_a_forward_proxy_of_an_impossible_form_was_not_passed(outgoing: Outgoing, proxy: str) -> None:
    error = await failure(outgoing, "http://example.com", proxy=proxy)
    assert not error.sent


# Events


async def test_every_request_is_told_as_one_event_with_its_host_and_no_more_of_the_address(
    outgoing: Outgoing, events: list[Event], open_raw: OpenRaw
) -> None:
    good = await open_raw(answering(b'{"errcode":42001,"errmsg":"access_token expired"}'))
    await outgoing.json(make_call(), TARGET, "POST", good.url + PATH, body={})
    await failure(outgoing, (await open_raw(answering(b"", "500 Oops"))).url)
    await failure(outgoing, (await open_raw(reset_after_request)).url)
    await outgoing.json(None, TARGET, "GET", (await open_raw(answering(b'{"code":"00"}'))).url)
    known = [event for event in events if isinstance(event, UpstreamFinished)]
    assert [(event.status, event.errcode, event.failure) for event in known] == [
        (200, 42001, ""),
        (500, None, "Status Code: 500, Error Message: third-party system interface response status code is not 200"),
        (None, None, CLOSED),
        (200, "00", ""),
    ]
    assert [event.call_id for event in known] == ["0123456789abcdef0123456789abcdef"] * 3 + [""]
    assert all((event.system, event.interface) == ("weixin_qy", "send_message") for event in known)
    assert all(0 <= event.seconds < 600 for event in known)
    assert known[0].host == good.url.removeprefix("http://")
    for event in known:
        event.host = ""  # which is told; nothing else of the address is
    assert not any(secret in repr(known) for secret in SECRETS)


@pytest.mark.parametrize("errcode", ["TOKEN-NOBODY-MAY-SEE", {"a": 1}, True, 1.5, None, "9" * 40])
async def test_an_errcode_that_is_no_code_is_not_told(
    outgoing: Outgoing, events: list[Event], open_raw: OpenRaw, errcode: Any
) -> None:
    server = await open_raw(answering(json.dumps({"errcode": errcode}).encode()))
    await outgoing.json(make_call(), TARGET, "GET", server.url)
    assert events[-1].errcode is None  # type: ignore[union-attr]  # it is an UpstreamFinished


# Certificates


def test_a_key_with_a_password_is_a_mistake_and_no_question_at_the_terminal(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with pytest.raises(ssl.SSLError):
        Tls.load(str(authority.ca), str(authority.locked()), None)
