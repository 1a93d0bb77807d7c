"""Metrics in Prometheus' forms. The one file that knows prometheus_client, and none imports it without a reason."""

import platform
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from esb._version import __version__
from esb.core.delivery_ages import DeliveryAges
from esb.telemetry import families
from esb.telemetry.families import Family, Labels
from esb.telemetry.metrics import Snapshot

BOUNDS = (*map(str, families.BUCKETS), "+Inf")


@dataclass(frozen=True, slots=True)
class State:
    """The gauges at the moment of the scrape, of all processes together."""

    ready: bool
    in_flight: int
    generation: int
    connections: int = 0
    heads: int = 0
    bodies: int = 0
    buffered: int = 0
    components: Collection[tuple[str, str]] = ()
    """System and component of each that is declared: it has its series before it is called."""
    last_good: bool = False
    hash: str = ""
    apps_age: float | None = None
    """Seconds, of the process where it is greatest; None if the apps lie in no database."""
    ages: DeliveryAges | None = None
    """The ages of what waits and ought not to; None if nothing is delivered here."""


def written(snapshot: Snapshot, state: State, accept: str) -> tuple[bytes, str]:
    """Return all families in the form that `accept` (a header) asks for, and its Content-Type."""
    registry = CollectorRegistry(auto_describe=False)  # of its own: the library's is one for the whole process
    registry.register(_Scrape(snapshot, state, time.time()))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Scrape(Collector):
    """The families of one scrape."""

    def __init__(self, snapshot: Snapshot, state: State, now: float) -> None:
        self._snapshot = snapshot
        self._state = state
        self._now = now

    def collect(self) -> Iterator[Metric]:
        for family in families.FAMILIES:
            if family.kind == "counter":
                yield self._counter(family)
            elif family.kind == "histogram":
                yield self._histogram(family)
        yield from self._gauges()

    def _counter(self, family: Family) -> Metric:
        made = CounterMetricFamily(family.name, family.text, labels=family.labels)
        numbers = self._snapshot.counts.get(family.name, {})
        for labels, number in {**dict.fromkeys(self._expected(family, numbers), 0), **numbers}.items():
            made.add_metric(labels, number)
        return made

    def _expected(self, family: Family, numbers: Iterable[Labels]) -> Iterable[Labels]:
        """Return the labels of series that stand at 0 until something is counted.

        An increase is seen from the second value of a series on, so one that is born with its first event hides it.
        """
        if family is families.CALLS:
            named = {*self._state.components, *((system, component) for system, component, *_ in numbers)}
            return [(*names, *outcome) for names in sorted(named) for outcome in families.OUTCOMES]
        if family is families.UPSTREAM_CALLS:
            asked = {(system, interface) for system, interface, _ in numbers}
            return [(*names, kind) for names in sorted(asked) for kind in families.CLASSES]
        if family is families.TOKEN_FETCHES:
            return [(name, outcome) for name in sorted({name for name, _ in numbers}) for outcome in families.FETCHES]
        return ()

    def _histogram(self, family: Family) -> Metric:
        made = HistogramMetricFamily(family.name, family.text, labels=family.labels)
        for labels, (*buckets, seconds) in self._snapshot.timings.get(family.name, {}).items():
            made.add_metric(labels, list(zip(BOUNDS, accumulate(buckets), strict=True)), seconds)
        return made

    def _gauges(self) -> Iterable[Metric]:
        closed: dict[tuple[str, ...], float] = {}
        for (platform_name, _), until in self._snapshot.gates.items():
            closed[(platform_name,)] = closed.get((platform_name,), 0) + (until > self._now)
        yield _gauge(families.GATES, closed)
        yield _gauge(families.STORE_AWAY, {(): self._snapshot.away})
        yield _gauge(families.DATABASE_AWAY, {(): self._snapshot.database_away})
        yield _gauge(families.IN_FLIGHT, {(): self._state.in_flight})
        yield _gauge(families.CONNECTIONS, {(): self._state.connections})
        yield _gauge(families.HEADS, {(): self._state.heads})
        yield _gauge(families.BODIES, {(): self._state.bodies})
        yield _gauge(families.BUFFERED, {(): self._state.buffered})
        yield _gauge(families.APPS_AGE, {} if self._state.apps_age is None else {(): self._state.apps_age})
        yield from self._ages()
        yield _gauge(families.READY, {(): self._state.ready})
        yield _gauge(families.LAST_GOOD, {(): self._state.last_good})
        yield _gauge(families.GENERATION, {(): self._state.generation})
        yield _gauge(families.HASH, {(self._state.hash,): 1})
        yield _gauge(families.LAST_RELOAD, {(): self._snapshot.reloaded})
        yield _gauge(families.BUILD, {(__version__, platform.python_version(), version("aiohttp")): 1})

    def _ages(self) -> Iterable[Metric]:
        ages = self._state.ages
        yield _gauge(families.DELIVERY_AGE, {} if ages is None else {(): ages.delivery})
        yield _gauge(families.CALLBACK_AGE, {} if ages is None else {(): ages.callback})
        by = [] if ages is None else [("gateway", ages.gateway_hold), ("operator", ages.operator_hold)]
        yield _gauge(families.HOLD_AGE, {(who,): age for who, age in by})
        yield _gauge(families.RETENTION_AGE, {} if ages is None else {(): ages.retention})


def _gauge(family: Family, values: dict[tuple[str, ...], float]) -> Metric:
    made = GaugeMetricFamily(family.name, family.text, labels=family.labels)
    for labels, value in values.items():
        made.add_metric(labels, value)
    return made
