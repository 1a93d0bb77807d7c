"""The calls of the soak: which message, for whom, and whether its caller repeats it or leaves."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from soak_world import ACCOUNTS, APP_SECRET, APPS, MEMBERS, OPENIDS, ROBOTS, World

CREDENTIALS = {"bk_app_code": "soak", "bk_app_secret": APP_SECRET, "bk_username": "admin"}


@dataclass(frozen=True)
class Sending:
    """One call. `mark` stands in every part of its message, and in no other message."""

    mark: str
    path: str
    receivers: tuple[str, ...]
    parameters: dict[str, Any]
    key: str = ""
    leaves_after: float | None = None

    @property
    def repeated(self) -> bool:
        return bool(self.key)

    @property
    def times(self) -> int:
        """Return the number of times that its caller asks."""
        return 3 if self.repeated else 1


def calls(number: int, seed: int) -> Iterator[Sending]:
    """So many calls; the same for the same seed."""
    chance = Random(seed)  # noqa: S311 - chance that can be repeated is the point
    for index in range(number):
        yield _call(chance, f"#{seed}-{index:06}#")


def _call(chance: Random, mark: str) -> Sending:
    path, receivers, parameters = chance.choices([_wecom, _official_account, _robot], [5, 4, 1])[0](chance, mark)
    key = f"key {mark}" if chance.random() < 0.1 else ""
    leaves_after = chance.uniform(0, 0.05) if chance.random() < 0.02 else None
    return Sending(mark, path, receivers, parameters, key, leaves_after)


Made = tuple[str, tuple[str, ...], dict[str, Any]]


def _wecom(chance: Random, mark: str) -> Made:
    receivers = tuple(chance.sample(MEMBERS, chance.choices([1, 2, 5, 40], [6, 2, 2, 1])[0]))
    data: dict[str, Any] = {"heading": mark, "message": _text(chance, mark)}
    if chance.random() < 0.2:
        data["msgtype"] = "markdown"
    return f"qy/{chance.choice(list(APPS))}", receivers, {"receiver": ",".join(receivers), "data": data}


def _official_account(chance: Random, mark: str) -> Made:
    receivers = tuple(chance.sample(OPENIDS, chance.choices([1, 5, 20], [7, 2, 1])[0]))
    data = {"heading": "H", "message": mark}
    return f"mp/{chance.choice(list(ACCOUNTS))}", receivers, {"receiver": list(receivers), "data": data}


def _robot(chance: Random, mark: str) -> Made:
    return f"robot/{chance.randrange(len(ROBOTS))}", ("robot",), {"content": _text(chance, mark)}


def _text(chance: Random, mark: str) -> str:
    """The mark again and again: for one part of a message, or for several."""
    return f"{mark} 告警 " * chance.choices([1, 150, 300], [12, 2, 1])[0]


async def made(world: World, sending: Sending) -> list[dict[str, Any]]:
    """The answers to the call and its repetitions; none if its caller left."""
    if not sending.repeated:
        return await _asked(world, sending)
    first = await asyncio.gather(_asked(world, sending), _asked(world, sending))
    return [answer for answers in (*first, await _asked(world, sending)) for answer in answers]


async def _asked(world: World, sending: Sending) -> list[dict[str, Any]]:
    headers = {"Idempotency-Key": sending.key} if sending.key else {}
    url = f"{world.gateway}/api/c/compapi/{sending.path}/"
    try:
        async with asyncio.timeout(sending.leaves_after):
            async with world.http.post(url, json={**CREDENTIALS, **sending.parameters}, headers=headers) as response:
                answer: dict[str, Any] = await response.json()
                return [answer]
    except TimeoutError:
        return []
