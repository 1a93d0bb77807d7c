"""Connections: as many as there is room for, and what comes over those that ask for nothing whole."""

import asyncio
import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack

import pytest
from yarl import URL

from esb.core.events import CallFinished, LimitReached
from esb.gateway.app import GATEWAY
from esb.incoming.admission import Admission
from esb.incoming.arrivals import GRACE_SECONDS, SLOTS, SWEEP_SECONDS
from esb.server.connection_slots import MOST, ConnectionSlots
from tests.support.gateway import Gateway, OpenGateway
from tests.support.loop_time import movable_loop_time, turns
from tests.support.wire import connection, exchange, read_answer, request, until

PING = request(b"GET", b"/api/c/ping/")
ECHO = b"/api/c/compapi/test/echo/"
ECHOING = '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n'
NO_CHAIN = "middlewares: []\n"
HEAD = b"POST /api/c/compapi/test/echo/ HTTP/1.1\r\nHost: a\r\n"
FILES = 120
"""Open files that a test leaves for itself and the gateway in it."""


def admission(gateway: Gateway) -> Admission:
    return gateway.app[GATEWAY].admission


def told(gateway: Gateway) -> list[str]:
    return [event.reason for event in gateway.events if isinstance(event, LimitReached)]


@pytest.fixture
def few_files() -> Iterator[None]:
    """A process that may open only FILES more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# How many


async def test_beyond_the_bound_the_oldest_goes_that_never_asked(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN + "server: {max_connections: 4}\n")
    async with AsyncExitStack() as stack:
        asked, writer = await stack.enter_async_context(connection(gateway.url))
        writer.write(PING)
        assert (await read_answer(asked)).body == b"pong"
        silent = []
        for _ in range(3):
            silent.append(await stack.enter_async_context(connection(gateway.url)))
            await until(lambda: admission(gateway).connections == 1 + len(silent))
        silent[0][1].write(b"GET")
        newcomer, new_writer = await stack.enter_async_context(connection(gateway.url))
        assert await silent[0][0].read() == b""
        new_writer.write(PING)
        assert (await read_answer(newcomer)).body == b"pong"
        writer.write(PING)
        assert (await read_answer(asked)).body == b"pong"
        assert admission(gateway).connections == 4
    assert told(gateway) == ["connections"]
    assert admission(gateway).refusals.counts["connections"] == 1


async def test_where_all_are_busy_the_newcomer_goes(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN + "server: {max_connections: 2}\n")
    async with AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(connection(gateway.url)) for _ in range(2)]
        for _, writer in busy:
            writer.write(request(b"POST", ECHO, b"{", length=8))
        await until(lambda: admission(gateway).load().bodies == 2)
        async with connection(gateway.url) as (reader, _):
            assert await reader.read() == b""
        for reader, writer in busy:
            writer.write(b'"a": 1}')
            assert (await read_answer(reader)).envelope()["data"]["args"] == {"a": 1}
    await until(lambda: admission(gateway).connections == 0)
    assert (await exchange(gateway.url, PING)).body == b"pong"
    assert admission(gateway).refusals.counts["connections"] == 1


@pytest.mark.parametrize(("files", "most"), [(1024, 768), (100_000, MOST), (resource.RLIM_INFINITY, MOST)])
def test_the_bound_comes_from_the_file_limit(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, files: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert ConnectionSlots(None, admission(gateway).refusals).most == most
    assert ConnectionSlots(7, admission(gateway).refusals).most == 7


async def test_near_the_file_limit_room_is_made_whatever_the_configuration_says(
    few_files: None, open_gateway: OpenGateway
) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN + "server: {max_connections: 5000}\n")
    async with AsyncExitStack() as stack:
        for _ in range(FILES // 2 - 5):
            await stack.enter_async_context(connection(gateway.url))
            await turns(3)
        assert (await gateway.request("POST", ECHO.decode(), data=b'{"a": 1}')).status == 200
    assert told(gateway) == ["files"]


async def test_what_cannot_be_accepted_is_counted_and_accepted_later(
    few_files: None, open_gateway: OpenGateway
) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN)
    address = URL(gateway.url)
    with ExitStack() as stack, movable_loop_time() as advance:
        ours = [stack.enter_context(socket.socket()) for _ in range(5)]
        while True:  # take all that are left
            try:
                stack.enter_context(socket.socket())
            except OSError:
                break
        for each in ours:
            each.connect((address.host, address.port))
        await until(lambda: admission(gateway).refusals.counts["files"] > 0)
        assert admission(gateway).connections == 0
        stack.close()
        advance(2.0)
        assert (await exchange(gateway.url, PING)).body == b"pong"
    assert told(gateway) == ["files"]


async def test_other_complaints_of_the_loop_are_told_as_before(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": "something else"})
    assert caplog.messages == ["something else"]
    assert told(gateway) == []


# Heads


async def test_silent_heads_of_one_address_have_so_many_slots_and_end_without_an_answer(
    open_gateway: OpenGateway,
) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN)
    with movable_loop_time() as advance:
        async with AsyncExitStack() as stack:
            opened = []
            for source, number in (("127.0.0.2", SLOTS + 3), ("127.0.0.3", 2)):
                for _ in range(number):
                    opened.append(await stack.enter_async_context(connection(gateway.url, source)))
                    opened[-1][1].write(HEAD)
            await until(lambda: admission(gateway).load().heads == len(opened))
            advance(GRACE_SECONDS + SWEEP_SECONDS)
            assert [await reader.read() for reader, _ in opened[SLOTS : SLOTS + 3]] == [b""] * 3
            assert admission(gateway).load().heads == SLOTS + 2
            opened[0][1].write(b"Content-Length: 2\r\n\r\n{}")
            assert (await read_answer(opened[0][0])).envelope()["result"] is True
            assert admission(gateway).load().heads == SLOTS + 1
            assert (await exchange(gateway.url, request(b"POST", ECHO, b"{}"))).envelope()["result"] is True
    await until(lambda: admission(gateway).load().heads == 0)
    assert admission(gateway).buffered == 0
    assert told(gateway) == ["heads"]
    assert len([event for event in gateway.events if isinstance(event, CallFinished)]) == 2


@pytest.mark.parametrize(
    "before",
    [b"", PING, request(b"POST", ECHO, b'{"a": 1}'), request(b"POST", ECHO, b'{"a": "' + b"x" * 30_000 + b'"}')],
    ids=["alone", "behind a request", "behind a body", "behind a large body"],
)
async def test_heads_that_grow_are_counted_wherever_they_begin(open_gateway: OpenGateway, before: bytes) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN)
    async with connection(gateway.url) as (reader, writer):
        writer.write(before + b"GET / HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"x" * 8000) * 5)
        if before:
            assert (await read_answer(reader)).status == 200
        await until(lambda: admission(gateway).buffered > 35_000)
        assert admission(gateway).load().heads == 1
        writer.write(b"Host: a\r\n\r\n")
        assert (await read_answer(reader)).status == 404
        assert admission(gateway).load().heads == 0
        assert admission(gateway).buffered == 0


@pytest.mark.parametrize("size", [10, 100_000, 1_000_000])
async def test_what_comes_in_pieces_is_no_head_once_it_is_whole(open_gateway: OpenGateway, size: int) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN)
    raw = request(b"POST", ECHO, json.dumps({"text": "x" * size}).encode())
    async with connection(gateway.url) as (reader, writer):
        for cut in (10, len(raw) - size // 2, len(raw) - 1):
            writer.write(raw[:cut] + raw[cut:])
            assert (await read_answer(reader)).envelope()["result"] is True
            writer.write(raw[:cut])
            await turns(20)
            writer.write(raw[cut:])
            assert (await read_answer(reader)).envelope()["result"] is True
            assert admission(gateway).load().heads == 0
    assert admission(gateway).buffered == 0


async def test_heads_without_room_for_their_bytes_end(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(ECHOING, more=NO_CHAIN + "server: {max_buffered: 1048576}\n")
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connection(gateway.url)) for _ in range(10)]
        for _, writer in opened:
            writer.write(b"GET / HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"x" * 8000) * 7)
        await until(lambda: admission(gateway).load().heads < 10 and admission(gateway).refusals.counts["buffered"] > 0)
        assert admission(gateway).buffered <= 1048576 // 4
    assert "buffered" in told(gateway)
