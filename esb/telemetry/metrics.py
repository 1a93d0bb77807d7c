"""Counters: a listener that adds up events, and the families of numbers that come of it.

The numbers are plain, so that those of several processes can be sent to one of them, added up and shown there. Labels
are names from the configuration or from the code, never what a caller wrote.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import get_args

from esb.core.delivery_events import CallbackOutcome, CallbackTried, LedgerDropped, ReceiptsTaken
from esb.core.events import (
    AuthenticationLimited,
    CallFinished,
    Crashed,
    Event,
    GateClosed,
    Reloaded,
    StoreTurned,
    TokenFetched,
    UpstreamFinished,
    WorkerEnded,
)
from esb.core.process_events import DatabaseTurned, KeysUnprotected, UseDropped
from esb.telemetry.families import (
    APP_CALLS,
    AUTHENTICATIONS_LIMITED,
    BUCKETS,
    CALL_SECONDS,
    CALLBACKS,
    CALLS,
    CODES,
    CRASHES,
    GATE_CLOSINGS,
    KEYS_UNPROTECTED,
    LEDGER_DROPPED,
    LOG_LINES_DROPPED,
    RECEIPTS,
    REFUSALS,
    RELOADS,
    RESULTS,
    SECRET_USES,
    TOKEN_FETCHES,
    UPSTREAM_CALLS,
    UPSTREAM_SECONDS,
    USE_DROPPED,
    WORKER_ENDS,
    Family,
    Labels,
)
from esb.telemetry.incidents import IncidentNotes

Counts = dict[Labels, int]
Timings = dict[Labels, list[float]]
"""The count of each bucket, of those beyond the last one, and the seconds of all."""

MOST_LABELS = 5000
"""The most sets of labels that one family has: a plugin may name its upstreams after what callers say."""
OTHER = "other"
NOBODY = "unknown"
"""The system and the component of a call to a path that nobody declared."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of one process, or of several, until now. Plain data: it can be sent from process to process.

    `gates`: until when (in seconds since 1970) which account of which platform is closed; `away`, `database_away`: from
    how many of the processes the shared store is away, and the database; `reloaded`: no process has had its last reload
    refused.
    """

    counts: Mapping[str, Counts] = field(default_factory=dict)
    timings: Mapping[str, Timings] = field(default_factory=dict)
    gates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    away: int = 0
    database_away: int = 0
    reloaded: bool = True


class _Cell:
    """The count of events with the same labels, and the histogram of those that differ in the last labels only."""

    __slots__ = ("number", "timing")

    def __init__(self, timing: list[float]) -> None:
        self.number = 0
        self.timing = timing


class _Cells:
    """The cells of events of which there are many; they are timed by their first two labels."""

    def __init__(self) -> None:
        self.found: dict[Labels, _Cell] = {}
        self.timings: Timings = {}

    def make(self, labels: Labels) -> _Cell:
        labels = _within_bounds(self.found, labels)
        timing = self.timings.setdefault(labels[:2], [0] * (len(BUCKETS) + 2))
        return self.found.setdefault(labels, _Cell(timing))


class Tally:
    """A counter of events, on the way of every call: the usual event costs it one look-up and three additions.

    No scenario of the bench has an admin listener, so none measures it.
    """

    def __init__(
        self, since_1970: Callable[[], float] = time.time, lines_dropped: Callable[[], int] = lambda: 0
    ) -> None:
        """Take functions: the time, and how many lines of the log were dropped until now."""
        self._now = since_1970
        self._lines_dropped = lines_dropped
        self._calls = _Cells()
        self._upstreams = _Cells()
        self._rare: dict[str, Counts] = {
            RELOADS.name: {("ok",): 0, ("refused",): 0},  # from the start: an increase is seen against a number
            WORKER_ENDS.name: {("ended",): 0, ("stuck",): 0},
            CRASHES.name: {(): 0},
            AUTHENTICATIONS_LIMITED.name: {(): 0},
            LEDGER_DROPPED.name: {(): 0},
            USE_DROPPED.name: {(): 0},
            CALLBACKS.name: {(outcome,): 0 for outcome in get_args(CallbackOutcome)},
            RECEIPTS.name: {},
            KEYS_UNPROTECTED.name: dict.fromkeys([("process",), ("away",), ("full",)], 0),
            SECRET_USES.name: {},
            TOKEN_FETCHES.name: {},
            GATE_CLOSINGS.name: {},
        }
        self._gates: dict[tuple[str, str], float] = {}
        self._away = 0
        self._database_away = 0
        self._reloaded = True
        self._apps: Counts = {}
        self.incidents = IncidentNotes(since_1970)
        """The latest of what is rare, which numbers do not tell."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, UpstreamFinished):
            cells = self._upstreams
            labels: Labels = (event.system, event.interface, event.kind)
        elif isinstance(event, CallFinished):
            cells = self._calls
            outcome = _trouble(event) if event.source else "ok"
            if event.app:
                self._count_app(event.app, "failed" if event.source else "ok")
                if event.secret_number:
                    self._count(SECRET_USES, event.app, str(event.secret_number))
            labels = (event.system or NOBODY, event.component or NOBODY, outcome, event.source or "none")
        else:
            self._count_rare(event)
            return
        cell = cells.found.get(labels) or cells.make(labels)
        cell.number += 1
        timing, seconds = cell.timing, event.seconds
        timing[bisect_left(BUCKETS, seconds)] += 1
        timing[-1] += seconds

    def _count_app(self, app: str, result: str) -> None:
        if (app, result) not in self._apps:
            app, _ = _within_bounds(self._apps, (app, result))
            for each in RESULTS:
                self._apps.setdefault((app, each), 0)
        self._apps[app, result] += 1

    def _count_rare(self, event: Event) -> None:
        self.incidents.note(event)
        match event:
            case TokenFetched():
                self._count(TOKEN_FETCHES, event.platform, event.outcome)
            case GateClosed():
                self._count(GATE_CLOSINGS, event.platform)
                self._close(event)
            case AuthenticationLimited():
                self._count(AUTHENTICATIONS_LIMITED)
            case StoreTurned():
                self._away = 1 if event.trouble else 0
            case DatabaseTurned():
                self._database_away = 1 if event.trouble else 0
            case LedgerDropped():
                self._rare[LEDGER_DROPPED.name][()] += event.calls
            case UseDropped():
                self._rare[USE_DROPPED.name][()] += event.calls
            case CallbackTried():
                self._count(CALLBACKS, event.outcome)
            case ReceiptsTaken():
                self._count(RECEIPTS, event.component, event.outcome, number=event.number)
            case KeysUnprotected():
                self._rare[KEYS_UNPROTECTED.name][(event.reason,)] += event.keys
            case Reloaded():
                self._reloaded = not event.mistakes
                self._count(RELOADS, "refused" if event.mistakes else "ok")
            case WorkerEnded():
                self._count(WORKER_ENDS, "stuck" if event.stuck else "ended")
            case Crashed():
                self._count(CRASHES)

    def _count(self, family: Family, *labels: str, number: int = 1) -> None:
        counts = self._rare[family.name]
        labels = labels if labels in counts else _within_bounds(counts, labels)
        counts[labels] = counts.get(labels, 0) + number

    def _close(self, event: GateClosed) -> None:
        now = self._now()
        self._gates = {account: until for account, until in self._gates.items() if until > now}
        self._gates[(event.platform, event.account)] = now + event.seconds

    def snapshot(self, refusals: Mapping[str, int] = MappingProxyType({})) -> Snapshot:
        """Return a copy of all that was counted, and of these refusals by reason, which are counted elsewhere."""
        counts = {name: dict(counted) for name, counted in self._rare.items()}
        counts[REFUSALS.name] = {(reason,): number for reason, number in refusals.items()}
        counts[APP_CALLS.name] = dict(self._apps)
        counts[LOG_LINES_DROPPED.name] = {(): self._lines_dropped()}
        timings: dict[str, Timings] = {}
        for family, seconds, cells in (
            (CALLS, CALL_SECONDS, self._calls),
            (UPSTREAM_CALLS, UPSTREAM_SECONDS, self._upstreams),
        ):
            counts[family.name] = {labels: cell.number for labels, cell in cells.found.items()}
            timings[seconds.name] = {labels: list(timing) for labels, timing in cells.timings.items()}
        return Snapshot(counts, timings, dict(self._gates), self._away, self._database_away, self._reloaded)


def _within_bounds(known: Mapping[Labels, object], labels: Labels) -> Labels:
    return labels if len(known) < MOST_LABELS else (OTHER,) * len(labels)


def _trouble(event: CallFinished) -> str:
    if not event.status:
        return "cut"
    return str(event.code) if isinstance(event.code, int) and event.code in CODES else OTHER


def joined(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the counts of several processes, of those that have ended too, as if it had been one."""
    counts: dict[str, Counts] = {}
    timings: dict[str, Timings] = {}
    gates: dict[tuple[str, str], float] = {}
    away, database_away, reloaded = 0, 0, True
    for snapshot in snapshots:
        away += snapshot.away
        database_away += snapshot.database_away
        reloaded = reloaded and snapshot.reloaded
        for name, numbers in snapshot.counts.items():
            total = counts.setdefault(name, {})
            for labels, number in numbers.items():
                total[labels] = total.get(labels, 0) + number
        for name, measured in snapshot.timings.items():
            sums = timings.setdefault(name, {})
            for labels, timing in measured.items():
                sums[labels] = [one + other for one, other in zip(sums.get(labels, _NOTHING), timing, strict=True)]
        for account, until in snapshot.gates.items():
            gates[account] = max(until, gates.get(account, -math.inf))
    return Snapshot(counts, timings, gates, away, database_away, reloaded)


_NOTHING = [0.0] * (len(BUCKETS) + 2)
