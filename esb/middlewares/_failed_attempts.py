"""Failed authentications by address and claimed app: who fails too often in a minute learns no more from a refusal."""

from collections.abc import Callable
from dataclasses import dataclass, field

from esb.core.client_sites import site_of
from esb.core.lru import Recent

SECONDS = 60.0
"""The time in which failures are counted together."""
MOST_ADDRESSES = 5000
"""The most addresses that are remembered; who has more of them has as many times the limit anyway."""
MOST_APPS = 16
"""The most apps of one address that are counted apart, so that made-up names fill no memory: others count together."""
OTHERS = ""
"""The name under which they count: no app has it."""
LONGEST_CODE = 64
"""The characters of a claimed app that are kept, and told: whoever claims it chose it."""


@dataclass(slots=True)
class _Minute:
    """The failures of one address since it began, by claimed app."""

    began: float
    failures: dict[str, int] = field(default_factory=dict)


class FailedAttempts:
    """The failures of the last minute, at most `limit` for an address and an app. Bounded."""

    def __init__(self, clock: Callable[[], float], limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._minutes: Recent[str, _Minute] = Recent(MOST_ADDRESSES)

    def count(self, address: str, app: str) -> tuple[int, float]:
        """Count a failure; return how many are over the limit now, and the seconds until they are forgotten."""
        now = self._clock()
        site = site_of(address)
        minute = self._minutes.used(site)
        if minute is None or now >= minute.began + SECONDS:
            minute = self._minutes[site] = _Minute(now)
        failures = minute.failures
        app = app[:LONGEST_CODE]
        if app not in failures and len(failures) >= MOST_APPS:
            app = OTHERS
        failures[app] = failures.get(app, 0) + 1
        return failures[app] - self._limit, minute.began + SECONDS - now
