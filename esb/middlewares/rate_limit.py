"""Rate limits of each app for each component: moving windows, counted for all processes together.

Not in the default chain; its place is behind `permission`, so that what is refused anyway counts for nobody. The
library `limits` has moving windows too; it counts by the clock of each machine, and one rule after the other, so that
a call that the second rule refuses has been counted by the first.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from esb.config import ConfigModel
from esb.contracts.explain import Decision, Question, allowed, not_known_here, refused
from esb.contracts.middleware import Handler, Middleware
from esb.contracts.services import ChainServices
from esb.core.call import Call
from esb.core.errors import Limited
from esb.store.keyspaces import RATE
from esb.store.protocol import Rule, StoreReader, Taken

MINUTE = 60
DAY = 24 * 60


class Limit(ConfigModel):
    """At most `tokens` calls in any `minutes`."""

    tokens: int = Field(ge=1, le=100_000, description="calls")
    minutes: int = Field(1, ge=1, le=DAY, description="length of the moving window")

    @property
    def rule(self) -> Rule:
        return Rule(self.tokens, self.minutes * MINUTE)


Limits = tuple[Limit, ...]


class RateLimitConfig(ConfigModel):
    """No rules, no limit."""

    default: Limits = Field((), description="the rules of every app")
    apps: Mapping[str, Limits] = Field(default_factory=dict, description="the rules of some apps, in its place")


class RateLimit(Middleware[RateLimitConfig]):
    """Let a call pass that all rules of its app allow, or refuse it with 1306429; its answer says what is left."""

    config_type = RateLimitConfig

    def __init__(self, config: RateLimitConfig, services: ChainServices) -> None:
        super().__init__(config, services)
        self._store = services.store
        self._default = config.default
        self._apps = config.apps

    async def __call__(self, call: Call, handler: Handler) -> Any:
        app = call.app.code if call.app is not None else ""
        limits = self._apps.get(app, self._default)
        if limits:
            taken = await self._store.take(_key(app, call), [limit.rule for limit in limits])
            call.record.headers |= _headers(limits, taken)
            if taken.over:
                raise _refusal(call, app, limits, taken)
        return await handler(call)

    async def explain(self, question: Question) -> Decision:
        call = question.call
        app = call.app.code if call.app is not None else ""
        limits = self._apps.get(app, self._default)
        where = ("apps", app) if app in self._apps else ("default",)
        if not limits:
            return allowed("no limit", where=where)
        if not question.live or not isinstance(self._store, StoreReader):
            rules = ", ".join(map(_name, limits))
            return not_known_here(f"at most {rules}; what is left of it is not known here", where=where)
        windows = await self._store.windows(_key(app, call), [limit.rule for limit in limits])
        over = tuple(index for index, window in enumerate(windows) if window.left == 0)
        if over:
            taken = Taken(tuple(windows), over)
            return refused(
                _refusal(call, app, limits, taken),
                where=where,
                until=question.at + max(windows[index].seconds for index in over),
            )
        pairs = zip(limits, windows, strict=True)
        return allowed(", ".join(f"{_name(limit)}: {window.left} left" for limit, window in pairs), where=where)


def _key(app: str, call: Call) -> str:
    return f"{RATE}:{app}:{call.path}"


def _refusal(call: Call, app: str, limits: Limits, taken: Taken) -> Limited:
    """Refuse in the old ESB's words, by the rule that is over for the longest time."""
    longest = max(taken.over, key=lambda index: taken.windows[index].seconds)
    return Limited(
        "Access frequency limit, Access frequency of APP [{app}] to component [{path}] exceeds the limit;"
        " the frequency limit is [{limit}], please try again later",
        retry_after=_whole(taken.windows[longest].seconds),
        app=app,
        path=call.path,
        limit=_name(limits[longest]),
    )


def _headers(limits: Sequence[Limit], taken: Taken) -> dict[str, str]:
    """Make the headers of draft-ietf-httpapi-ratelimit-headers: q and w are a rule's quota and window; r is what is
    left of it, and t the seconds until there is more.
    """
    pairs = list(zip(limits, taken.windows, strict=True))
    return {
        "RateLimit-Policy": ", ".join(
            f'"{_name(limit)}";q={limit.tokens};w={limit.minutes * MINUTE}' for limit in limits
        ),
        "RateLimit": ", ".join(f'"{_name(limit)}";r={left.left};t={_whole(left.seconds)}' for limit, left in pairs),
    }


def _name(limit: Limit) -> str:
    return f"{limit.tokens}/{limit.minutes}minute"


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
