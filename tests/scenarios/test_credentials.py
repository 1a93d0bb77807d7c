"""Situations 15 to 20: credentials that WeChat refuses, token fetches that fail, and two apps of one corporation."""

import asyncio
from typing import Any

import pytest

from tests.support.configuration import MESSAGE
from tests.support.send_weixin import seed
from tests.support.world import OpenWorld, World, reached

WRONG = {"qy": {"wx_qy_corpsecret": "a-wrong-secret"}, "mp": {"wx_secret": "a-wrong-secret"}}
UNKNOWN = {"qy": {"wx_qy_corpid": "ww0"}, "mp": {"wx_app_id": "wx0"}}
REFUSALS = {"qy": 40001, "mp": 40125}


async def test_situation_15_a_wrong_secret_is_tried_once_a_minute_under_500_calls(
    open_world: OpenWorld, platform: str
) -> None:
    world = await open_world(**{platform: WRONG[platform]})
    answers = await asyncio.gather(*(world.send(platform) for _ in range(500)))

    assert (await world.fetches(platform), await world.sends(platform)) == (1, 0)
    assert {(answer["code"], answer["data"]["class"], answer["data"]["errcode"]) for answer in answers} == {
        (1306000, "config", REFUSALS[platform])
    }
    await world.clock.pass_by(61)
    await asyncio.gather(*(world.send(platform) for _ in range(50)))
    assert await world.fetches(platform) == 2


async def test_situation_15_wrong_secrets_of_callers_do_not_shut_out_the_gateways_own(world: World) -> None:
    wrong = [world.send(wx_qy_agentid=1, wx_qy_corpsecret=f"a-wrong-secret-{number}") for number in range(100)]
    await asyncio.gather(*wrong)

    assert await world.fetches() == 10  # of one app; of all apps together, 20
    assert (await world.send())["result"] is True


@pytest.mark.parametrize(
    ("platform", "config", "world_is", "errcode"),
    [
        ("qy", UNKNOWN["qy"], {}, 40013),
        ("mp", UNKNOWN["mp"], {}, 40013),
        ("mp", WRONG["mp"], {}, 40125),
        ("mp", {}, {"account": {"ip_whitelist": ["10.1.2.3"]}}, 40164),
        ("mp", {}, {"account": {"frozen": True}}, 40243),
        ("qy", {}, {"app": {"trusted_ips": ["10.1.2.3"]}}, 60020),
    ],
)
async def test_situation_16_a_refused_credential_is_told_with_its_cause_and_not_repeated(
    open_world: OpenWorld, platform: str, config: dict[str, Any], world_is: dict[str, Any], errcode: int
) -> None:
    world = await open_world(**{platform: config})
    await world.sandbox.post("seed", seed(**world_is))
    answer = await world.send(platform)

    data = answer["data"]
    assert (answer["code"], data["errcode"], data["class"], data["retryable"]) == (1306000, errcode, "config", False)
    assert ("127.0.0.1" in data["hint"]) is (errcode in {40164, 60020})
    assert "a-wrong-secret" not in str(answer)
    assert await world.fetches(platform) == 1
    assert await world.sends(platform) == (1 if errcode == 60020 else 0)


async def test_situation_16_the_cause_is_told_in_chinese_too(open_world: OpenWorld) -> None:
    world = await open_world(mp=WRONG["mp"])
    answer = await world.send("mp", {"Blueking-Language": "zh-hans"})

    assert "AppSecret" in answer["data"]["hint"]
    assert not answer["data"]["hint"].isascii()


@pytest.mark.parametrize(
    "action", [{"status": 502, "body": "<html>"}, {"close": True}, {"errcode": -1}, {"status": 429}]
)
async def test_situation_17_a_token_fetch_that_fails_is_repeated(
    world: World, platform: str, action: dict[str, Any]
) -> None:
    await world.fault(platform, action, fetching=True, times=2)
    answer = await world.send(platform)

    assert answer["result"] is True
    assert (await world.fetches(platform), await world.sends(platform)) == (3, 1)


async def test_situation_17_a_token_fetch_that_fails_for_ever_ends_and_nobody_is_in_doubt(
    world: World, platform: str
) -> None:
    await world.fault(platform, {"status": 502}, fetching=True, times=0)
    answer = await world.send(platform)

    assert (answer["code"], answer["data"]["class"], answer["data"]["retryable"]) == (1306201, "busy", True)
    assert reached(answer)[2] == []
    assert await world.fetches(platform) == 3


@pytest.mark.parametrize(
    "body", ['{"errcode":0,"errmsg":"ok","expires_in":7200}', "<html>", "", '{"access_token": 7, "expires_in": 7200}']
)
async def test_situation_18_a_token_answer_without_a_token_is_not_kept(world: World, platform: str, body: str) -> None:
    await world.fault(platform, {"body": body}, fetching=True, times=0)
    answer = await world.send(platform)
    await world.heal()

    assert answer["code"] == 1306201
    assert await world.sends(platform) == 0
    assert (await world.send(platform))["result"] is True


async def test_situation_20_two_apps_of_a_corporation_have_tokens_of_their_own(world: World) -> None:
    await world.sandbox.post("seed", seed())
    second: dict[str, Any] = {"wx_qy_agentid": 1000003, "wx_qy_corpsecret": "second-secret"}
    answers = await asyncio.gather(
        *(
            world.send(data={**MESSAGE, "message": str(number)}, **(second if number % 2 else {}))
            for number in range(20)
        )
    )

    assert all(answer["result"] for answer in answers)
    assert await world.fetches() == 2
    assert {message["app"] for message in await world.inbox()} == {
        "ww0000000000000001/1000002",
        "ww0000000000000001/1000003",
    }
