"""Checks of deliveries: who tells of them can be reached, and nothing waits in the database that ought not to."""

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from esb.config import Config, seconds_of
from esb.config.stanza_reader import deepest
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import Probes
from esb.core.clock import SystemClock
from esb.core.delivery_ages import DeliveryAges
from esb.gateway.process_database import kept
from esb.outgoing.reachability import PORTS, place_of

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database

ENGINE_KEY = "deliveries.engine.config.url"
LATE, CALLBACK_LATE, OVERDUE = 300.0, 600.0, 10_800.0
"""Seconds from which on it is told that something waits, as in deploy/prometheus/alerts.yml."""
SENT_FIX = "look whether a process delivers (`deliveries.run: here`, or `esb deliver`), and at its log"
TOLD_FIX = "look at the log of the processes that deliver, which call back as well: event callback"
HELD_FIX = "mend it: within five minutes a delivery tries; or `esb delivery release` what somebody has stopped"
KEPT_FIX = "look whether a gateway runs with this database, and whether the database takes writes"
MOST_HOLDS = 5
"""Holds that are named."""


def engine_checks(config: Config, probes: Probes) -> Sequence[Check]:
    """Return the checks of the way to what tells processes of work; none if that needs no server."""
    engine = config.delivery_engine
    value = None if engine is None else deepest(engine.config, "url").value
    url = value if isinstance(value, str) else ""
    parts = urlsplit(url)
    if not parts.hostname or not (parts.port or parts.scheme in PORTS):  # an engine of one's own has other schemes
        return ()
    brings_files = "ssl_" in parts.query  # for TLS: those are redis-py's to judge
    return probes.reach_place(place_of(url), ENGINE_KEY) if brings_files else probes.reach(url, ENGINE_KEY)


def delivery_checks(config: Config, database: "Database", probes: Probes) -> Sequence[Check]:
    """Return the checks of what waits in this database; none if nothing is delivered and recorded."""
    if config.deliveries is None and config.ledger is None:
        return ()
    asked = _Checks(config, database, probes)
    return [
        Check("deliveries_held", "no deliveries are held back", asked.held),
        Check("deliveries_sent", "deliveries that are due are sent", asked.sent),
        Check("callbacks_told", "callbacks that are due are told", asked.told),
        Check("ledger_kept", "the ledger keeps nothing beyond its time", asked.kept),
    ]


class _Checks:
    def __init__(self, config: Config, database: "Database", probes: Probes) -> None:
        self._rows = seconds_of(kept(config).rows)
        self._database = database
        self._probes = probes

    def _ages(self) -> Awaitable[DeliveryAges]:
        return self._probes.once("delivery ages", partial(_ages, self._database, self._rows))

    async def held(self) -> Finding:
        from esb.database.holds import oldest_holds

        async with self._database.bare() as connection:
            holds = await oldest_holds(connection, MOST_HOLDS)
        told = [f"{each.credential} (by {each.actor or 'the gateway'}: {each.reason})" for each in holds]
        return Finding("warn", "; ".join(told), HELD_FIX) if told else Finding("ok")

    async def sent(self) -> Finding:
        return _judged((await self._ages()).delivery, LATE, "a delivery has been due for", SENT_FIX)

    async def told(self) -> Finding:
        return _judged((await self._ages()).callback, CALLBACK_LATE, "a callback has been due for", TOLD_FIX)

    async def kept(self) -> Finding:
        return _judged((await self._ages()).retention, OVERDUE, "something should have been deleted for", KEPT_FIX)


async def _ages(database: "Database", rows: float) -> DeliveryAges:
    from esb.database.oldest import oldest

    async with database.bare() as connection:
        return await oldest(connection, SystemClock(), rows)


def _judged(age: float, most: float, what: str, fix: str) -> Finding:
    return Finding("warn", f"{what} {age:.0f} s", fix) if age > most else Finding("ok")
