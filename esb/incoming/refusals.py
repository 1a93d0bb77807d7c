"""Refusals by the bounds that all callers share: each is counted, and the log is told now and then."""

import time

from esb.core.events import LimitReached, Observer

SILENT_SECONDS = 10.0
"""Seconds between two lines of the log about the same bound: whoever floods the gateway must not flood its log too."""
REASONS = (
    *("connections", "files", "heads", "slow_heads", "bodies", "slow_bodies", "buffered", "in_flight", "app_share"),
)
"""Bounds: on open connections and files; on heads and bodies on their way from one address, and on how slow they may
be; on bytes held; on calls at once, of all and of one app."""


class Refusals:
    """The counts of refusals by their reason, one of REASONS."""

    def __init__(self, observer: Observer) -> None:
        self.counts = dict.fromkeys(REASONS, 0)
        self._observer = observer
        self._logged: dict[str, tuple[float, int]] = {}
        """Reason -> when it was logged last (monotonic), and the count by then."""

    def count(self, reason: str, number: int = 1) -> None:
        """Count refusals, and emit how many there were since the last event of this kind, if that was long ago."""
        self.counts[reason] += number
        now = time.monotonic()
        last, before = self._logged.get(reason, (-SILENT_SECONDS, 0))
        if now - last >= SILENT_SECONDS:
            self._logged[reason] = (now, self.counts[reason])
            self._observer.emit(LimitReached(reason, self.counts[reason] - before))
