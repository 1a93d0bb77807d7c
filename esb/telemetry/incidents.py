"""Incidents: the latest that a process was told of its accounts, store and database, for those who look how it is."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from esb.core.events import Event, GateClosed, StoreTurned, TokenFetched
from esb.core.lru import Recent
from esb.core.process_events import DatabaseTurned

MOST_ACCOUNTS = 200
"""Accounts that are remembered: callers may bring some of their own."""
Account = tuple[str, str]
"""A platform, and an appid, a corpid or the like."""


class Closing(NamedTuple):
    """A quota that is used up: the platform's code, until when (seconds since 1970) nothing is sent, and why."""

    errcode: int | str | None
    until: float
    hint: str = ""


class TokenTold(NamedTuple):
    """The latest end of a fetch of an account's token: when (seconds since 1970), see TokenFetched."""

    at: float
    outcome: str
    errcode: int | str | None = None
    errmsg: str = ""
    hint: str = ""

    @property
    def failed(self) -> bool:
        """True if there was no token."""
        return self.outcome in ("refused", "failed")


@dataclass(frozen=True, slots=True)
class Incidents:
    """The latest that a process was told. Plain data: it can be sent from process to process."""

    gates: Mapping[Account, Closing] = field(default_factory=dict)
    tokens: Mapping[Account, TokenTold] = field(default_factory=dict)
    store_turned: float | None = None
    """The moment when the store went away, or came back (seconds since 1970); None if it did neither."""
    database_turned: float | None = None
    """The same of the database."""


class IncidentNotes:
    """Notes of events that are rare; all others pass. Bounded."""

    def __init__(self, since_1970: Callable[[], float] = time.time) -> None:
        self._now = since_1970
        self._gates: Recent[Account, Closing] = Recent(MOST_ACCOUNTS)
        self._tokens: Recent[Account, TokenTold] = Recent(MOST_ACCOUNTS)
        self._store: float | None = None
        self._database: float | None = None

    def note(self, event: Event) -> None:
        """Remember what this event tells."""
        match event:
            case GateClosed():
                closing = Closing(event.errcode, self._now() + event.seconds, event.hint)
                self._gates[event.platform, event.account] = closing
            case TokenFetched():
                told = TokenTold(self._now(), event.outcome, event.errcode, event.errmsg, event.hint)
                self._tokens[event.platform, event.account] = told
            case StoreTurned():
                self._store = self._now()
            case DatabaseTurned():
                self._database = self._now()

    def copy(self) -> Incidents:
        """Return all of it; of the gates, those that are closed."""
        now = self._now()
        gates = {account: closing for account, closing in self._gates.items() if closing.until > now}
        return Incidents(gates, dict(self._tokens), self._store, self._database)


def latest(told: Iterable[Incidents]) -> Incidents:
    """Return what several processes were told as if it had been one: of each account the latest."""
    gates: dict[Account, Closing] = {}
    tokens: dict[Account, TokenTold] = {}
    store: float | None = None
    database: float | None = None
    for each in told:
        for account, closing in each.gates.items():
            gates[account] = max(closing, gates.get(account, closing), key=lambda found: found.until)
        for account, token in each.tokens.items():
            tokens[account] = max(token, tokens.get(account, token), key=lambda found: found.at)
        store, database = _later(store, each.store_turned), _later(database, each.database_turned)
    return Incidents(gates, tokens, store, database)


def _later(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)
