"""What `esb explain` says is what a real call gets: random configurations, random questions, no difference.

`make explain CASES=10000` tries more of them; a difference names its seed, and `SEED=…` begins with it.
"""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import ClientSession, web

from esb.config import load
from esb.core.clock import utc_text
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.introspect.explain import Asked, explained
from esb.server.listener import listening
from tests.support.clock import Clock
from tests.support.explain_cases import Case, case, configuration, request_of

CASES = int(os.environ.get("ESB_EXPLAIN_CASES", "300"))
SEED = int(os.environ.get("ESB_EXPLAIN_SEED", "16"))
CALLS = 25
"""Cases of one configuration: its limits are counted from one to the next."""
REPEATED = 0.5
"""The share of calls that are those before once more, for limits to be reached."""
LIMITED = 1306429
LEAST_TOLD = 0.8
"""The share of cases about which something definite has to be said."""


async def test_what_explain_says_is_what_a_real_call_gets(tmp_path: Path, http: ClientSession) -> None:
    told = 0
    for seed in range(SEED, SEED + -(-CASES // CALLS)):
        told += await agreed(seed, tmp_path / "esb.yaml", http)
    assert told > CASES * LEAST_TOLD


def opened(file: Path, config: Any, clock: Clock) -> web.Application:
    file.write_text(json.dumps(config))
    return create_app(load(file, {}), clock=clock)


async def agreed(seed: int, file: Path, http: ClientSession) -> int:
    """Compare all cases of one configuration; return about how many of them something definite was said."""
    random, clock, told = Random(seed), Clock(), 0
    config = configuration(random, clock.since_1970())
    app = opened(file, config, clock)
    async with listening(app, "127.0.0.1", 0) as url:
        asked = case(random, config)
        for number in range(CALLS):
            asked = asked if random.random() < REPEATED else case(random, config)
            told += await compared(f"seed {seed}, case {number}", asked, app[GATEWAY], url, http, clock)
            clock.advance(random.choice((0, 0, 1, 1, 5, 40)))
    return told


async def compared(name: str, asked: Case, gateway: Gateway, url: str, http: ClientSession, clock: Clock) -> bool:
    """Ask what would become of a call, and make it. Return True if the answer was definite, and nothing left open."""
    at = utc_text(clock.since_1970() + asked.later) if asked.later else None
    question = {"app": asked.app, "component": asked.component, "user": asked.user, "as": asked.by, "at": at}
    said = await explained(gateway, Asked.model_validate({**question, "test_env": asked.test_env}), live=True)
    clock.advance(asked.later)
    path, headers, body = request_of(asked)
    async with http.post(f"{url}/api/c/compapi{path}", json=body, headers=headers) as response:
        real: dict[str, Any] = await response.json()
    verdicts = {link["verdict"]: link["link"] for link in said["links"]}
    shown = f"{name}: {asked}\n{json.dumps(said, indent=1)}\n{real}"
    maybe_limited = "not known here" in verdicts and real["code"] == LIMITED
    if said["verdict"] == "unknown":
        assert "refused" not in verdicts, shown
        is_login = verdicts.get("unknown") == "user_auth" and "not explained" not in verdicts
        assert not is_login or maybe_limited or (real["code"] == 0) == asked.good, shown
        return is_login
    if "unknown" in verdicts:  # whoever logs in may be refused for that, before or after
        assert said["verdict"] == "refused", shown
        assert real["code"] != 0, shown
        return True
    assert maybe_limited or (real["code"], real["message"]) == (said["code"], said["message"]), shown
    return True
