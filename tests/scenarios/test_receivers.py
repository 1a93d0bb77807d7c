"""Situations 34 to 40: receivers who cannot be reached, who are too many, or who are not there."""

from typing import Any

import pytest

from tests.support.send_weixin import OPENIDS, seed
from tests.support.world import OpenWorld, World, reached


@pytest.mark.parametrize(
    ("follower", "errcode"),
    [({"subscribed": False}, 43004), ({"rejects": True}, 48002), ({"blacklisted": True}, 43019), (None, 40003)],
)
async def test_situation_34_one_of_five_openids_fails_alone(
    world: World, follower: dict[str, Any] | None, errcode: int
) -> None:
    bad = OPENIDS[2]
    openids: list[Any] = [openid for openid in OPENIDS if openid != bad]
    await world.sandbox.post("seed", seed(openids=[*openids, {"openid": bad, **follower}] if follower else openids))
    answer = await world.send("mp", receiver=OPENIDS)

    assert reached(answer) == (openids, [bad], [])
    entry = answer["data"]["failed"][0]
    assert (entry["errcode"], entry["class"]) == (errcode, "receiver")
    assert (await world.sends("mp"), len(await world.inbox())) == (5, 4)


async def test_situation_35_one_of_three_members_is_invalid_in_the_callers_spelling(world: World) -> None:
    answer = await world.send(receiver="ZhangSan,NoBody,lisi")

    assert reached(answer) == (["ZhangSan", "lisi"], ["NoBody"], [])
    assert (answer["data"]["failed"][0]["class"], answer["data"]["class"]) == ("receiver", "receiver")
    assert await world.sends() == 1


async def test_situation_36_nobody_is_valid_and_that_is_no_failure_of_wechat(world: World) -> None:
    answer = await world.send(receiver="nobody,noone")

    assert (answer["code"], answer["data"]["errcode"], answer["data"]["class"]) == (1306000, 81013, "receiver")
    assert reached(answer) == ([], ["nobody", "noone"], [])
    assert await world.sends() == 1


async def test_situation_37_a_member_without_a_licence_is_told_apart(world: World) -> None:
    members = ["zhangsan", {"userid": "lisi", "licensed": False}]
    await world.sandbox.post("seed", seed(members=members))
    answer = await world.send(receiver="zhangsan,lisi,wangwu")

    assert reached(answer)[0] == ["zhangsan"]
    assert {entry["receiver"]: entry["errmsg"] for entry in answer["data"]["failed"]} == {
        "lisi": "unlicensed user",
        "wangwu": "invalid user",
    }


async def test_situation_38_2500_members_are_three_calls(world: World) -> None:
    members = [f"user{number:04}" for number in range(2500)]
    await world.sandbox.post("seed", seed(members=members))
    answer = await world.send(receiver=members)

    assert [len(message["delivered"]) for message in await world.inbox()] == [1000, 1000, 500]
    assert (answer["result"], answer["data"]["accepted"], len(answer["data"]["msgids"])) == (True, members, 3)


async def test_situation_38_a_bad_member_of_each_call_is_told(world: World) -> None:
    members = [f"user{number:04}" for number in range(2500)]
    bad = [members[7], members[1500], members[2400]]
    await world.sandbox.post("seed", seed(members=[member for member in members if member not in bad]))
    answer = await world.send(receiver=members)

    assert reached(answer) == ([member for member in members if member not in bad], bad, [])


async def test_situation_39_receivers_are_cleaned(world: World) -> None:
    await world.send(receiver=" zhangsan,,lisi ; zhangsan\n ZHANGSAN ")

    assert [message["body"]["touser"] for message in await world.inbox()] == ["zhangsan|lisi"]


@pytest.mark.parametrize("receiver", ["@all", "zhangsan,@all", ["@ALL"], "zhangsan|@all"])
async def test_situation_39_everybody_needs_permission(
    world: World, open_world: OpenWorld, receiver: str | list[str]
) -> None:
    refused = await world.send(receiver=receiver)
    assert (refused["result"], await world.sends()) == (False, 0)
    assert "wx_qy_allow_all" in refused["message"]

    generous = await open_world(qy={"wx_qy_allow_all": True})
    assert (await generous.send(receiver=receiver))["result"] is True
    assert [message["body"]["touser"] for message in await world.inbox()] == ["@all"]


@pytest.mark.parametrize("receiver", ["", [], " , ;", None, "|"])
async def test_situation_40_no_receiver_is_refused_before_any_call(world: World, receiver: Any) -> None:
    answer = await world.send(receiver=receiver)

    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert (await world.fetches(), await world.sends()) == (0, 0)
