"""Situations 53 to 57: callers who repeat, who leave, and who share the gateway with others."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from esb.gateway.app import GATEWAY
from tests import scenarios
from tests.support.configuration import DEMO
from tests.support.loop_time import late, turns
from tests.support.send_weixin import seed
from tests.support.world import COMPONENTS, PARAMS, PATHS, PLATFORMS, OpenWorld, World, reached


@pytest.mark.parametrize("platform", [*PLATFORMS, "robot"])
async def test_situation_53_a_repeated_call_with_its_key_is_one_message(world: World, platform: str) -> None:
    first = await world.send(platform, {"Idempotency-Key": "k"})
    second = await world.send(platform, {"Idempotency-Key": "k"})

    assert second["data"] == {**first["data"], "replayed": True}
    assert (await world.sends(platform), len(await world.inbox())) == (1, 1)


@pytest.mark.parametrize("action", [{"reset": "head"}, {"errcode": -1}])
async def test_situation_53_an_unknown_outcome_is_not_resolved_by_repeating_the_call(
    world: World, action: dict[str, Any]
) -> None:
    await world.fault("robot", action, when="after")
    first = await world.send("robot", {"Idempotency-Key": "k"})
    second = await world.send("robot", {"Idempotency-Key": "k"})

    assert (first["data"]["outcome"], second["data"]["outcome"], second["data"]["replayed"]) == (
        "unknown",
        "unknown",
        True,
    )
    assert len(await world.inbox()) == 1


async def test_situation_53_a_refusal_is_not_held_against_the_repetition(world: World, platform: str) -> None:
    await world.fault(platform, {"errcode": {"qy": 45033, "mp": 43108}[platform]}, times=3)
    first = await world.send(platform, {"Idempotency-Key": "k"})
    second = await world.send(platform, {"Idempotency-Key": "k"})

    assert (first["result"], second["result"]) == (False, True)
    assert "replayed" not in second["data"]


@pytest.mark.parametrize("platform", [*PLATFORMS, "robot"])
async def test_situation_54_a_caller_who_leaves_frees_what_it_held(world: World, platform: str) -> None:
    await world.fault(platform, {"latency_ms": 300}, times=0)
    leaving = [asyncio.ensure_future(world.send(platform)) for _ in range(10)]
    await world.sandbox.has_been_called(PATHS[platform][1], 10)
    for caller in leaving:
        caller.cancel()
    await asyncio.wait(leaving)
    await world.heal()

    gateway = world.gateway.app[GATEWAY]

    async def nobody_is_left() -> bool:
        return not gateway.ingress.in_flight and gateway.http.is_idle

    await world.until(nobody_is_left)
    assert (await world.send(platform))["result"] is True


async def test_situation_54_with_a_key_the_message_of_a_caller_who_left_is_finished(
    world: World, platform: str
) -> None:
    await world.fault(platform, {"latency_ms": 300})
    leaving = asyncio.ensure_future(world.send(platform, {"Idempotency-Key": "k"}))
    await world.sandbox.has_been_called(PATHS[platform][1])
    leaving.cancel()
    answer = await world.send(platform, {"Idempotency-Key": "k"})

    assert (answer["result"], answer["data"]["replayed"]) == (True, True)
    assert len(await world.inbox()) == 1


@pytest.mark.parametrize("key", [None, "k"])
async def test_situation_55_a_shutdown_under_100_sends_lets_them_finish_and_takes_no_more(
    world: World, platform: str, key: str | None
) -> None:
    await world.send(platform)
    await world.fault(platform, {"latency_ms": 200}, times=0)
    headers = [{} if key is None else {"Idempotency-Key": f"{key}{number}"} for number in range(100)]
    sending = asyncio.gather(*(world.send(platform, header) for header in headers))

    async def all_under_way() -> bool:
        return await world.sends(platform) == 101

    await world.until(all_under_way)
    draining = asyncio.ensure_future(world.gateway.app[GATEWAY].drain(10))
    await asyncio.sleep(0)
    refused = await world.gateway.post({**DEMO, **PARAMS[platform]}, COMPONENTS[platform])
    await draining

    assert all(answer["result"] for answer in await sending)
    assert refused.status == 503
    assert len(await world.inbox()) == 101


async def test_situation_56_nothing_secret_is_told_whatever_happens(world: World, platform: str) -> None:
    """The fixture looks, here and after every other situation; this one makes sure that there is much to look at."""
    for action in (
        {"errcode": 40058, "errmsg": "at https://host/?access_token=abc"},
        {"status": 500},
        {"reset": "head"},
    ):
        await world.fault(platform, action)
        await world.fault(platform, action, fetching=True)
        await world.sandbox.post("tokens/expire")
        await world.send(platform)

    assert len(world.output()) > 5000


async def test_situation_57_a_credential_that_hangs_leaves_room_and_time_to_the_others(open_world: OpenWorld) -> None:
    world = await open_world(timeout=8, more="")
    await world.sandbox.post("seed", seed())
    world.gateway.app[GATEWAY].http.bulkheads.width = 20
    world.gateway.app[GATEWAY]._services.bulkheads.resize(20)
    await world.send()
    await world.fault("qy", {"hang": True}, match={"app": "ww0000000000000001/1000002"}, times=0)
    hanging = asyncio.gather(*(world.send() for _ in range(50)))
    await world.sandbox.has_been_called(PATHS["qy"][1], 1 + 16)

    others = await asyncio.gather(
        world.send(wx_qy_agentid=1000003, wx_qy_corpsecret="second-secret"), world.send("mp"), world.send("robot")
    )
    assert not hanging.done()
    answers = await late(8, hanging, turns())

    assert [answer["result"] for answer in others] == [True, True, True]
    codes = [answer["code"] for answer in answers]
    assert (codes.count(1306201), codes.count(1306429)) == (16, 34)
    assert {tuple(reached(answer)[1]) for answer in answers if answer["code"] == 1306429} == {("zhangsan",)}


def test_every_situation_is_here_or_has_a_reason_not_to_be() -> None:
    names = [
        name
        for path in Path(scenarios.__path__[0]).glob("test_*.py")
        for name in re.findall(r"def test_situations?_(\d\d(?:_and_\d\d)?)_", path.read_text())
    ]
    found = {int(number) for name in names for number in re.findall(r"\d+", name)}

    assert found | set(scenarios.LEFT_OUT) == set(range(1, 59))
    assert found.isdisjoint(scenarios.LEFT_OUT)
