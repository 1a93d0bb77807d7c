"""What happened, counted: a listener that adds up events, and the families of numbers that come of it.

The numbers are plain, so that those of several processes can be sent to one of them, added up and shown there. Labels
are names from the configuration or from the code, never what a caller wrote.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from esb import errors
from esb.observe import CallFinished, Crashed, Event, GateClosed, Reloaded, TokenFetched, UpstreamFinished

Labels = tuple[str, ...]
Counts = dict[Labels, int]
Timings = dict[Labels, list[float]]
"""How many fell into each bucket, those beyond the last one, and the seconds of all."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: from a relay to a neighbour to the time that a call has unless its stanza says otherwise."""
MOST_LABELS = 5000
"""How many sets of labels one family has at most: a plugin may name its upstreams after what callers say."""
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
RELOADS = Family("esb_reloads_total", "counter", ("outcome",), "Reloads of the configuration: ok or refused.")
CRASHES = Family("esb_crashes_total", "counter", (), "Failures of the gateway's own code or a plugin's; see the log.")
GATES = Family(
    "esb_quota_gates_closed", "gauge", ("platform",), "Accounts in whose name nothing is sent until a quota is back."
)
IN_FLIGHT = Family("esb_calls_in_flight", "gauge", (), "Calls under way.")
READY = Family("esb_ready", "gauge", (), "1 while new calls are taken, 0 before and while draining.")
GENERATION = Family("esb_config_generation", "gauge", (), "Which configuration answers: 1, and one more each reload.")
BUILD = Family("esb_build_info", "gauge", ("version", "python", "aiohttp"), "What is running. Always 1.")

FAMILIES = (
    *(CALLS, CALL_SECONDS, UPSTREAM_CALLS, UPSTREAM_SECONDS, TOKEN_FETCHES, GATE_CLOSINGS, RELOADS, CRASHES),
    *(GATES, IN_FLIGHT, READY, GENERATION, BUILD),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one process, or several, have counted until now. Plain data: it can be sent from process to process.

    `gates`: until when (in seconds since 1970) which account of which platform is closed.
    """

    counts: Mapping[str, Counts] = field(default_factory=dict)
    timings: Mapping[str, Timings] = field(default_factory=dict)
    gates: Mapping[tuple[str, str], float] = field(default_factory=dict)


class Tally:
    """Counts events. A listener, on the way of every call: it only adds to numbers."""

    def __init__(self, since_1970: Callable[[], float] = time.time) -> None:
        self._now = since_1970
        self._counts: dict[str, Counts] = {family.name: {} for family in FAMILIES if family.kind == "counter"}
        self._timings: dict[str, Timings] = {family.name: {} for family in FAMILIES if family.kind == "histogram"}
        self._gates: dict[tuple[str, str], float] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case UpstreamFinished():
                place = (event.system, event.interface)
                self._count(UPSTREAM_CALLS, (*place, event.kind))
                self._time(UPSTREAM_SECONDS, place, event.seconds)
            case CallFinished():
                place = (event.system or NOBODY, event.component or NOBODY)
                self._count(CALLS, (*place, _outcome(event), event.source or "none"))
                self._time(CALL_SECONDS, place, event.seconds)
            case TokenFetched():
                self._count(TOKEN_FETCHES, (event.platform, event.outcome))
            case GateClosed():
                self._count(GATE_CLOSINGS, (event.platform,))
                self._close(event)
            case Reloaded():
                self._count(RELOADS, ("refused" if event.mistakes else "ok",))
            case Crashed():
                self._count(CRASHES, ())

    def snapshot(self) -> Snapshot:
        """A copy of all that was counted."""
        return Snapshot(
            {name: dict(counts) for name, counts in self._counts.items()},
            {name: {key: list(timing) for key, timing in timings.items()} for name, timings in self._timings.items()},
            dict(self._gates),
        )

    def _count(self, family: Family, labels: Labels) -> None:
        counts = self._counts[family.name]
        try:
            counts[labels] += 1
        except KeyError:
            labels = _within_bounds(counts, labels)
            counts[labels] = counts.get(labels, 0) + 1

    def _time(self, family: Family, labels: Labels, seconds: float) -> None:
        timings = self._timings[family.name]
        timing = timings.get(labels)
        if timing is None:
            timing = timings.setdefault(_within_bounds(timings, labels), [0] * (len(BUCKETS) + 2))
        timing[bisect_left(BUCKETS, seconds)] += 1
        timing[-1] += seconds

    def _close(self, event: GateClosed) -> None:
        now = self._now()
        self._gates = {account: until for account, until in self._gates.items() if until > now}
        self._gates[(event.platform, event.account)] = now + event.seconds


def _within_bounds(known: Mapping[Labels, object], labels: Labels) -> Labels:
    return labels if len(known) < MOST_LABELS else (OTHER,) * len(labels)


def _outcome(event: CallFinished) -> str:
    if not event.status:
        return "cut"
    if not event.source:
        return "ok"
    return str(event.code) if isinstance(event.code, int) and event.code in CODES else OTHER


def joined(snapshots: Iterable[Snapshot]) -> Snapshot:
    """What several processes have counted, those that have ended too, as if it had been one."""
    counts: dict[str, Counts] = {}
    timings: dict[str, Timings] = {}
    gates: dict[tuple[str, str], float] = {}
    for snapshot in snapshots:
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
    return Snapshot(counts, timings, gates)


_NOTHING = [0.0] * (len(BUCKETS) + 2)
