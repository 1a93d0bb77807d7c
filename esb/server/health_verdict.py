"""The verdict on a gateway: what is not well, the gravest first."""

from collections.abc import Iterator

from esb.core.delivery_ages import DeliveryAges, oldest_of
from esb.introspect.delivery_checks import CALLBACK_LATE, LATE, OVERDUE
from esb.introspect.troubles import Trouble
from esb.server.health_report import Observed
from esb.server.process_status import OK
from esb.telemetry.families import CRASHES

APPS_SECONDS = 60.0
"""Seconds without a word from the database about the apps from which on it is told; it answers every second."""
TOKEN_SECONDS = 3600.0
"""Seconds for which an account without a token is told: callers may bring accounts of their own, and never again."""


def troubles(seen: Observed) -> list[Trouble]:
    """Return all that is not well; nothing if all is."""
    return [
        *_of_processes(seen),
        *_of_configuration(seen),
        *_of_parts(seen),
        *_of_channels(seen),
        *_of_deliveries(seen),
    ]


def _of_processes(seen: Observed) -> Iterator[Trouble]:
    unwell = [status.health for status, _ in seen.processes if status.health != OK]
    if unwell:
        yield Trouble("processes", {"number": len(unwell), "all": len(seen.processes), "health": unwell[0]})
    versions = sorted({details.version for _, details in seen.processes if details is not None})
    if len(versions) > 1:
        yield Trouble("versions", {"versions": ", ".join(versions)})
    crashed = 0 if seen.late is None else sum(seen.late.counts[CRASHES.name].values())
    if crashed:
        yield Trouble("crashes", {"number": crashed})


def _of_configuration(seen: Observed) -> Iterator[Trouble]:
    if len({status.generation for status, _ in seen.processes if status.health == OK}) > 1:
        yield Trouble("generations", {})
    if any(status.last_good for status, _ in seen.processes):
        yield Trouble("last_good", {})
    if not seen.counted.reloaded:
        yield Trouble("reload", {})


def _of_parts(seen: Observed) -> Iterator[Trouble]:
    for part in ("store", "database"):
        told = seen.troubles_of(part)
        if told:
            yield Trouble(part, {"number": len(told), "all": len(seen.processes), "reason": told[0]})
    age = max((status.apps_age for status, _ in seen.processes if status.apps_age is not None), default=0.0)
    if age > APPS_SECONDS:
        yield Trouble("apps", {"seconds": round(age)})
    texts = (text for _, details in seen.processes if details is not None for text in details.part_troubles)
    for text in dict.fromkeys(texts):
        yield Trouble("part", {"text": text})


def _of_channels(seen: Observed) -> Iterator[Trouble]:
    told = seen.told()
    closed = seen.closed()
    if closed:
        yield Trouble("closed", {"names": ", ".join(closed)})
    elif told.gates:  # of accounts that callers bring
        yield Trouble("gates", {"number": len(told.gates)})
    failed = [
        account for account, token in told.tokens.items() if token.failed and seen.now - token.at <= TOKEN_SECONDS
    ]
    if failed:
        platform, account = failed[0]
        yield Trouble("tokens", {"number": len(failed), "platform": platform, "account": account})
    breakers = sum(len(details.breakers) for _, details in seen.processes if details is not None)
    if breakers:
        yield Trouble("breakers", {"number": breakers})


def _of_deliveries(seen: Observed) -> Iterator[Trouble]:
    engine = seen.troubles_of("engine")
    if engine:
        yield Trouble("engine", {"reason": engine[0]})
    ages = oldest_of(status.ages for status, _ in seen.processes)
    if ages is not None:
        yield from _of_ages(ages)


def _of_ages(ages: DeliveryAges) -> Iterator[Trouble]:
    for kind, age, most in (
        ("deliveries", ages.delivery, LATE),
        ("callbacks", ages.callback, CALLBACK_LATE),
        ("retention", ages.retention, OVERDUE),
    ):
        if age > most:
            yield Trouble(kind, {"seconds": round(age)})
    for kind, age in (("gateway_hold", ages.gateway_hold), ("operator_hold", ages.operator_hold)):
        if age:
            yield Trouble(kind, {})
