"""A soak: thousands of messages through gateway and sandbox, while the sandbox fails in every way that it knows.

Every call is compared with what arrived. Exit code 0 only if nothing was lost, doubled, denied or let out: no token,
no secret and no address of an upstream in any answer or log.

    python bench/soak.py --sends 10000 --seed 1
"""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from soak_books import Books, deliveries
from soak_calls import Sending, calls, made
from soak_clock import LeapingLoop
from soak_world import SECRETS, World, opened

SHOWN = 20
"""The most lies that are printed."""


async def soak(sends: int, seed: int, at_once: int) -> tuple[Books, list[str]]:
    """The books of so many calls, and what got out that must not."""
    async with opened(seed) as world:
        answered = await _all(world, list(calls(sends, seed)), at_once)
        await asyncio.sleep(1)  # callers who left have messages under way
        async with world.http.get(f"{world.sandbox}/_sandbox/messages") as response:
            inbox = (await response.json())["messages"]
        arrived, dropped = deliveries(message for message in inbox if message["duplicate_of"] is None)
        books = Books()
        for sending, answers in answered:
            books.enter(sending, answers, arrived)
        books.told["lost"] += dropped
        return books, leaks(world, [answer for _, answers in answered for answer in answers])


async def _all(world: World, sendings: list[Sending], at_once: int) -> list[tuple[Sending, list[dict[str, Any]]]]:
    waiting = iter(sendings)
    answered: list[tuple[Sending, list[dict[str, Any]]]] = []

    async def work() -> None:
        for sending in waiting:
            answered.append((sending, await made(world, sending)))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return answered


def leaks(world: World, answers: list[dict[str, Any]]) -> list[str]:
    """Secrets, tokens and addresses that an answer or a log holds, and where."""
    secrets = {*SECRETS, *world.tokens, world.sandbox, "access_token=", "corpsecret=", "?key="} - {""}
    places = {"an answer": json.dumps(answers, ensure_ascii=False), "a log": world.log.getvalue()}
    return [f"{secret} in {place}" for place, text in places.items() for secret in sorted(secrets) if secret in text]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sends", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=40)
    parser.add_argument("--wait", action="store_true", help="wait by the machine's clock, which takes longer")
    arguments = parser.parse_args()
    started = time.monotonic()
    with asyncio.Runner(loop_factory=None if arguments.wait else LeapingLoop) as runner:
        books, leaked = runner.run(soak(arguments.sends, arguments.seed, arguments.at_once))
    print(books.report())
    print(f"{'leaks':>13} {len(leaked):7}")
    for line in (*books.lies, *leaked)[:SHOWN]:
        print(line)
    wrong = books.lies or leaked or books.told["lost"]
    verdict = "NOT sound" if wrong else "sound"
    print(f"{verdict}, {time.monotonic() - started:.0f} s, seed {arguments.seed}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
