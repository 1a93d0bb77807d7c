"""Situations 1 to 14: tokens that are shared, expire, are replaced by others, and never work."""

import asyncio
from typing import Any

import pytest

from tests.support.loop_time import late, movable_loop_time
from tests.support.send_weixin import seed
from tests.support.world import APPID, PATHS, OpenWorld, World, reached


async def test_situation_01_an_official_account_sends_to_one_openid(world: World) -> None:
    answer = await world.send("mp", data={"heading": "告警", "message": "磁盘 90%", "date": "D"})

    (message,) = await world.inbox()
    assert (answer["result"], answer["data"]["msgids"]) == (True, [str(message["reply"]["msgid"])])
    assert message["body"]["data"]["first"] == {"value": "告警"}


async def test_situation_02_wecom_sends_one_message_to_three_members(world: World) -> None:
    answer = await world.send("qy", receiver="zhangsan,lisi,wangwu")

    (message,) = await world.inbox()
    assert (message["body"]["touser"], len(message["delivered"])) == ("zhangsan|lisi|wangwu", 3)
    assert reached(answer) == (["zhangsan", "lisi", "wangwu"], [], [])


async def test_situation_03_a_hundred_cold_sends_fetch_one_token(world: World, platform: str) -> None:
    with movable_loop_time():
        answers = await asyncio.gather(*(world.send(platform) for _ in range(100)))

    assert all(answer["result"] for answer in answers)
    assert await world.fetches(platform) == 1
    assert len(await world.inbox()) == 100


async def test_situation_05_a_token_that_expired_while_idle_is_fetched_anew(world: World, platform: str) -> None:
    await world.send(platform)
    await world.clock.pass_by(7300)

    assert (await world.send(platform))["result"] is True
    assert (await world.fetches(platform), await world.sends(platform)) == (2, 2)


async def test_situation_06_a_token_expires_under_200_sends(open_world: OpenWorld, platform: str) -> None:
    world = await open_world(timeout=300)
    await world.send(platform)
    await world.fault(platform, {"latency_ms": 200_000}, times=200)
    sending = asyncio.gather(*(world.send(platform) for _ in range(200)))

    async def expired() -> None:
        await world.sandbox.has_been_called(PATHS[platform][1], 201)
        await world.sandbox.post("tokens/expire")

    answers = await late(200, sending, expired())

    assert all(answer["result"] for answer in answers)
    assert await world.fetches(platform) == 2
    assert len(await world.inbox()) == 201


@pytest.mark.parametrize("times", [1, 3])
async def test_situation_07_somebody_else_fetched_a_token_of_the_account(world: World, times: int) -> None:
    await world.send("mp")
    for number in range(1, times + 1):
        await world.clock.pass_by(60)
        await world.sandbox.post("tokens/rotate", {"app": APPID})
        assert (await world.send("mp"))["result"] is True
        assert (await world.fetches("mp"), await world.sends("mp")) == (1 + number, 1 + 2 * number)


async def test_situation_08_wecom_ends_a_token_early(world: World) -> None:
    await world.send()
    await world.sandbox.post("tokens/expire")

    assert (await world.send())["result"] is True
    assert (await world.fetches(), await world.sends()) == (2, 3)


@pytest.mark.parametrize("errcode", [40014, 42001])
async def test_situation_09_a_token_that_never_works_costs_two_sends_and_one_more_fetch(
    world: World, platform: str, errcode: int
) -> None:
    await world.fault(platform, {"errcode": errcode}, times=0)
    answer = await world.send(platform)

    assert (await world.fetches(platform), await world.sends(platform)) == (2, 2)
    assert (answer["result"], answer["data"]["class"], answer["data"]["errcode"]) == (False, "token", errcode)
    assert await world.inbox() == []


async def test_situation_09_a_storm_of_calls_with_a_token_that_never_works_is_no_storm_of_fetches(
    world: World, platform: str
) -> None:
    await world.fault(platform, {"errcode": 40014}, times=0)
    with movable_loop_time():  # on a busy machine no attempt may end for want of time: it would be counted twice
        for _ in range(5):
            await asyncio.gather(*(world.send(platform) for _ in range(20)))
    assert await world.fetches(platform) == 2
    assert await world.sends(platform) <= 100 + 20  # the first ones twice, the others once

    await world.clock.pass_by(31)
    await asyncio.gather(*(world.send(platform) for _ in range(20)))
    assert await world.fetches(platform) == 3


async def test_situation_09_once_the_token_works_again_so_does_the_gateway(world: World, platform: str) -> None:
    await world.fault(platform, {"errcode": 40014}, times=4)
    for _ in range(3):
        await world.send(platform)

    assert (await world.send(platform))["result"] is True


async def test_situation_10_fifty_sends_that_fail_with_the_same_token_fetch_one(world: World, platform: str) -> None:
    await world.send(platform)
    await world.sandbox.post("tokens/expire")
    with movable_loop_time():
        answers = await asyncio.gather(*(world.send(platform) for _ in range(50)))

    assert all(answer["result"] for answer in answers)
    assert await world.fetches(platform) == 2
    assert await world.sends(platform) <= 101
    assert len(await world.inbox()) == 51


async def test_situation_11_a_late_failure_does_not_throw_the_fresh_token_away(world: World, platform: str) -> None:
    await world.send(platform)
    await world.fault(platform, {"latency_ms": 20_000, "errcode": 40014})

    async def replaced() -> None:
        await world.sandbox.has_been_called(PATHS[platform][1], 2)
        await world.sandbox.post("tokens/rotate")
        assert (await world.send(platform))["result"] is True
        assert await world.fetches(platform) == 2

    assert (await late(20, world.send(platform), replaced()))["result"] is True
    assert await world.fetches(platform) == 2


async def test_situation_12_a_new_token_that_is_refused_for_half_a_second(world: World) -> None:
    await world.sandbox.post("seed", seed(knobs={"mp.new_token_lag_ms": 500}))
    answer = await world.send("mp")

    assert answer["result"] is True
    assert (await world.fetches("mp"), await world.sends("mp")) == (1, 2)
    assert len(await world.inbox()) == 1


async def test_situation_13_in_the_last_minutes_of_a_token_wecom_returns_the_same(world: World) -> None:
    await world.send()
    await world.clock.pass_by(7000)
    for _ in range(20):
        assert (await world.send())["result"] is True

    assert await world.fetches() == 2
    await world.clock.pass_by(201)
    assert (await world.send())["result"] is True
    assert await world.fetches() == 3


@pytest.mark.parametrize("answers", [[345, 301], [1, 1, 1], [301, 300, 10]])
async def test_situation_14_a_token_with_little_left_makes_no_spin(world: World, answers: list[int]) -> None:
    await world.send("mp")
    token = {"access_token": "t", "expires_in": 0}
    await world.clock.pass_by(7300)
    await world.fault("mp", {"body": '{"errcode":0,"errmsg":"ok","msgid":1}'}, times=0)
    for seconds in answers:
        body = str({**token, "expires_in": seconds}).replace("'", '"')
        await world.fault("mp", {"body": body}, fetching=True)
    before = await world.fetches("mp")
    for _ in range(10):
        assert (await world.send("mp"))["result"] is True

    assert await world.fetches("mp") - before <= len(answers)


@pytest.mark.parametrize("expires_in", [0, -1, "0", "soon", "nan", [7200]])
async def test_situation_14_a_token_without_life_is_no_token(world: World, platform: str, expires_in: Any) -> None:
    body = {"errcode": 0, "access_token": "t", "expires_in": expires_in}
    text = str(body).replace("'", '"').replace("None", "null")
    await world.fault(platform, {"body": text}, times=0, fetching=True)
    answer = await world.send(platform)

    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert (await world.fetches(platform), await world.sends(platform)) == (1, 0)
