"""Counts of late: how much was counted since somebody looked some minutes ago. Nothing is kept where nobody looks."""

from collections import deque
from typing import NamedTuple

from esb.telemetry.families import CALLS, CRASHES, UPSTREAM_CALLS
from esb.telemetry.metrics import Counts, Snapshot

LATE_SECONDS = 600.0
"""Seconds that are "of late": who looks at a failure wants to see whether it still happens."""
STEP_SECONDS = 30.0
"""Seconds between two looks that are kept."""
FAMILIES = (CALLS.name, UPSTREAM_CALLS.name, CRASHES.name)


class Counted(NamedTuple):
    """The counts of these families since a moment, in seconds since 1970."""

    since: float
    counts: dict[str, Counts]


class LateCounts:
    """The looks of the last minutes, of all who look."""

    def __init__(self) -> None:
        self._looks: deque[Counted] = deque()

    def look(self, now: float, snapshot: Snapshot) -> Counted | None:
        """Return what was counted since the oldest look of the last minutes; None if nobody has looked in them."""
        while self._looks and now - self._looks[0].since > LATE_SECONDS:
            self._looks.popleft()
        first = self._looks[0] if self._looks else None
        if first is None or now - self._looks[-1].since >= STEP_SECONDS:
            self._looks.append(Counted(now, {name: dict(snapshot.counts.get(name, {})) for name in FAMILIES}))
        if first is None:
            return None
        grown = {name: _grown(first.counts[name], snapshot.counts.get(name, {})) for name in FAMILIES}
        return Counted(first.since, grown)


def _grown(before: Counts, after: Counts) -> Counts:
    return {labels: number - before.get(labels, 0) for labels, number in after.items()}
