"""Whatever goes wrong in the middle of a sending, every receiver is told as it went: against the inbox, at random."""

import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.support.configuration import MESSAGE
from tests.support.send_weixin import seed
from tests.support.world import LONG_TEXT, PAGE_NUMBER, OpenWorld, World, everybody, reached

MEMBERS = [f"User{number:04}" for number in range(2500)]
OPENIDS = [f"o{number:027}" for number in range(60)]
ACTIONS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"errcode": -1}, ("before",)),
    ({"errcode": 40003}, ("before",)),
    ({"errcode": 40058}, ("before",)),
    ({"errcode": 42001}, ("before",)),
    ({"errcode": 45009}, ("before",)),
    ({"errcode": 60020}, ("before",)),
    ({"errcode": 99999}, ("before",)),
    ({"reset": "head"}, ("before", "after")),
    ({"reset": "body"}, ("before", "after")),
    ({"status": 502}, ("before", "after")),
    ({"cut": 7}, ("before", "after")),
    ({"tokens": "rotate", "close": True}, ("before", "after")),
    ({"body": '{"errcode":0,"errmsg":"ok. Warning: wrong json format. "}'}, ("before", "after")),
]


async def faults(world: World, platform: str, chance: random.Random, most: int) -> None:
    """Some faults, each at one send out of so many, some of them for several."""
    for _ in range(chance.randrange(1, 5)):
        action, when = chance.choice(ACTIONS)
        match = {"nth": chance.randrange(1, most)}
        times = chance.choice([1, 1, 1, 0])
        if times == 0:
            match = {"every": chance.randrange(2, most)}
        await world.fault(platform, action, times=times, when=chance.choice(when), match=match)


async def arrived(world: World) -> dict[str, Counter[int]]:
    """Receiver -> how often each part came."""
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for message in await world.inbox():
        number = PAGE_NUMBER.match(message["text"])
        for receiver in message["delivered"]:
            found[receiver.lower()][int(number[1]) if number else 1] += 1
    return found


async def assert_true(world: World, answer: dict[str, Any], receivers: list[str], pages: int) -> None:
    """The answer accounts for everybody once, and says what the inbox says."""
    inbox = await arrived(world)
    assert sorted(everybody(answer)) == sorted(receivers)
    assert all(set(parts.values()) == {1} for parts in inbox.values())
    accepted, _, unknown = reached(answer)
    for receiver in accepted:
        assert sorted(inbox[receiver.lower()]) == list(range(1, pages + 1))
    for entry in answer["data"]["failed"]:
        assert sorted(inbox[entry["receiver"].lower()]) == list(range(1, entry.get("pages_accepted", 0) + 1))
        assert entry["class"]
    for receiver in unknown:
        parts = sorted(inbox[receiver.lower()])
        assert parts == list(range(1, len(parts) + 1))
    assert answer["result"] is (accepted == receivers or not (answer["data"]["failed"] or unknown))
    assert bool(unknown) is (answer["data"].get("outcome") == "unknown")


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("duplicate_check", [True, False])
async def test_2500_members_and_a_text_of_three_pages(
    open_world: OpenWorld, number: int, duplicate_check: bool
) -> None:
    chance = random.Random(number)
    world = await open_world(qy={"wx_qy_duplicate_check": duplicate_check})
    bad = set(chance.sample(MEMBERS, chance.choice([0, 3, 400])))
    await world.sandbox.post("seed", seed(members=[member for member in MEMBERS if member not in bad]))
    await faults(world, "qy", chance, most=9)
    answer = await world.send(receiver=MEMBERS, data={**MESSAGE, "message": LONG_TEXT})

    await assert_true(world, answer, MEMBERS, 3)


@pytest.mark.parametrize("number", range(12))
async def test_sixty_openids(world: World, number: int) -> None:
    chance = random.Random(number)
    bad = set(chance.sample(OPENIDS, chance.choice([0, 3, 30])))
    followers = [openid for openid in OPENIDS if openid not in bad]
    await world.sandbox.post("seed", seed(openids=followers))
    await faults(world, "mp", chance, most=50)
    answer = await world.send("mp", receiver=OPENIDS)

    await assert_true(world, answer, OPENIDS, 1)


@pytest.mark.parametrize("number", range(6))
async def test_members_who_have_to_wait_and_faults_besides(open_world: OpenWorld, number: int) -> None:
    chance = random.Random(number)
    members = MEMBERS[:30]
    world = await open_world(timeout=20, qy={"wx_qy_member_per_minute": 4})
    await world.sandbox.post("seed", seed(members=members, knobs={"qy.member_per_minute": 4}))
    for member in chance.sample(members, 15):
        await world.send(receiver=member, data={**MESSAGE, "message": "x"})
        await world.send(receiver=member, data={**MESSAGE, "message": "y"})
    async with world.sandbox.http.delete(f"{world.sandbox.url}/_sandbox/messages"):
        pass
    await faults(world, "qy", chance, most=5)
    answer = await world.send(receiver=members, data={**MESSAGE, "message": LONG_TEXT})

    await assert_true(world, answer, members, 3)
    assert all(not message["dropped"] for message in await world.inbox())
