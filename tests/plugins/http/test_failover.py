"""`use: http` and an ill upstream: other hosts, further attempts, a breaker, a bound, addresses out of reach."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web

from esb.core.events import UpstreamFinished
from esb.plugins.http.attempts import FIRST_PAUSE
from esb.plugins.http.hosts import REST_SECONDS
from tests.support.clock import Clock
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import movable_loop_time
from tests.support.servers.raw_server import Peer, raw_server, reset_after_request
from tests.support.servers.recorder import Recorder, proxy, recording

REFUSED = "its address is link-local or a cloud's metadata, and refused"


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


@pytest.fixture
def down() -> Iterator[str]:
    """The URL of a host where nobody listens, and nobody else begins to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def relay(gateway: Gateway, **params: Any) -> dict[str, Any]:
    return await gateway.call("demo/relay", **params)


def attempts(gateway: Gateway) -> list[int | None]:
    """The statuses that the upstream answered with so far; None: it did not."""
    return [event.status for event in gateway.events if isinstance(event, UpstreamFinished)]


# Hosts


async def test_a_host_that_cannot_be_reached_is_passed_over_whatever_the_method(
    open_gateway: OpenGateway, upstream: Recorder, down: str
) -> None:
    gateway = await open_gateway(proxy(down, upstream.url))
    assert (await relay(gateway, a=1))["result"]
    assert attempts(gateway) == [None, 200]
    assert upstream.last.body == b'{"a":1}'


async def test_a_host_that_could_not_be_reached_rests_for_a_while(
    open_gateway: OpenGateway, upstream: Recorder, down: str
) -> None:
    clock = Clock()
    gateway = await open_gateway(proxy(down, upstream.url), clock=clock)
    for _ in range(4):
        assert (await relay(gateway))["result"]
    assert attempts(gateway) == [None, 200, 200, 200, 200]
    clock.advance(REST_SECONDS)
    for _ in range(2):
        assert (await relay(gateway))["result"]
    assert attempts(gateway)[5:].count(None) == 1


async def test_hosts_that_are_well_take_turns(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    one, other = await recording(open_server), await recording(open_server)
    gateway = await open_gateway(proxy(one.url, other.url))
    for _ in range(4):
        await relay(gateway)
    assert (len(one.seen), len(other.seen)) == (2, 2)


async def test_hosts_that_all_rest_are_tried_all_the_same(open_gateway: OpenGateway, down: str) -> None:
    gateway = await open_gateway(proxy(down, down.replace("127.0.0.1", "localhost")))
    for _ in range(2):
        envelope = await relay(gateway)
        assert envelope["code"] == 1306201
        assert "the connection could not be established" in envelope["message"]
    assert attempts(gateway) == [None] * 4


async def test_a_host_that_took_the_request_is_not_followed_by_another(
    open_gateway: OpenGateway, opened: AsyncExitStack, upstream: Recorder
) -> None:
    server = await opened.enter_async_context(raw_server(reset_after_request))
    gateway = await open_gateway(proxy(server.url, upstream.url))
    assert (await relay(gateway))["code"] == 1306201
    assert upstream.seen == []


# Further attempts


class Flaky:
    """Answers with these statuses, one a request, and then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked = 0

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked += 1
        status = self.statuses.pop(0) if self.statuses else 200
        return web.json_response({"result": True}, status=status)


@pytest.mark.parametrize(("method", "asked"), [("GET", 3), ("PUT", 3), ("DELETE", 3), ("POST", 1), ("PATCH", 1)])
async def test_only_what_may_be_repeated_is(
    open_gateway: OpenGateway, upstream: Recorder, method: str, asked: int
) -> None:
    upstream.answer = flaky = Flaky(503, 502)
    gateway = await open_gateway(proxy(upstream.url, method=method, retries=3), clock=Clock())
    assert (await relay(gateway))["result"] is (asked == 3)
    assert flaky.asked == asked


@pytest.mark.parametrize("statuses", [(500,), (400,), (503, 503, 503)])
async def test_what_will_not_pass_or_lasts_too_long_is_told(
    open_gateway: OpenGateway, upstream: Recorder, statuses: tuple[int, ...]
) -> None:
    upstream.answer = flaky = Flaky(*statuses)
    gateway = await open_gateway(proxy(upstream.url, method="GET", retries=2), clock=Clock())
    envelope = await relay(gateway)
    assert f"Status Code: {statuses[-1]}," in envelope["message"]
    assert flaky.asked == len(statuses)


async def test_a_lost_answer_is_asked_for_again(open_gateway: OpenGateway, opened: AsyncExitStack) -> None:
    connections = 0

    async def script(peer: Peer) -> None:
        nonlocal connections
        connections += 1
        while await peer.request():
            if connections == 1:
                peer.reset()
                return
            await peer.answer(b'{"result": true}')

    server = await opened.enter_async_context(raw_server(script))
    gateway = await open_gateway(proxy(server.url, method="GET", retries=1), clock=Clock())
    assert (await relay(gateway))["result"]
    assert connections == 2


async def test_no_attempt_begins_when_the_deadline_would_be_over(open_gateway: OpenGateway, upstream: Recorder) -> None:
    flaky, arrived, go_on = Flaky(503, 503), asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await go_on.wait()
        return await flaky(request)

    upstream.answer = slow
    gateway = await open_gateway(proxy(upstream.url, stanza="timeout: 20, ", method="GET", retries=5), clock=Clock())
    calling = asyncio.ensure_future(relay(gateway))
    await arrived.wait()
    with movable_loop_time() as advance:
        advance(20 - FIRST_PAUSE)
        go_on.set()
        assert (await calling)["code"] == 1306201
    assert flaky.asked == 1


# The breaker


async def test_the_breaker_opens_after_failures_and_closes_after_recovery(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    clock = Clock()
    upstream.answer = flaky = Flaky(500, 500, 500)
    gateway = await open_gateway(proxy(upstream.url, breaker="{failures: 2, seconds: 60}"), clock=clock)
    for _ in range(2):
        assert "Status Code: 500" in (await relay(gateway))["message"]
    envelope = await relay(gateway)
    assert (envelope["code"], flaky.asked) == (1306201, 2)
    assert "too many requests in a row have failed, the next one is tried in 60 seconds" in envelope["message"]
    clock.advance(60)
    assert "Status Code: 500" in (await relay(gateway))["message"]  # the probe fails
    assert "too many requests" in (await relay(gateway))["message"]
    clock.advance(60)
    for _ in range(3):
        assert (await relay(gateway))["result"]
    assert flaky.asked == 6


async def test_a_request_that_the_upstream_does_not_like_is_no_failure(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    upstream.answer = flaky = Flaky(404, 400, 422, 403)
    gateway = await open_gateway(proxy(upstream.url, breaker="{failures: 1, seconds: 60}"), clock=Clock())
    for _ in range(4):
        assert (await relay(gateway))["code"] == 1306201
    assert (await relay(gateway))["result"]
    assert flaky.asked == 5


async def test_a_raw_answer_that_tells_of_illness_is_a_failure(open_gateway: OpenGateway, upstream: Recorder) -> None:
    upstream.answer = Flaky(500)
    gateway = await open_gateway(
        proxy(upstream.url, response="raw", breaker="{failures: 1, seconds: 60}"), clock=Clock()
    )
    response = await gateway.post(
        {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "a"}, "demo/relay"
    )
    assert response.status == 500
    assert (await relay(gateway))["code"] == 1306201


@pytest.mark.parametrize("status", [600, 700])
async def test_a_status_that_there_is_not_is_no_answer(
    open_gateway: OpenGateway, upstream: Recorder, status: int
) -> None:
    gateway = await open_gateway(proxy(upstream.url, response="raw"))
    upstream.status = status
    assert (await relay(gateway))["code"] == 1306201
    upstream.status = 599
    assert (await gateway.post({**DEMO, "bk_username": "a"}, "demo/relay")).status == 599


async def test_a_raw_answer_that_tells_of_the_request_is_none(open_gateway: OpenGateway, upstream: Recorder) -> None:
    upstream.status = 499
    config = proxy(upstream.url, response="raw", breaker="{failures: 1, seconds: 60}")
    gateway = await open_gateway(config, clock=Clock())
    answers = [await gateway.post({**DEMO, "bk_username": "a"}, "demo/relay") for _ in range(2)]
    assert [answer.status for answer in answers] == [499, 499]


async def test_a_failure_that_says_when_to_come_again_is_told_so(open_gateway: OpenGateway, upstream: Recorder) -> None:
    async def closed(request: web.Request) -> web.Response:
        return web.Response(status=503, text="closed", headers={"Retry-After": "7"})

    upstream.answer = closed
    envelope = await relay(await open_gateway(proxy(upstream.url)))
    assert (envelope["code"], envelope["data"]["retry_after"]) == (1306201, 7)


# The bound


async def test_more_calls_than_allowed_are_turned_away_at_once(open_gateway: OpenGateway, upstream: Recorder) -> None:
    go_on, arrived = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        arrived.set()
        await go_on.wait()
        return web.json_response({"result": True})

    upstream.answer = wait
    gateway = await open_gateway(proxy(upstream.url, max_concurrency=1))
    first = asyncio.create_task(relay(gateway))
    await arrived.wait()
    envelope = await relay(gateway)
    assert (envelope["code"], envelope["data"]) == (1306429, {"retry_after": 1.0})
    go_on.set()
    assert (await first)["result"]
    assert (await relay(gateway))["result"]


# Addresses out of reach


def resolving(*addresses: str) -> Any:
    """Every name but localhost leads here, as far as aiohttp's resolver is asked."""
    hosts = [
        {"hostname": "name", "host": address, "port": 80, "family": socket.AF_INET, "proto": 0, "flags": 0}
        for address in addresses
    ]

    async def resolve(self: Any, host: str, port: int = 0, family: Any = None) -> list[dict[str, Any]]:
        return [{**each, "port": port} for each in hosts]

    return patch("aiohttp.ThreadedResolver.resolve", resolve)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"])
async def test_a_name_that_leads_to_a_refused_address_is_not_followed(open_gateway: OpenGateway, address: str) -> None:
    gateway = await open_gateway(proxy("http://metadata.example"))
    with resolving(address):
        envelope = await relay(gateway)
    assert envelope["code"] == 1306201
    assert REFUSED in envelope["message"]


async def test_what_a_name_is_checked_for_is_what_is_connected_to(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    port = upstream.url.rpartition(":")[2]
    gateway = await open_gateway(proxy(f"http://rebound.example:{port}"))
    with resolving("169.254.169.254", "127.0.0.1"):
        assert (await relay(gateway))["result"]
    with resolving("169.254.169.254"):  # another answer later: the first one is still remembered
        assert (await relay(gateway))["result"]
    assert len(upstream.seen) == 2


async def test_who_is_allowed_goes_anywhere_and_shares_no_connection(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    port = upstream.url.rpartition(":")[2]
    free = proxy(f"http://inner.example:{port}", allow_link_local="true").replace("relay", "free")
    gateway = await open_gateway(free + proxy(f"http://inner.example:{port}"))
    with resolving("127.0.0.1"):
        assert (await gateway.call("demo/free"))["result"]
    with resolving("169.254.169.254"):
        assert REFUSED in (await relay(gateway))["message"]


async def test_a_redirect_is_not_followed(open_gateway: OpenGateway, upstream: Recorder) -> None:
    async def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/"})

    upstream.answer = away
    gateway = await open_gateway(proxy(upstream.url))
    assert "Status Code: 302" in (await relay(gateway))["message"]
