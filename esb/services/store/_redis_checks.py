"""Checks of the Redis server of services.store."""

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

from esb.contracts.checks import Check, Finding
from esb.contracts.probes import CHECK_SECONDS, Probes, clock_finding
from esb.outgoing.reachability import Place
from esb.store.redis_connection import FULL, LOADING, PATIENCE, READ_ONLY, REFUSES_COMMANDS, WRONG_LOGIN
from esb.store.redis_facts import NoFacts, RedisFacts, redis_facts

OLDEST = (6,)
SLOW_SECONDS = PATIENCE / 10
"""Seconds of an answer from which on it is slow: a busy hour takes ten times as long, and then it counts as away."""
KEY = "services.store.config.url"
FIXES = {
    WRONG_LOGIN: f"correct user and password in {KEY}; ACL: allow ~esb:* &esb:* +@all -@dangerous +info",
    LOADING: "wait until it has read its file",
    FULL: "raise maxmemory, or give the gateway a server of its own",
    READ_ONLY: f"name the master in {KEY}",
    REFUSES_COMMANDS: "let its ACL allow them: +@all -@dangerous +info",
}
"""Reason of a refusal -> what to do."""
POLICY_FIX = "set maxmemory-policy noeviction in redis.conf, or use a server for the gateway alone"
CLOCKS_FIX = "let NTP set the clocks of both machines (timedatectl set-ntp true)"
OTHER_FIX = f"look at the server's own log, and at rediss:// or redis:// in {KEY}"


def redis_checks(probes: Probes, url: str, parsed: Mapping[str, Any], prefix: str) -> Sequence[Check]:
    """Return the checks of the server at this URL, which redis-py has `parsed`."""
    asked = _ServerChecks(probes, url, prefix)
    return [
        *_way(probes, url, parsed),
        Check("redis_login", "Redis lets the gateway read and write", asked.login),
        Check("redis_version", "Redis is new enough", asked.version),
        Check("redis_policy", "Redis forgets nothing before its time", asked.policy),
        Check("redis_latency", "Redis is quick", asked.latency),
        Check("redis_clock", "the clock of this machine is that of Redis", asked.clock),
    ]


def _way(probes: Probes, url: str, found: Mapping[str, Any]) -> Sequence[Check]:
    """Return the checks of the way there; none for a Unix socket. A URL with files for TLS is redis-py's to judge."""
    if "path" in found:
        return []
    place = Place(found.get("host", "localhost"), found.get("port", 6379), url.startswith("rediss"))
    way = probes.reach_place(place, KEY)
    return [*way, probes.tls(place, KEY)] if place.secure and not any(key[:4] == "ssl_" for key in found) else way


class _ServerChecks:
    def __init__(self, probes: Probes, url: str, prefix: str) -> None:
        self._probes = probes
        self._ask = partial(redis_facts, url, prefix, CHECK_SECONDS)

    def _facts(self) -> Awaitable[RedisFacts]:
        return self._probes.once("redis", self._ask)

    async def login(self) -> Finding:
        try:
            await self._facts()
        except NoFacts as error:
            return Finding("fail", str(error), FIXES.get(str(error), OTHER_FIX))
        return Finding("ok")

    async def version(self) -> Finding:
        facts = await self._facts()
        version = ".".join(map(str, facts.version))
        if facts.version < OLDEST:
            return Finding("fail", version, "use Redis 6 or newer, or Valkey")
        if facts.replica:
            return Finding("fail", f"{version}, a replica", FIXES[READ_ONLY])
        return Finding("ok", version)

    async def policy(self) -> Finding:
        policy = (await self._facts()).policy
        if not policy:
            return Finding("skipped", "the server does not tell its maxmemory-policy")
        if policy != "noeviction":
            cause = f"maxmemory-policy {policy}: when it is full, it forgets nonces, tokens and idempotency keys"
            return Finding("warn", cause, POLICY_FIX)
        return Finding("ok", policy)

    async def latency(self) -> Finding:
        seconds = (await self._facts()).seconds
        cause = f"{1000 * seconds:.1f} ms an answer"
        if seconds >= SLOW_SECONDS:
            return Finding("warn", cause, f"move it closer: after {PATIENCE:g} s without an answer it counts as away")
        return Finding("ok", cause)

    async def clock(self) -> Finding:
        return clock_finding((await self._facts()).ahead, CLOCKS_FIX)
