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
from typing import Literal, NamedTuple

from esb.core import errors
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
)

Labels = tuple[str, ...]
Counts = dict[Labels, int]
Timings = dict[Labels, list[float]]
"""The count of each bucket, of those beyond the last one, and the seconds of all."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: from a relay to a neighbour to the time that a call has unless its stanza says otherwise."""
MOST_LABELS = 5000
"""The most sets of labels that one family has: a plugin may name its upstreams after what callers say."""
OTHER = "other"
NOBODY = "unknown"
"""The system and the component of a call to a path that nobody declared."""
CODES = frozenset(
    found.code for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.EsbError)
)


class Family(NamedTuple):
    """Numbers of one meaning, told apart by labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: Labels
    text: str


CALLS = Family(
    "esb_calls_total",
    "counter",
    ("system", "component", "outcome", "source"),
    "Calls by what came of them: ok, the envelope's code, other (a component's own code) or cut (unanswered); and by "
    "where trouble came from: none, caller, gateway or upstream.",
)
CALL_SECONDS = Family("esb_call_duration_seconds", "histogram", ("system", "component"), "How long calls took.")
UPSTREAM_CALLS = Family(
    "esb_upstream_calls_total",
    "counter",
    ("system", "interface", "class"),
    "Requests to third-party systems by the class of their end.",
)
UPSTREAM_SECONDS = Family(
    "esb_upstream_duration_seconds",
    "histogram",
    ("system", "interface"),
    "How long requests to third-party systems took.",
)
TOKEN_FETCHES = Family(
    "esb_token_fetches_total",
    "counter",
    ("platform", "outcome"),
    "Access tokens asked for: fetched, same (the one at hand came again), refused or failed.",
)
GATE_CLOSINGS = Family(
    "esb_quota_gate_closings_total", "counter", ("platform",), "How often a quota was found to be used up."
)
AUTHENTICATIONS_LIMITED = Family(
    "esb_authentications_limited_total",
    "counter",
    (),
    "How often an address had failed too often to prove that it is an app; see the log.",
)
RELOADS = Family("esb_reloads_total", "counter", ("outcome",), "Reloads of the configuration: ok or refused.")
CRASHES = Family("esb_crashes_total", "counter", (), "Failures of the gateway's own code or a plugin's; see the log.")
LOG_LINES_DROPPED = Family(
    "esb_log_lines_dropped_total", "counter", (), "Lines of the log that were dropped, since nobody read it."
)
REFUSALS = Family(
    "esb_refusals_total",
    "counter",
    ("reason",),
    "Refusals by bounds that all callers share: connections, files, heads, slow_heads, bodies, slow_bodies, buffered, "
    "in_flight or app_share.",
)
CONNECTIONS = Family("esb_connections", "gauge", (), "Open connections of callers.")
HEADS = Family("esb_heads_arriving", "gauge", (), "Connections over which a part of a head has come.")
BODIES = Family("esb_bodies_arriving", "gauge", (), "Bodies on their way from callers who are not known yet.")
BUFFERED = Family("esb_buffered_bytes", "gauge", (), "Bytes of requests that are held, of server.max_buffered.")
GATES = Family(
    "esb_quota_gates_closed", "gauge", ("platform",), "Accounts in whose name nothing is sent until a quota is back."
)
STORE_AWAY = Family("esb_store_away", "gauge", (), "Processes that cannot reach the shared store.")
IN_FLIGHT = Family("esb_calls_in_flight", "gauge", (), "Calls under way.")
READY = Family("esb_ready", "gauge", (), "1 while new calls are taken, 0 before and while draining.")
GENERATION = Family("esb_config_generation", "gauge", (), "Which configuration answers: 1, and one more each reload.")
BUILD = Family("esb_build_info", "gauge", ("version", "python", "aiohttp"), "What is running. Always 1.")

FAMILIES = (
    *(CALLS, CALL_SECONDS, UPSTREAM_CALLS, UPSTREAM_SECONDS, TOKEN_FETCHES, GATE_CLOSINGS, RELOADS, CRASHES),
    *(AUTHENTICATIONS_LIMITED, LOG_LINES_DROPPED, REFUSALS, CONNECTIONS, HEADS, BODIES, BUFFERED),
    *(GATES, STORE_AWAY, IN_FLIGHT, READY, GENERATION, BUILD),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of one process, or of several, until now. Plain data: it can be sent from process to process.

    `gates`: until when (in seconds since 1970) which account of which platform is closed; `away`: from how many of the
    processes the shared store is away.
    """

    counts: Mapping[str, Counts] = field(default_factory=dict)
    timings: Mapping[str, Timings] = field(default_factory=dict)
    gates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    away: int = 0


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
            CRASHES.name: {(): 0},
            AUTHENTICATIONS_LIMITED.name: {(): 0},
            TOKEN_FETCHES.name: {},
            GATE_CLOSINGS.name: {},
        }
        self._gates: dict[tuple[str, str], float] = {}
        self._away = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, UpstreamFinished):
            cells = self._upstreams
            labels: Labels = (event.system, event.interface, event.kind)
        elif isinstance(event, CallFinished):
            cells = self._calls
            outcome = _trouble(event) if event.source else "ok"
            labels = (event.system or NOBODY, event.component or NOBODY, outcome, event.source or "none")
        else:
            self._count_rare(event)
            return
        cell = cells.found.get(labels) or cells.make(labels)
        cell.number += 1
        timing, seconds = cell.timing, event.seconds
        timing[bisect_left(BUCKETS, seconds)] += 1
        timing[-1] += seconds

    def _count_rare(self, event: Event) -> None:
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
            case Reloaded():
                self._count(RELOADS, "refused" if event.mistakes else "ok")
            case Crashed():
                self._count(CRASHES)

    def _count(self, family: Family, *labels: str) -> None:
        counts = self._rare[family.name]
        labels = labels if labels in counts else _within_bounds(counts, labels)
        counts[labels] = counts.get(labels, 0) + 1

    def _close(self, event: GateClosed) -> None:
        now = self._now()
        self._gates = {account: until for account, until in self._gates.items() if until > now}
        self._gates[(event.platform, event.account)] = now + event.seconds

    def snapshot(self, refusals: Mapping[str, int] = MappingProxyType({})) -> Snapshot:
        """Return a copy of all that was counted, and of these refusals by reason, which are counted elsewhere."""
        counts = {name: dict(counted) for name, counted in self._rare.items()}
        counts[REFUSALS.name] = {(reason,): number for reason, number in refusals.items()}
        counts[LOG_LINES_DROPPED.name] = {(): self._lines_dropped()}
        timings: dict[str, Timings] = {}
        for family, seconds, cells in (
            (CALLS, CALL_SECONDS, self._calls),
            (UPSTREAM_CALLS, UPSTREAM_SECONDS, self._upstreams),
        ):
            counts[family.name] = {labels: cell.number for labels, cell in cells.found.items()}
            timings[seconds.name] = {labels: list(timing) for labels, timing in cells.timings.items()}
        return Snapshot(counts, timings, dict(self._gates), self._away)


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
    away = 0
    for snapshot in snapshots:
        away += snapshot.away
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
    return Snapshot(counts, timings, gates, away)


_NOTHING = [0.0] * (len(BUCKETS) + 2)
