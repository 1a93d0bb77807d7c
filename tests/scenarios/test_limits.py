"""Situations 41 to 44: quotas that WeChat tells, and those that it does not."""

import asyncio
from typing import Any

import pytest

from esb.core.events import GateClosed
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from tests.support.send_weixin import OPENIDS, seed
from tests.support.world import PLATFORMS, OpenWorld, World, reached

ALL = (*PLATFORMS, "robot")


@pytest.mark.parametrize("platform", ALL)
async def test_situation_41_a_used_up_quota_is_not_asked_about_again(world: World, platform: str) -> None:
    await world.fault(platform, {"errcode": 45009}, times=0)
    first = await world.send(platform)
    later = [await world.send(platform) for _ in range(3)]

    assert await world.sends(platform) == 1
    for answer in (first, *later):
        data = answer["data"]
        assert (answer["code"], data["errcode"], data["class"], data["retryable"]) == (1306429, 45009, "quota", True)
        assert 0 < data["retry_after"] <= (86400 if platform == "mp" else 60)
        assert data["failed"][0]["retry_after"] > 0
    assert [type(event) for event in world.gateway.events if isinstance(event, GateClosed)] == [GateClosed]


async def test_situation_41_is_told_though_the_store_is_away(
    world: World, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: Any, **options: Any) -> None:
        raise StoreAway("store", "put", "it is away")

    await world.send(platform)
    await world.fault(platform, {"errcode": 45009}, times=0)
    monkeypatch.setattr(MemoryStore, "put", away)
    data = (await world.send(platform))["data"]
    assert (data["errcode"], data["class"], data["unknown"]) == (45009, "quota", [])


async def test_situation_41_other_credentials_go_on(world: World) -> None:
    await world.sandbox.post("seed", seed())
    await world.fault("qy", {"errcode": 45009}, match={"app": "ww0000000000000001/1000002"}, times=0)
    assert (await world.send())["code"] == 1306429

    assert (await world.send(wx_qy_agentid=1000003, wx_qy_corpsecret="second-secret"))["result"] is True
    assert (await world.send("mp"))["result"] is True
    assert (await world.send("robot"))["result"] is True


@pytest.mark.parametrize("platform", ["qy", "robot"])
async def test_situation_41_after_the_window_it_goes_on(world: World, platform: str) -> None:
    await world.fault(platform, {"errcode": 45009})
    first = await world.send(platform)
    await world.clock.pass_by(first["data"]["retry_after"] - 1)
    second = await world.send(platform)
    await world.clock.pass_by(2)

    assert (second["code"], second["data"]["retry_after"]) == (1306429, 1)
    assert (await world.send(platform))["result"] is True


async def test_situation_41_a_storm_finds_the_gate_closed(world: World, platform: str) -> None:
    await world.send(platform)
    await world.fault(platform, {"errcode": 45009}, times=0)
    await asyncio.gather(*(world.send(platform) for _ in range(20)))
    asked = await world.sends(platform)
    await asyncio.gather(*(world.send(platform) for _ in range(200)))

    assert await world.sends(platform) == asked


async def test_situation_41_what_a_daily_quota_leaves_is_sent_and_the_rest_told(world: World) -> None:
    await world.sandbox.post("seed", seed(knobs={"mp.template_per_day": 3}))
    answer = await world.send("mp", receiver=OPENIDS)

    accepted, missed, unknown = reached(answer)
    assert (answer["code"], len(accepted), len(missed), unknown) == (1306429, 3, 2, [])
    assert len(await world.inbox()) == 3


async def test_situation_42_a_minutes_quota_opens_with_the_next_minute(world: World) -> None:
    await world.sandbox.post("seed", seed(knobs={"mp.per_minute": 2}))
    answers = [await world.send("mp") for _ in range(4)]

    assert [answer["code"] for answer in answers] == [0, 0, 1306429, 1306429]
    assert answers[2]["data"]["retry_after"] == 60
    assert await world.sends("mp") == 3
    await world.clock.pass_by(61)
    assert (await world.send("mp"))["result"] is True


async def test_situation_43_of_25_messages_of_a_robot_20_pass_and_5_are_told_when(open_world: OpenWorld) -> None:
    world = await open_world(timeout=10)
    await world.sandbox.post("seed", seed(knobs={"robot.per_minute": 20}))
    answers = [await world.send("robot") for _ in range(25)]

    assert [answer["code"] for answer in answers] == [0] * 20 + [1306429] * 5
    assert all(answer["data"]["retry_after"] > 50 for answer in answers[20:])
    assert (await world.sends("robot"), len(await world.inbox())) == (20, 20)
    await world.clock.pass_by(60)
    assert (await world.send("robot"))["result"] is True


async def test_situation_43_a_robot_with_time_waits_for_its_turn(open_world: OpenWorld) -> None:
    world = await open_world(timeout=90)
    await world.sandbox.post("seed", seed(knobs={"robot.per_minute": 20}))
    answers = [await world.send("robot") for _ in range(25)]

    assert all(answer["result"] for answer in answers)
    assert len(await world.inbox()) == 25


@pytest.mark.parametrize("together", [True, False])
async def test_situation_44_no_member_loses_a_message_in_silence(open_world: OpenWorld, together: bool) -> None:
    world = await open_world(timeout=10, qy={"wx_qy_member_per_minute": 30})
    await world.sandbox.post("seed", seed(knobs={"qy.member_per_minute": 30}))
    if together:
        answers = await asyncio.gather(*(world.send(receiver="zhangsan,lisi") for _ in range(35)))
    else:
        answers = [await world.send(receiver=name) for _ in range(35) for name in ("zhangsan", "LiSi")]

    assert sorted({answer["code"] for answer in answers}) == [0, 1306429]
    assert sum(len(answer["data"]["accepted"]) for answer in answers) == 60
    inbox = await world.inbox()
    assert [message["dropped"] for message in inbox if message["dropped"]] == []
    assert sum(len(message["delivered"]) for message in inbox) == 60


@pytest.mark.parametrize("platform", ["qy", "robot"])
async def test_situation_44_what_was_repeated_counts_from_its_last_try(open_world: OpenWorld, platform: str) -> None:
    world = await open_world(timeout=30, qy={"wx_qy_member_per_minute": 20})
    await world.sandbox.post("seed", seed(knobs={"qy.member_per_minute": 20, "robot.per_minute": 20}))
    await world.fault(platform, {"errcode": 45033}, times=2)
    before = world.clock.now
    assert (await world.send(platform))["result"] is True
    last_try = world.clock.now
    assert last_try > before
    for _ in range(19):
        await world.send(platform)
    await world.clock.pass_by(before + 60 - world.clock.now)
    answer = await world.send(platform)

    assert answer["result"] is True
    assert world.clock.now == last_try + 60  # it has waited
    assert await world.sends(platform) == 23
    assert [len(message["delivered"]) for message in await world.inbox()] == [1] * 21


async def test_situation_44_members_wait_for_a_turn_behind_messages_that_are_under_way(open_world: OpenWorld) -> None:
    world = await open_world(timeout=90, qy={"wx_qy_member_per_minute": 10})
    await world.sandbox.post("seed", seed(knobs={"qy.member_per_minute": 10}))
    await world.send("mp")
    answers = await asyncio.gather(*(world.send(receiver="zhangsan,lisi") for _ in range(15)))

    assert sum(len(answer["data"]["accepted"]) for answer in answers) == 30
    assert [message["dropped"] for message in await world.inbox() if message["dropped"]] == []


async def test_situation_44_who_is_over_the_limit_does_not_keep_the_message_from_others(open_world: OpenWorld) -> None:
    world = await open_world(timeout=10, qy={"wx_qy_member_per_minute": 1})
    await world.send()
    answer = await world.send(receiver="zhangsan,lisi")

    assert reached(answer) == (["lisi"], ["zhangsan"], [])
    entry = answer["data"]["failed"][0]
    assert (entry["errcode"], entry["class"], entry["retry_after"]) == (None, "quota", 60)


async def test_situation_44_waiting_members_wait_beside_each_other(open_world: OpenWorld) -> None:
    members = [f"user{number}" for number in range(12)]
    world = await open_world(timeout=90, qy={"wx_qy_member_per_minute": 1})
    await world.sandbox.post("seed", seed(members=members))
    for member in members:
        await world.send(receiver=member)
        await world.clock.pass_by(1)
    before = world.clock.now
    answer = await world.send(receiver=members)

    assert answer["data"]["accepted"] == members
    assert world.clock.now - before < 61  # each waits for its own turn, not for the others' as well
