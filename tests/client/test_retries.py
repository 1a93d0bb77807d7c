"""The typed client tries again: what may be tried, for whom, and under which key. No message is sent twice."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientSession, web

from esb.client import EsbError, Limited, NoAnswer
from tests.support.called import OpenClient
from tests.support.configuration import MESSAGE, OPENID
from tests.support.gateway import OpenServer
from tests.support.send_weixin import seed
from tests.support.world import World

SEND, SEND_MP = "cmsi/send_weixin", "cmsi/send_mp_weixin"
OTHER = "o" + 27 * "B"
TO_ZHANGSAN = {"receiver": "zhangsan", "data": MESSAGE}
BUSY = {"errcode": 45033}
"""Too many calls at once: of WeCom."""
BUSY_THERE = {"errcode": 43108}
"""Another message to the same receiver is under way: of official accounts."""
GATEWAY_TRIES = 3
"""Tries that the gateway makes by itself."""


async def receivers(world: World) -> list[str]:
    """Return to whom messages went, in order."""
    return [name for message in await world.inbox() for name in message["delivered"]]


async def test_what_was_busy_is_sent_when_it_is_no_longer(world: World, open_client: OpenClient) -> None:
    await world.fault("qy", BUSY, times=GATEWAY_TRIES)
    client = open_client(world.gateway.url)

    answer = await client.send(SEND, TO_ZHANGSAN)

    assert answer.accepted == ("zhangsan",)
    assert await receivers(world) == ["zhangsan"]
    assert 0 < client.pauses[0] <= 0.5


async def test_a_message_without_receivers_of_its_own_is_tried_again_too(world: World, open_client: OpenClient) -> None:
    await world.fault("robot", BUSY, times=GATEWAY_TRIES)

    answer = await open_client(world.gateway.url).send("cmsi/send_wecom_robot", {"content": "C"})

    assert len(answer.accepted) == 1
    assert len(await world.inbox()) == 1


async def test_a_quota_is_waited_for_as_long_as_the_gateway_says(world: World, open_client: OpenClient) -> None:
    await world.fault("qy", {"errcode": 45009, "errmsg": "api freq out of limit"})
    client = open_client(world.gateway.url, world.clock.pass_by, timeout=600)

    answer = await client.send(SEND, TO_ZHANGSAN)

    assert answer.accepted == ("zhangsan",)
    assert client.pauses[0] == 60
    assert await receivers(world) == ["zhangsan"]


async def test_nothing_is_waited_for_beyond_the_time_of_the_call(world: World, open_client: OpenClient) -> None:
    await world.fault("qy", {"errcode": 45009, "errmsg": "api freq out of limit"})
    client = open_client(world.gateway.url)

    with pytest.raises(Limited) as failed:
        await client.send(SEND, TO_ZHANGSAN, timeout=50)

    assert (failed.value.retry_after, failed.value.retryable, client.pauses) == (60, True, [])
    assert failed.value.answer is not None
    assert failed.value.answer.failed[0].retry_after == 60


async def test_only_those_who_were_not_reached_get_it_again(world: World, open_client: OpenClient) -> None:
    await world.sandbox.post("seed", seed(openids=[OPENID, OTHER]))
    await world.fault("mp", BUSY_THERE, times=GATEWAY_TRIES, match={"touser": OTHER})
    client = open_client(world.gateway.url)

    answer = await client.send(SEND_MP, {"receiver": [OPENID, OTHER], "data": MESSAGE})

    assert sorted(answer.accepted) == [OPENID, OTHER]
    assert (answer.failed, len(answer.msgids)) == ((), 2)
    assert sorted(await receivers(world)) == [OPENID, OTHER]


async def test_whoever_repeats_a_call_that_was_tried_again_sends_nothing(world: World, open_client: OpenClient) -> None:
    await world.sandbox.post("seed", seed(openids=[OPENID, OTHER]))
    await world.fault("mp", BUSY_THERE, times=GATEWAY_TRIES, match={"touser": OTHER})
    params = {"receiver": [OPENID, OTHER], "data": MESSAGE}

    first = await open_client(world.gateway.url).send(SEND_MP, params, idempotency_key="k" * 300)
    second = await open_client(world.gateway.url).send(SEND_MP, params, idempotency_key="k" * 300)

    assert sorted(first.accepted) == sorted(second.accepted) == [OPENID, OTHER]
    assert second.replayed
    assert sorted(await receivers(world)) == [OPENID, OTHER]


async def test_a_failure_beside_one_that_was_mended_is_told(world: World, open_client: OpenClient) -> None:
    await world.sandbox.post("seed", seed(openids=[OPENID, OTHER]))
    await world.fault("mp", BUSY_THERE, times=GATEWAY_TRIES, match={"touser": OTHER})
    client = open_client(world.gateway.url)

    with pytest.raises(EsbError) as failed:
        await client.send(SEND_MP, {"receiver": [OPENID, "nobody", OTHER], "data": MESSAGE})

    answer = failed.value.answer
    assert answer is not None
    assert sorted(answer.accepted) == [OPENID, OTHER]
    assert [missed.receiver for missed in answer.failed] == ["nobody"]
    assert sorted(await receivers(world)) == [OPENID, OTHER]


async def test_what_stays_busy_is_told_after_the_last_attempt(world: World, open_client: OpenClient) -> None:
    await world.fault("qy", BUSY, times=0)
    client = open_client(world.gateway.url, retries=2)

    with pytest.raises(EsbError) as failed:
        await client.send(SEND, TO_ZHANGSAN)

    assert failed.value.answer is not None
    assert [(missed.receiver, missed.kind) for missed in failed.value.answer.failed] == [("zhangsan", "busy")]
    assert failed.value.retryable
    assert await receivers(world) == []


async def test_what_may_have_arrived_is_not_sent_again(world: World, open_client: OpenClient) -> None:
    await world.fault("robot", {"close": True}, when="after")
    client = open_client(world.gateway.url)

    with pytest.raises(EsbError) as failed:
        await client.send("cmsi/send_wecom_robot", {"content": "C"})

    assert failed.value.answer is not None
    assert failed.value.answer.unknown
    assert not failed.value.retryable
    assert (client.pauses, await world.sends("robot")) == ([], 1)


class Losing:
    """A way to the gateway on which some answers get lost: those of these numbers, counted from 1."""

    def __init__(self, url: str, http: ClientSession) -> None:
        self._url, self._http = url, http
        self.lost = {1}
        self.keys: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Idempotency-Key"))
        async with self._http.post(
            self._url + request.path, data=await request.read(), headers=request.headers
        ) as response:
            body = await response.read()
        if len(self.keys) in self.lost:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=body, status=response.status)


@pytest.fixture
async def losing(world: World, open_server: OpenServer) -> tuple[Losing, str]:
    way = Losing(world.gateway.url, world.gateway.http)
    app = web.Application()
    app.router.add_post("/{path:.*}", way.answer)
    return way, await open_server(app)


async def test_a_lost_answer_is_asked_for_under_the_same_key(
    losing: tuple[Losing, str], world: World, open_client: OpenClient
) -> None:
    way, url = losing

    answer = await open_client(url).send(SEND, TO_ZHANGSAN)

    assert (answer.accepted, answer.replayed) == (("zhangsan",), True)
    assert (len(way.keys), len({*way.keys}), None in way.keys) == (2, 1, False)
    assert await receivers(world) == ["zhangsan"]


async def test_what_a_later_round_did_is_unknown_where_its_answers_get_lost(
    losing: tuple[Losing, str], world: World, open_client: OpenClient
) -> None:
    way, url = losing
    way.lost = {2, 3, 4}
    await world.sandbox.post("seed", seed(openids=[OPENID, OTHER]))
    await world.fault("mp", BUSY_THERE, times=GATEWAY_TRIES, match={"touser": OTHER})

    with pytest.raises(NoAnswer) as failed:
        await open_client(url).send(SEND_MP, {"receiver": [OPENID, OTHER], "data": MESSAGE})

    answer = failed.value.answer
    assert answer is not None
    assert (answer.accepted, answer.failed, answer.unknown) == ((OPENID,), (), (OTHER,))
    assert sorted(await receivers(world)) == [OPENID, OTHER]


async def test_without_a_key_a_lost_answer_stays_lost(
    losing: tuple[Losing, str], world: World, open_client: OpenClient
) -> None:
    way, url = losing
    client = open_client(url)

    with pytest.raises(NoAnswer, match="no answer: ") as failed:
        await client.call(SEND, TO_ZHANGSAN)

    assert (failed.value.sent, way.keys, client.pauses) == (True, [None], [])
    assert await receivers(world) == ["zhangsan"]


async def test_a_gateway_that_is_not_there_is_tried_again(open_client: OpenClient, unused_tcp_port: int) -> None:
    client = open_client(f"http://127.0.0.1:{unused_tcp_port}", retries=3)

    with pytest.raises(NoAnswer, match="no connection: ") as failed:
        await client.call("cmsi/get_msg_type")

    assert not failed.value.sent
    assert len(client.pauses) == 3
    assert 0.25 <= client.pauses[0] <= 0.5 <= client.pauses[1] <= 1 <= client.pauses[2] <= 2


@pytest.mark.parametrize("late", ["head", "body"])
async def test_an_answer_that_comes_too_slowly_is_none(
    open_server: OpenServer, open_client: OpenClient, late: str
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if late == "body":
            await response.prepare(request)
            await response.write(b"{")
        await asyncio.Event().wait()  # until the client has gone, which cancels this handler
        return response

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)

    with pytest.raises(NoAnswer, match="timed out") as failed:
        await open_client(await open_server(app), attempt_timeout=0.1).call("a/b")

    assert failed.value.sent


async def test_while_the_gateway_is_not_ready_the_call_waits(open_server: OpenServer, open_client: OpenClient) -> None:
    answers: list[dict[str, Any]] = [
        {"result": False, "code": 1306000, "message": "The gateway is shutting down", "data": None},
        {"result": True, "code": 0, "message": "OK", "data": 7},
    ]

    async def answer(request: web.Request) -> web.Response:
        envelope = answers.pop(0)
        return web.json_response(envelope, status=200 if envelope["result"] else 503)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    client = open_client(await open_server(app))

    assert (await client.call("a/b")).data == 7
    assert len(client.pauses) == 1
