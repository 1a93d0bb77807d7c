"""The health of a gateway as JSON: its processes, channels, store, database and deliveries; and what is not well."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from esb._version import __version__
from esb.config import Config, DeliveriesConfig
from esb.core.clock import utc_text
from esb.core.delivery_ages import oldest_of
from esb.introspect.config_view import EMBEDDED
from esb.server.late_counts import Counted
from esb.server.process_details import ClosedGate
from esb.server.process_status import Described
from esb.telemetry import incidents
from esb.telemetry.families import CALLS, CRASHES, LOG_LINES_DROPPED, UPSTREAM_CALLS, WORKER_ENDS
from esb.telemetry.metrics import Counts, Snapshot

SOURCES = ("caller", "gateway", "upstream")
NOT_SHARED = "memory"


@dataclass(frozen=True, slots=True)
class Observed:
    """All that is known of a gateway at the moment `now`, in seconds since 1970."""

    config: Config
    processes: Sequence[Described]
    counted: Snapshot
    """The counts of all processes, those that have ended too."""
    late: Counted | None
    held: Sequence[dict[str, Any]] | None
    """The oldest holds of deliveries; None where they are not known."""
    schema: str | None
    """The revision of the database's schema that this version needs; None without a database."""
    sandbox_url: str | None
    now: float

    def troubles_of(self, part: str) -> list[str]:
        """Return what the processes say is wrong with `store`, `database` or `engine`: a text for each that does."""
        told = (getattr(details, f"{part}_trouble") for _, details in self.processes if details is not None)
        return [*filter(None, told)]

    def closed(self) -> dict[str, ClosedGate]:
        """Return by component the gate that is closed longest in some process."""
        gates = (gate for _, details in self.processes if details is not None for gate in details.gates)
        return {gate.component: gate for gate in sorted(gates, key=lambda gate: gate.until or 0.0)}

    def told(self) -> incidents.Incidents:
        """Return what all processes were told."""
        return incidents.latest(details.incidents for _, details in self.processes if details is not None)


def report(seen: Observed) -> dict[str, Any]:
    """Return all but the verdict."""
    told = seen.told()
    return {
        "at": utc_text(seen.now),
        "version": __version__,
        "hash": seen.config.hash,
        "processes": [_process(each) for each in seen.processes],
        "worker_restarts": sum(seen.counted.counts.get(WORKER_ENDS.name, {}).values()),
        "crashes": sum(seen.counted.counts.get(CRASHES.name, {}).values()),
        "log_lines_dropped": sum(seen.counted.counts.get(LOG_LINES_DROPPED.name, {}).values()),
        "late_since": None if seen.late is None else utc_text(seen.late.since),
        "components": _components(seen),
        "upstreams": [*_upstreams(seen)],
        "gates": [
            {"platform": platform, "account": account, "errcode": closing.errcode, "hint": closing.hint}
            | {"until": utc_text(closing.until)}
            for (platform, account), closing in told.gates.items()
        ],
        "tokens": [
            {"platform": platform, "account": account, "outcome": token.outcome, "at": utc_text(token.at)}
            | {"errcode": token.errcode, "errmsg": token.errmsg, "hint": token.hint}
            for (platform, account), token in told.tokens.items()
            if token.failed
        ],
        "breakers": [
            breaker._asdict() for _, details in seen.processes if details is not None for breaker in details.breakers
        ],
        "store": _store(seen, told),
        "database": _database(seen, told),
        "deliveries": _deliveries(seen),
        "sandbox": seen.sandbox_url,
    }


def _process(described: Described) -> dict[str, Any]:
    status, details = described
    load = status.load
    return {
        "pid": None if details is None else details.pid,
        "version": None if details is None else details.version,
        "started": None if details is None else utc_text(details.started),
        "health": status.health,
        "generation": status.generation,
        "in_flight": status.in_flight,
        "connections": load.connections,
        "heads": load.heads,
        "bodies": load.bodies,
        "buffered": load.buffered,
        "last_good": status.last_good,
        "delivering": None if details is None else details.delivering,
        "troubles": [] if details is None else list(details.part_troubles),
    }


def _components(seen: Observed) -> list[dict[str, Any]]:
    """Return every declared component, and those that were called under a former configuration."""
    all_of = _by_component(seen.counted.counts.get(CALLS.name, {}))
    late_of = {} if seen.late is None else _by_component(seen.late.counts[CALLS.name])
    declared = {stanza.name: stanza.active for stanza in seen.config.components}
    closed = {
        name: {"why": gate.why, "until": None if gate.until is None else utc_text(gate.until)}
        for name, gate in seen.closed().items()
    }
    return [
        {
            "name": name,
            "active": declared.get(name),
            "closed": closed.get(name),
            "total": all_of.get(name, _NO_CALLS),
            "late": None if seen.late is None else late_of.get(name, _NO_CALLS),
        }
        for name in dict.fromkeys((*declared, *all_of))
    ]


_NO_CALLS: dict[str, Any] = {"calls": 0, "failed": dict.fromkeys(SOURCES, 0), "outcomes": {}}


def _by_component(counts: Counts) -> dict[str, dict[str, Any]]:
    """Return by component the calls, those that failed by where the trouble came from, and by the answer's code."""
    found: dict[str, dict[str, Any]] = {}
    for (system, component, outcome, source), number in counts.items():
        if not number:
            continue
        of = found.setdefault(
            f"{system}.{component}", {"calls": 0, "failed": dict.fromkeys(SOURCES, 0), "outcomes": Counter()}
        )
        of["calls"] += number
        if source in of["failed"]:
            of["failed"][source] += number
            of["outcomes"][outcome] += number
    return found


def _upstreams(seen: Observed) -> Iterator[dict[str, Any]]:
    """Yield every system and interface that was asked, and the classes of how that ended."""
    totals = _by_interface(seen.counted.counts.get(UPSTREAM_CALLS.name, {}))
    late = {} if seen.late is None else _by_interface(seen.late.counts[UPSTREAM_CALLS.name])
    for (system, interface), classes in sorted(totals.items()):
        of_late = None if seen.late is None else late.get((system, interface), {})
        yield {"system": system, "interface": interface, "total": classes, "late": of_late}


def _by_interface(counts: Counts) -> dict[tuple[str, ...], dict[str, int]]:
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for (system, interface, kind), number in counts.items():
        if number:
            of = found.setdefault((system, interface), {})
            of[kind] = of.get(kind, 0) + number
    return found


def _store(seen: Observed, told: incidents.Incidents) -> dict[str, Any]:
    stanza = seen.config.services.get("store")
    use = NOT_SHARED if stanza is None else stanza.use
    return {"use": use, **_away(seen.troubles_of("store"), told.store_turned)}


def _database(seen: Observed, told: incidents.Incidents) -> dict[str, Any] | None:
    database = seen.config.database
    if database is None:
        return None
    ages = [status.apps_age for status, _ in seen.processes if status.apps_age is not None]
    return {
        "use": database.url.get_secret_value().partition(":")[0],
        **_away(seen.troubles_of("database"), told.database_turned),
        "schema": seen.schema,
        "apps_age": max(ages, default=None),
    }


def _away(troubles: Sequence[str], turned: float | None) -> dict[str, Any]:
    """Return from how many processes it is away, why, and since when it is away or back."""
    since = None if turned is None else utc_text(turned)
    return {"away": len(troubles), "trouble": troubles[0] if troubles else "", "since": since}


def _deliveries(seen: Observed) -> dict[str, Any] | None:
    config = seen.config
    if config.deliveries is None and config.ledger is None:
        return None
    ages = oldest_of(status.ages for status, _ in seen.processes)
    troubles, engine = seen.troubles_of("engine"), config.delivery_engine
    under_way = [details.delivering for _, details in seen.processes if details is not None]
    return {
        "run": (config.deliveries or DeliveriesConfig()).run,
        "engine": {"use": EMBEDDED if engine is None else engine.use, **_away(troubles, None)},
        "ages": None if ages is None else ages._asdict(),
        "held": seen.held,
        "under_way": sum(number for number in under_way if number is not None),
    }
