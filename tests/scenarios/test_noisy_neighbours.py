"""One app, or a stranger, takes all that it can get of each thing that all share; the others notice nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.support.clock import Clock
from tests.support.configuration import MESSAGE, SEND_WEIXIN, WECOM
from tests.support.gateway import OpenGateway, OpenServer, Sandbox
from tests.support.identity import SECRET, WHO, all_inside, claims, fetch, with_signature
from tests.support.loop_time import movable_loop_time, turns
from tests.support.send_weixin import seed
from tests.support.servers.recorder import Recorder, proxy, recording
from tests.support.wire import connection, until

APPS = ("flood", "honest", "third")
FLOOD, HONEST, THIRD = ({"bk_app_code": app, "bk_app_secret": SECRET, "bk_username": "admin"} for app in APPS)
RELAY = "demo/relay"
RELAY_PATH = f"/api/c/compapi/{RELAY}/"
BUSY = 1306429


def configuration(components: str, *, store: str = "{use: memory}", more: str = "") -> str:
    apps = "".join(f"        - {{code: {app}, secrets: [{SECRET}], impersonate: ['*']}}\n" for app in APPS)
    return (
        f"version: 1\n{more}services:\n  store: {store}\n  apps:\n    use: static\n    config:\n      apps:\n{apps}"
        f"components:\n{components}"
    )


def by_header(who: dict[str, str], **headers: str) -> dict[str, str]:
    return {"X-Bkapi-Authorization": json.dumps(who), **headers}


class Held(Recorder):
    """An upstream that keeps its callers waiting until `go_on` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.inside = 0
        self.most = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.go_on.wait()
            return await super().handle(request)
        finally:
            self.inside -= 1


@pytest.fixture
async def held(open_server: OpenServer) -> Held:
    upstream = Held()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    upstream.url = await open_server(app)
    return upstream


async def test_nonces(open_gateway: OpenGateway, clock: Clock) -> None:
    """An app signs wildly: it fills its own share, and a replay is still one."""
    who = '  - {path: /who/is/, methods: [GET], use: "tests.support.identity:Who"}\n'
    gateway = await open_gateway(config=configuration(who, store="{use: memory, config: {max_keys: 60}}"), clock=clock)

    async def signed(app: str, nonce: int) -> int:
        query = with_signature(claims(clock, bk_app_code=app, bk_nonce=str(nonce)))
        return int((await fetch(gateway, "GET", WHO, query))["code"])

    assert [await signed("flood", nonce) for nonce in range(1, 41)] == [0] * 30 + [BUSY] * 10
    assert [await signed("honest", nonce) for nonce in range(1, 11)] == [0] * 10
    assert await signed("flood", 1) == 1306000
    assert await signed("honest", 1) == 1306000


@pytest.mark.parametrize("bound", ["server: {max_per_target: 4}\n", ""])
async def test_turns_at_a_full_upstream(open_gateway: OpenGateway, held: Held, bound: str) -> None:
    """An app fills an upstream with calls that all bear one request id; fifty calls of two others are all answered."""
    config: dict[str, Any] = {} if bound else {"max_concurrency": 4}
    gateway = await open_gateway(config=configuration(proxy(held.url, **config), more=bound))

    async def call(who: dict[str, str], request_id: str) -> int:
        response = await gateway.post(dict(who), RELAY, {"X-Bkapi-Request-Id": request_id})
        return int((await response.json())["code"])

    flood = [asyncio.create_task(call(FLOOD, "f" * 32)) for _ in range(40)]
    await until(lambda: sum(task.done() for task in flood) == 36)
    honest = [asyncio.create_task(call(who, f"{number:032x}")) for who in (HONEST, THIRD) for number in range(25)]
    await all_inside(gateway, 54)
    held.go_on.set()

    assert await asyncio.gather(*honest) == [0] * 50
    assert sorted(await asyncio.gather(*flood)) == [0] * 4 + [BUSY] * 36
    assert held.most == 4


async def test_the_breaker_by_uploads(open_gateway: OpenGateway, held: Held) -> None:
    """An app uploads slowly, or breaks its uploads off: no failure of the upstream."""
    config = {"response": "raw", "timeout": "{operate: 5}", "breaker": "{failures: 1, seconds: 600}"}
    stanza = proxy(held.url, stanza="methods: [PUT, GET], ", **config)
    gateway = await open_gateway(config=configuration(stanza), clock=Clock())
    begun = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"half"
        begun.set()
        await asyncio.Event().wait()

    head = f"PUT {RELAY_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nX-Bkapi-Authorization: {json.dumps(FLOOD)}"
    async with connection(gateway.url) as (_, writer):
        writer.write(f"{head}\r\n\r\nhalf".encode())
        await until(lambda: held.inside == 1)
    await until(lambda: held.inside == 0)
    slow = asyncio.create_task(gateway.request("PUT", RELAY_PATH, data=slowly(), headers=by_header(FLOOD)))
    await begun.wait()
    await until(lambda: held.inside == 1)
    with movable_loop_time() as advance:
        advance(6)
        response = await slow
        assert (await response.json())["code"] == 1306201
    held.go_on.set()

    for who in (HONEST, FLOOD):
        response = await gateway.request("GET", RELAY_PATH, headers=by_header(who))
        assert (await response.json())["message"] == "fine"


async def test_the_breaker_by_requests_that_an_upstream_cannot_bear(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    """An app asks what makes the upstream fail: it shuts out itself."""
    upstream = await recording(open_server)
    stanza = proxy(upstream.url, breaker="{failures: 2, seconds: 600}")
    gateway = await open_gateway(config=configuration(stanza), clock=Clock())
    upstream.status = 500
    for _ in range(5):
        assert (await gateway.call(RELAY, auth=FLOOD))["code"] == 1306201
    upstream.status = 200

    assert (await gateway.call(RELAY, auth=HONEST))["result"]
    assert "in a row" in (await gateway.call(RELAY, auth=FLOOD))["message"]
    assert len(upstream.seen) == 3


async def test_wrong_secrets_of_a_corporation(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    """An app sends wrong secrets of a corporation: the right ones of others still fetch their tokens."""
    await sandbox.post("seed", seed())
    gateway = await open_gateway(config=configuration(WECOM), sandbox_url=sandbox.url)

    async def send(who: dict[str, str], secret: str) -> dict[str, Any]:
        params = {"wx_qy_agentid": 1000003, "wx_qy_corpsecret": secret, "receiver": "zhangsan", "data": MESSAGE}
        return await gateway.call(SEND_WEIXIN, auth=who, **params)

    codes = [(await send(FLOOD, f"wrong {number}"))["code"] for number in range(20)]
    assert codes.count(BUSY) == 10
    assert (await send(HONEST, "second-secret"))["result"]
    assert (await gateway.call(SEND_WEIXIN, auth=HONEST, receiver="lisi", data=MESSAGE))["result"]


async def test_failed_authentications(open_gateway: OpenGateway) -> None:
    """A stranger guesses an app's secret: from elsewhere, and with the right one from there too, the app is let in."""
    who = '  - {path: /who/is/, methods: [GET], use: "tests.support.identity:Who"}\n'
    gateway = await open_gateway(config=configuration(who))

    async def ask(secret: str) -> int:
        headers = by_header({**HONEST, "bk_app_secret": secret})
        return int((await fetch(gateway, "GET", WHO, {}, headers=headers))["code"])

    codes = [await ask(f"guess {number}") for number in range(310)]
    assert codes == [1306000] * 300 + [BUSY] * 10
    assert await ask(SECRET) == 0
    assert await ask("guess again") == BUSY


async def test_answers_of_idempotency_keys(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    """An app sends with ever new keys: its answers say that they are not kept, and nobody's answer is forgotten."""
    store = "{use: memory, config: {max_keys: 20}}"
    gateway = await open_gateway(config=configuration(WECOM, store=store), sandbox_url=sandbox.url)

    async def send(who: dict[str, str], key: str) -> tuple[bool, bool]:
        body = {**who, "receiver": "zhangsan", "data": MESSAGE}
        response = await gateway.post(body, SEND_WEIXIN, {"Idempotency-Key": key})
        data = (await response.json())["data"]
        (warning,) = data["warnings"]
        assert warning["field"] == "Idempotency-Key"
        return "replayed" in data, "as many keys as there is room for" in warning["what"]

    assert await send(HONEST, "k") == (False, False)
    told = [await send(FLOOD, str(number)) for number in range(50)]
    kept = told.index((False, True))
    assert kept > 0
    assert told == [(False, False)] * kept + [(False, True)] * (50 - kept)
    assert await send(HONEST, "k") == (True, False)
    assert await send(HONEST, "another") == (False, False)
    assert await send(FLOOD, "0") == (True, False)
    assert await send(FLOOD, "49") == (False, True)
    await turns()
    assert await sandbox.calls("/cgi-bin/gettoken") == 1  # nor was the token driven out
