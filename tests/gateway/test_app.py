"""The life of an app: the order in which its parts are opened and closed, and its draining."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from esb.config import load
from esb.core.errors import ConfigError
from esb.core.events import CallFinished, Event
from esb.gateway.app import GATEWAY, create_app
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.wire import envelope_of, until

RELAY = "/api/c/compapi/test/relay/"


def config(folder: Path, text: str = "components: []") -> Path:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{text}\n")
    return path


def test_building_opens_nothing(tmp_path: Path) -> None:
    app = create_app(load(config(tmp_path), {}))
    assert not app[GATEWAY].http.is_open
    assert not app[GATEWAY].ingress.ready


def test_all_mistakes_are_raised_and_nothing_is_left_open(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        create_app(load(config(tmp_path, "server: {port: -1}\nmiddlewares: [{use: nobody}]\ncomponents: []"), {}))
    assert [mistake.key for mistake in caught.value.mistakes] == ["server.port", "middlewares[0].use"]


async def test_a_gateway_answers_from_its_start_to_its_end(tmp_path: Path) -> None:
    app = create_app(load(config(tmp_path), {}))
    gateway = app[GATEWAY]
    async with TestClient(TestServer(app)) as client:
        assert gateway.ingress.ready
        assert gateway.http.is_open
        response = await client.get("/api/c/healthz/")
        assert response.status == 200
    assert not app[GATEWAY].ingress.ready
    assert not gateway.http.is_open


async def test_what_was_opened_first_is_closed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(load(config(tmp_path), {}))
    gateway = app[GATEWAY]
    closed: list[str] = []
    for name in ("generation", "tokens", "store", "http"):
        part = getattr(gateway, name)

        async def close(name: str = name, close: object = part.close) -> None:
            closed.append(name)
            await close()  # type: ignore[operator]  # the part's own

        monkeypatch.setattr(part, "close", close)
    async with TestClient(TestServer(app)):
        assert closed == []
    assert closed[0] == "generation"
    assert closed[-1] == "http"
    assert set(closed) == {"generation", "tokens", "store", "http"}


async def test_as_many_gateways_as_one_likes_live_side_by_side(open_gateway: OpenGateway) -> None:
    one = await open_gateway('  - {path: /test/one/, use: "tests.support.components:Echo"}\n', more="middlewares: []\n")
    two = await open_gateway('  - {path: /test/two/, use: "tests.support.components:Echo"}\n', more="middlewares: []\n")
    for gateway, found, missing in ((one, "one", "two"), (two, "two", "one")):
        assert (await gateway.request("GET", f"/api/c/compapi/test/{found}/")).status == 200
        assert (await gateway.request("GET", f"/api/c/compapi/test/{missing}/")).status == 404


async def test_listeners_and_clock_are_those_it_was_given(tmp_path: Path) -> None:
    events: list[Event] = []
    clock = Clock()
    app = create_app(load(config(tmp_path), {}), listeners=[events.append], clock=clock)
    async with TestClient(TestServer(app)) as client:
        await client.get("/nowhere")
    assert [type(event) for event in events] == [CallFinished]


# Draining


@pytest.fixture
async def upstream(open_server: OpenServer) -> tuple[str, asyncio.Event]:
    """An upstream that answers when the event is set."""
    go_on = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await go_on.wait()
        return web.json_response({"went": "on"})

    app = web.Application()
    app.router.add_get("/", wait)
    return await open_server(app), go_on


@pytest.fixture
async def relay(open_gateway: OpenGateway, upstream: tuple[str, asyncio.Event]) -> Gateway:
    stanza = f'  - {{path: /test/relay/, use: "tests.support.components:Relay", config: {{url: "{upstream[0]}/"}}}}\n'
    return await open_gateway(stanza, more="middlewares: []\n")


async def in_flight(gateway: Gateway, number: int) -> list[asyncio.Task[str]]:
    """So many calls that wait for the upstream. POST: aiohttp's client repeats a GET that is cut."""

    async def call() -> str:
        async with ClientSession() as session, session.post(gateway.url + RELAY) as response:
            return str((await envelope_of(response))["data"])

    calls = [asyncio.create_task(call()) for _ in range(number)]
    await until(lambda: len(gateway.app[GATEWAY].ingress.in_flight) == number)
    return calls


async def test_a_gateway_without_calls_drains_at_once(relay: Gateway) -> None:
    await relay.app[GATEWAY].drain(3600)
    assert (await relay.request("GET", RELAY)).status == 503
    assert (await relay.request("GET", "/api/c/healthz/")).status == 503


async def test_calls_in_flight_finish_within_the_grace(relay: Gateway, upstream: tuple[str, asyncio.Event]) -> None:
    calls = await in_flight(relay, 5)
    drained = asyncio.create_task(relay.app[GATEWAY].drain(3600))
    await until(lambda: relay.app[GATEWAY].ingress.draining)
    assert not drained.done()
    upstream[1].set()
    assert await asyncio.gather(*calls) == ["{'went': 'on'}"] * 5
    await drained
    assert not relay.app[GATEWAY].ingress.in_flight


async def test_calls_that_take_longer_than_the_grace_are_cut(relay: Gateway) -> None:
    calls = await in_flight(relay, 3)
    await relay.app[GATEWAY].drain(0.01)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, ClientConnectionError) for result in results), results
    await until(lambda: not relay.app[GATEWAY].ingress.in_flight)
    cut = [event for event in relay.events if isinstance(event, CallFinished)]
    assert [event.status for event in cut] == [0, 0, 0]


async def test_a_call_that_came_while_draining_does_not_prolong_it(
    relay: Gateway, upstream: tuple[str, asyncio.Event]
) -> None:
    calls = await in_flight(relay, 1)
    drained = asyncio.create_task(relay.app[GATEWAY].drain(3600))
    await until(lambda: relay.app[GATEWAY].ingress.draining)
    refused = await asyncio.gather(*(relay.request("GET", RELAY) for _ in range(10)))
    assert [response.status for response in refused] == [503] * 10
    upstream[1].set()
    await asyncio.gather(drained, *calls)
