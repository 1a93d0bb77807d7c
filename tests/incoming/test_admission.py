"""What strangers may use of the gateway, and each app: over real HTTP, from several addresses of loopback."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from esb.config import load
from esb.core.events import CallFinished, Crashed, LimitReached, Observer
from esb.gateway.app import GATEWAY
from esb.incoming.admission import BODY_SECONDS, SMALL, Admission
from esb.incoming.arrivals import GRACE_SECONDS, SLOTS, SWEEP_SECONDS
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import Advance, movable_loop_time, turns
from tests.support.wire import connection, envelope_of, exchange, read_answer, request, until

ECHO = b"/api/c/compapi/test/echo/"
CHAIN = "middlewares: [{use: app_auth}, {use: permission}]\n"
MEBIBYTE = 1024 * 1024
ECHOING = '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n'
WHO = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"}
OTHER = {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret"}
WRONG = {"bk_app_code": "esb_demo", "bk_app_secret": "guessed"}


def by_header(who: dict[str, str]) -> bytes:
    return b"X-Bkapi-Authorization: " + json.dumps(who).encode()


def unfinished(length: int = 10 * MEBIBYTE, *headers: bytes, begun: bytes = b"{") -> bytes:
    """The head of a POST that announces so much, and the beginning of its body."""
    return request(b"POST", ECHO, begun, headers, length=length)


def admission(gateway: Gateway) -> Admission:
    assert [event for event in gateway.events if isinstance(event, Crashed)] == []
    return gateway.app[GATEWAY].admission


def refused(gateway: Gateway) -> dict[str, int]:
    return {reason: number for reason, number in admission(gateway).refusals.counts.items() if number}


@pytest.fixture
async def echo(open_gateway: OpenGateway) -> Gateway:
    return await open_gateway(ECHOING, more=CHAIN + "server: {max_buffered: 16777216, trusted_proxies: [127.0.0.9]}\n")


async def open_unfinished(
    gateway: Gateway, stack: AsyncExitStack, number: int, source: str, raw: bytes
) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open so many connections from this address, and send these bytes over each."""
    opened = [await stack.enter_async_context(connection(gateway.url, source)) for _ in range(number)]
    for _, writer in opened:
        writer.write(raw)
    return opened


# Credentials by header


@pytest.mark.parametrize("length", [100, 10 * MEBIBYTE])
async def test_wrong_credentials_by_header_are_refused_before_the_body_comes(echo: Gateway, length: int) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(unfinished(length, by_header(WRONG)))
        answer = await read_answer(reader)
        assert (answer.envelope()["code"], answer.header("Connection")) == (1306000, "close")
        assert answer.envelope()["message"].startswith("APP Secret verification failed")
    (call,) = [event for event in echo.events if isinstance(event, CallFinished)]
    assert call.source == "caller"
    await until(lambda: admission(echo).buffered == 0)


async def test_the_rest_of_a_refused_body_is_dropped_until_its_sender_reads_the_answer(echo: Gateway) -> None:
    raw = unfinished(4 * MEBIBYTE, by_header(WRONG), begun=b"{" + b" " * (4 * MEBIBYTE - 1))
    async with connection(echo.url) as (reader, writer):
        writer.write(raw)
        await writer.drain()
        assert (await read_answer(reader)).header("Connection") == "close"
        assert await reader.read() == b""
    assert admission(echo).buffered == 0


async def test_who_waits_to_be_asked_for_the_body_is_refused_without_being_asked(echo: Gateway) -> None:
    head = request(b"POST", ECHO, headers=(b"Expect: 100-continue", by_header(WRONG)), length=9)
    assert (await exchange(echo.url, head)).status == 200


async def test_nor_is_the_body_of_a_get_read_whose_query_says_who_calls(echo: Gateway) -> None:
    target = ECHO + b"?bk_app_code=esb_demo&bk_app_secret=guessed"
    answer = await exchange(echo.url, request(b"GET", target, b"{", length=MEBIBYTE))
    assert (answer.envelope()["code"], answer.header("Connection")) == (1306000, "close")


async def test_right_credentials_by_header_are_followed_by_the_body(echo: Gateway) -> None:
    async with connection(echo.url) as (reader, writer):
        writer.write(unfinished(8, by_header(WHO), begun=b""))
        await until(lambda: admission(echo).calls.taken == 1)
        assert admission(echo).load().bodies == 0  # no stranger's
        writer.write(b'{"a": 1}')
        answer = await read_answer(reader)
    assert answer.envelope()["data"]["args"] == {"a": 1}
    assert "Connection" not in dict(answer.headers)
    assert admission(echo).calls.taken == 0


async def test_a_signature_covers_the_body_and_so_waits_for_it(echo: Gateway) -> None:
    target = ECHO + b"?bk_signature=x&bk_app_code=esb_demo&bk_nonce=1&bk_timestamp=1"
    async with connection(echo.url) as (reader, writer):
        writer.write(request(b"POST", target, b"", length=2))
        await until(lambda: admission(echo).load().bodies == 1)
        writer.write(b"{}")
        assert (await read_answer(reader)).envelope()["result"] is False


async def test_a_middleware_that_is_not_early_keeps_those_behind_it_for_later(open_gateway: OpenGateway) -> None:
    chain = 'middlewares: [{use: "tests.support.components:Passing"}, {use: app_auth}]\n'
    gateway = await open_gateway(ECHOING, more=chain)
    async with connection(gateway.url) as (reader, writer):
        writer.write(unfinished(8, by_header(WRONG), begun=b""))
        await until(lambda: admission(gateway).load().bodies == 1)
        writer.write(b'{"a": 1}')
        assert (await read_answer(reader)).envelope()["result"] is False


# Bytes


async def test_bodies_of_strangers_share_a_part_of_the_budget(echo: Gateway) -> None:
    async with AsyncExitStack() as stack:
        raw = unfinished(10 * MEBIBYTE, begun=b"{" + b" " * MEBIBYTE)
        readers = []
        for number in range(2, 8):
            opened = await open_unfinished(echo, stack, 3, f"127.0.0.{number}", raw)
            readers += [reader for reader, _ in opened]
        answers = [asyncio.create_task(read_answer(reader)) for reader in readers]
        await until(lambda: sum(task.done() for task in answers) >= 14)
        assert admission(echo).buffered <= 4 * MEBIBYTE
        codes = {task.result().envelope()["code"] for task in answers if task.done()}
        assert codes == {1306429}
        one = next(task.result().envelope() for task in answers if task.done())
        assert one["data"] == {"retry_after": 1.0}
        # whoever is small, or known, does not notice
        small = json.dumps({**WHO, "text": "x" * (SMALL - 1000)}).encode()
        known = json.dumps({"text": "x" * MEBIBYTE}).encode()
        for body, headers in ((small, ()), (known, (by_header(WHO),))):
            envelope = (await exchange(echo.url, request(b"POST", ECHO, body, headers))).envelope()
            assert envelope["result"] is True, envelope
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)
    await until(lambda: admission(echo).buffered == 0)
    assert set(refused(echo)) == {"buffered"}
    assert len([event for event in echo.events if isinstance(event, LimitReached)]) == 1


async def test_a_large_body_with_credentials_inside_is_served(echo: Gateway) -> None:
    body = json.dumps({**WHO, "text": "x" * MEBIBYTE}).encode()
    assert (await exchange(echo.url, request(b"POST", ECHO, body))).envelope()["result"] is True
    assert admission(echo).buffered == 0


async def test_what_is_unpacked_counts_and_not_what_came(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(ECHOING, more=CHAIN + "server: {max_buffered: 4194304}\n")
    packed = gzip.compress(json.dumps({**WHO, "text": "x" * 2 * MEBIBYTE}).encode(), mtime=0)
    raw = request(b"POST", ECHO, packed, (b"Content-Encoding: gzip",))
    assert len(raw) < SMALL
    assert (await exchange(gateway.url, raw)).envelope()["code"] == 1306429
    assert refused(gateway) == {"buffered": 1}


# Slots and rates of bodies


async def pass_grace(advance: Advance) -> None:
    """Let the seconds pass in which no slot is needed, and let the watch over them run."""
    for _ in range(4):
        advance(GRACE_SECONDS / 2)
        await turns(10)


async def test_large_bodies_that_are_soon_whole_need_no_slots(echo: Gateway) -> None:
    body = json.dumps({**WHO, "text": "x" * 100_000}).encode()
    with movable_loop_time():
        async with AsyncExitStack() as stack:
            half = unfinished(len(body), begun=body[:5])
            opened = await open_unfinished(echo, stack, SLOTS + 10, "127.0.0.2", half)
            await until(lambda: admission(echo).load().bodies == SLOTS + 10)
            for _, writer in opened:
                writer.write(body[5:])
                await writer.drain()
            answers = [(await read_answer(reader)).envelope() for reader, _ in opened]
    assert {envelope["result"] for envelope in answers} == {True}
    assert refused(echo) == {}


@pytest.mark.parametrize("length", [100, 10 * MEBIBYTE], ids=["small", "large"])
async def test_bodies_that_do_not_come_are_refused_beyond_the_slots_of_an_address(echo: Gateway, length: int) -> None:
    with movable_loop_time() as advance:
        async with AsyncExitStack() as stack:
            opened = await open_unfinished(echo, stack, SLOTS + 2, "127.0.0.2", unfinished(length))
            await open_unfinished(echo, stack, 1, "127.0.0.3", unfinished(length))
            await until(lambda: admission(echo).load().bodies == SLOTS + 3)
            await pass_grace(advance)
            await until(lambda: admission(echo).load().bodies == SLOTS + 1)  # the others go on
            envelopes = [(await read_answer(reader)).envelope() for reader, _ in opened[SLOTS:]]
            assert [(envelope["code"], envelope["data"]) for envelope in envelopes] == [
                (1306429, {"retry_after": 1.0})
            ] * 2
            small = json.dumps(WHO).encode()
            async with connection(echo.url, "127.0.0.2") as (reader, writer):
                writer.write(unfinished(len(small), begun=small[:5]))
                await until(lambda: admission(echo).load().bodies == SLOTS + 2)
                writer.write(small[5:])  # one that is soon whole needs no slot
                assert (await read_answer(reader)).envelope()["result"] is True
    await until(lambda: admission(echo).load().bodies == 0)
    assert refused(echo) == {"bodies": 2}


async def test_behind_a_trusted_proxy_the_client_it_names_is_counted(echo: Gateway) -> None:
    with movable_loop_time() as advance:
        async with AsyncExitStack() as stack:
            named = unfinished(10 * MEBIBYTE, b"X-Forwarded-For: 192.0.2.1")
            opened = await open_unfinished(echo, stack, SLOTS + 1, "127.0.0.9", named)
            await open_unfinished(echo, stack, 1, "127.0.0.9", unfinished(10 * MEBIBYTE, b"X-Forwarded-For: 192.0.2.2"))
            await open_unfinished(echo, stack, 1, "127.0.0.9", unfinished())
            await until(lambda: admission(echo).load().bodies == SLOTS + 3)
            await pass_grace(advance)
            await until(lambda: admission(echo).load().bodies == SLOTS + 2)
            assert (await read_answer(opened[SLOTS][0])).envelope()["code"] == 1306429


async def test_a_body_that_only_trickles_is_cut_off_with_an_answer(echo: Gateway) -> None:
    with movable_loop_time() as advance:
        async with connection(echo.url) as (reader, writer):
            writer.write(unfinished(MEBIBYTE))
            await until(lambda: admission(echo).load().bodies == 1)
            answer = asyncio.create_task(read_answer(reader))
            passed = 0.0
            while not answer.done():
                assert passed < BODY_SECONDS + 2
                writer.write(b" ")
                advance(SWEEP_SECONDS)
                passed += SWEEP_SECONDS
                await turns(10)
            envelope = answer.result().envelope()
    assert envelope["code"] == 1306406
    assert "too slowly" in envelope["message"]
    assert passed > BODY_SECONDS
    assert refused(echo) == {"slow_bodies": 1}
    (call,) = [event for event in echo.events if isinstance(event, CallFinished)]
    assert (call.code, call.source) == (1306406, "caller")


# Calls in flight


@pytest.fixture
async def waiting(open_gateway: OpenGateway, open_server: OpenServer) -> AsyncIterator[tuple[Gateway, asyncio.Event]]:
    """A gateway for ten calls at once, whose upstream answers when it is told to."""
    answer = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await answer.wait()
        return web.json_response({})

    upstream = web.Application()
    upstream.router.add_get("/", slow)
    url = await open_server(upstream)
    relay = f'  - {{path: /test/relay/, use: "tests.support.components:Relay", config: {{url: "{url}"}}}}\n'
    yield await open_gateway(relay + ECHOING, more=CHAIN + "server: {max_in_flight: 10}\n"), answer
    answer.set()


async def relayed(gateway: Gateway, who: dict[str, str]) -> dict[str, Any]:
    headers = {"X-Bkapi-Authorization": json.dumps(who)}
    return await envelope_of(await gateway.request("GET", "/api/c/compapi/test/relay/", headers=headers))


async def test_one_app_leaves_room_for_the_others(waiting: tuple[Gateway, asyncio.Event]) -> None:
    gateway, answer = waiting
    noisy = [asyncio.create_task(relayed(gateway, WHO)) for _ in range(20)]
    await until(lambda: sum(task.done() for task in noisy) == 12)
    assert admission(gateway).calls.taken == 8
    refusals = [task.result() for task in noisy if task.done()]
    assert {(envelope["code"], envelope["data"]["retry_after"]) for envelope in refusals} == {(1306429, 1.0)}
    honest = asyncio.create_task(relayed(gateway, OTHER))
    await until(lambda: admission(gateway).calls.taken == 9)
    answer.set()
    assert (await honest)["result"] is True
    assert [task.result()["result"] for task in noisy if (await task)["result"]] == [True] * 8
    assert admission(gateway).calls.taken == 0
    assert refused(gateway) == {"app_share": 12}


async def test_bodies_on_their_way_and_unknown_apps_use_up_no_calls(waiting: tuple[Gateway, asyncio.Event]) -> None:
    gateway, _ = waiting
    async with AsyncExitStack() as stack:
        await open_unfinished(gateway, stack, 30, "127.0.0.2", unfinished(100))
        await until(lambda: admission(gateway).load().bodies == 30)
        for _ in range(30):
            answer = await exchange(gateway.url, request(b"POST", ECHO, b"{}", (by_header(WRONG),)))
            assert answer.envelope()["code"] == 1306000
        assert admission(gateway).calls.taken == 0
        answer = await exchange(gateway.url, request(b"POST", ECHO, json.dumps(WHO).encode()))
        assert answer.envelope()["result"] is True


async def test_a_reload_changes_how_many_calls_there_may_be(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(ECHOING, more=CHAIN)
    assert admission(gateway).calls.most == 5000
    config = gateway.app[GATEWAY].config
    text = config.path.read_text().replace(CHAIN, CHAIN + "server: {max_in_flight: 7}\n")
    config.path.write_text(text)
    await gateway.app[GATEWAY].reload(load(config.path, {}))
    assert admission(gateway).calls.most == 7


def test_whoever_holds_them_all_bytes_are_told() -> None:
    counted = Admission(16 * 2**20, 100, Observer())
    assert [pool.most // 2**20 for pool in (counted.known, counted.large, counted.small)] == [12, 3, 1]
    for pool, number in ((counted.known, 1), (counted.large, 20), (counted.small, 300)):
        assert pool.take("somebody", number)
    assert counted.buffered == counted.load().buffered == 321
