"""The contract of explanations: what a link of the chain would do with a call that nobody makes.

Nothing is executed, spent or asked of others: who explains reads its own configuration, and the store with `get`,
`windows` and `reserved`.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from esb.core.call import App, Call, User
from esb.core.clock import utc_text
from esb.core.errors import EsbError

Place = tuple[str | int, ...]
"""Keys below the config of a part."""
Where = Place | str
"""The place of what decides; or, of what stands in no configuration, a description of it."""
Verdict = Literal["allowed", "refused", "unknown", "not known here", "not explained", "not reached"]
VERDICTS = frozenset(get_args(Verdict))
FOR_EVER = math.inf


@dataclass(frozen=True, slots=True)
class Grant:
    """A right to call components, by globs; `since` and `until` are in seconds since 1970.

    `place` tells where it was given: its keys below the config of the back end, or who gave it, when and why. With
    `users`, a glob, it is the right to name these users without proof in calls of these components.
    """

    components: tuple[str, ...]
    until: float
    place: Where
    since: float = -math.inf
    users: str = ""

    def is_in_force(self, now: float) -> bool:
        """Return whether it counts at this moment, in seconds since 1970."""
        return self.since <= now < self.until

    def lapse(self, now: float) -> str:
        """Return why it does not count now: when it ended, or begins."""
        return f"ended at {utc_text(self.until)}" if self.until <= now else f"begins at {utc_text(self.since)}"


@dataclass(frozen=True, slots=True)
class Question:
    """A call that is asked about, of the app `app_code`. `at`: the moment, in seconds since 1970.

    `call` is as the links before would pass it on, with the app and the user that they find; its credentials hold no
    secret. `by`: how the user is told. `live`: what is counted in the store now matters, and is known here; `alone`: so
    is what a process counts for itself, for no other serves. Without it, whoever counts answers `not known here`.
    `grants` are those of the app, also those that have ended or are to begin, `impersonations` likewise, and `entry`
    where the app stands: keys below the config of services.apps, None where that is not told.
    """

    call: Call
    app_code: str
    at: float
    live: bool = False
    by: Literal["bk_username", "bk_token"] = "bk_username"
    receivers: Sequence[str] = ()
    grants: Sequence[Grant] = ()
    entry: Where | None = None
    alone: bool = False
    impersonations: Sequence[Grant] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision of a link about the call of a question. All of its texts are for operators, and hold no secret.

    `why` says in a few words what decides, `where` the keys in its own config at which that stands, or in that of
    services.`service`, or what it is if it stands in none; `until` ends it, in seconds since 1970. A refusal has the
    `error` that the caller would get. `app` and `user` are what the link finds out for those behind it; `grants`,
    `impersonations` and `entry` as in Question.
    """

    verdict: Verdict
    why: str
    where: Where = ()
    until: float | None = None
    service: str = ""
    error: EsbError | None = None
    app: App | None = None
    user: User | None = None
    grants: Sequence[Grant] = ()
    entry: Where | None = None
    impersonations: Sequence[Grant] = ()

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"no verdict: {self.verdict}")
        if (self.verdict == "refused") != (self.error is not None):
            raise ValueError("a refusal has the error that the caller would get, and nothing else has one")


def below(place: Where, *keys: str | int) -> Where:
    """Return the place of these keys in what stands at `place`; what has no place in a configuration has no keys."""
    return place if isinstance(place, str) else (*place, *keys)


def longest(grants: Iterable[Grant]) -> Grant | None:
    """Return the right that ends last; None if there is none."""
    return max(grants, key=lambda grant: grant.until, default=None)


def ends(until: float) -> float | None:
    """Return the end of a right as a Decision tells it."""
    return None if until == FOR_EVER else until


def refused(error: EsbError, why: str = "", **more: Any) -> Decision:
    """Return the decision that a call is refused with this error; without `why`, its text tells."""
    return Decision(verdict="refused", why=why or str(error), error=error, **more)


def allowed(why: str, **more: Any) -> Decision:
    """Return the decision that a call passes."""
    return Decision(verdict="allowed", why=why, **more)


def unknown(why: str, **more: Any) -> Decision:
    """Return the decision that only the secret itself, or somebody who is not asked, could tell."""
    return Decision(verdict="unknown", why=why, **more)


def not_known_here(why: str, **more: Any) -> Decision:
    """Return the decision that a running gateway could tell, and this process cannot."""
    return Decision(verdict="not known here", why=why, **more)


async def attempted(link: Callable[[Call, Callable[[Call], Awaitable[Call]]], Awaitable[Any]], call: Call) -> Any:
    """Return the call that a middleware passes on, or the EsbError with which it refuses.

    Only for one that asks nobody and counts nothing: it is run, so that no second copy of its rules decides.
    """
    try:
        return await link(call, _itself)
    except EsbError as error:
        return error


async def _itself(call: Call) -> Call:
    return call
