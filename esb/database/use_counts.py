"""Counts of use: a listener that adds up calls, by names alone, until somebody has written them down."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TypeVar

from esb.core.events import CallFinished, Event
from esb.core.reasons import Reason

DayKey = tuple[str, int, int, str]
"""App, day, secret and component: a row of `day_use`, without its calls."""
HourKey = tuple[str, str, int, str]
"""App, user, hour and component: a row of `impersonated_use`, likewise."""
Key = TypeVar("Key", DayKey, HourKey)

MOST_ROWS = 20_000
"""Rows of each table that wait at most, while the database is away: some megabytes, and many hours of most gateways."""
HOUR = 3600
DAY = 86_400
HOURS = DAY // HOUR
REFUSED = frozenset(
    {
        Reason.NOT_PERMITTED,
        Reason.USER_MISSING,
        Reason.IMPERSONATION_DENIED,
        Reason.TOKEN_INVALID,
        Reason.AUTHENTICATION,
    }
)
"""Reasons of calls that prove an app, and come to no component: they use a secret, and no right."""
NAMED = "bk_username"
"""The source of a user who is named without proof."""


class UseCounts:
    """A listener that counts calls of apps that have proven who they are; and keeps the rows to write.

    On the way of a call it adds one to a number. The hour is that at which counting began anew, so `turn` is called
    when an hour begins, too.
    """

    def __init__(self, since_1970: Callable[[], float]) -> None:
        """Take the time of day."""
        self.now = since_1970
        self._hour = self._hour_now()
        self._counts: dict[tuple[str, int, str, str, str], int] = {}
        """App, secret, system, component, and the user who was named without proof, if one was -> calls."""
        self.days: dict[DayKey, int] = {}
        """Rows that wait to be written: nobody but `turn` and `written` changes them."""
        self.hours: dict[HourKey, int] = {}
        self.dropped = 0
        """Calls for which there was no room, or whose rows were dropped, since somebody set this to 0."""

    def __call__(self, event: Event) -> None:
        if not isinstance(event, CallFinished) or not event.app:
            return
        if event.reason in REFUSED:
            key = (event.app, event.secret_id, "", "", "")
        else:
            named = event.user if event.user_source == NAMED else ""
            key = (event.app, event.secret_id, event.system, event.component, named)
        try:
            self._counts[key] += 1
        except KeyError:
            if len(self._counts) < MOST_ROWS:
                self._counts[key] = 1
            else:
                self.dropped += 1

    @property
    def seconds_left(self) -> float:
        """The seconds until an hour begins."""
        return HOUR - self.now() % HOUR

    def turn(self) -> None:
        """Let what was counted wait to be written, as rows of the hour that it was counted in."""
        hour, self._hour = self._hour, self._hour_now()
        counts, self._counts = self._counts, {}
        for (app, secret, system, component, user), calls in counts.items():
            name = f"{system}.{component}" if component else ""
            fits = _add(self.days, (app, hour // HOURS, secret, name), calls)
            if user:
                fits = _add(self.hours, (app, user, hour, name), calls) and fits
            if not fits:
                self.dropped += calls

    def some(self, most: int) -> tuple[dict[DayKey, int], dict[HourKey, int]]:
        """Return so many of the rows of each table that wait."""
        return dict(islice(self.days.items(), most)), dict(islice(self.hours.items(), most))

    def written(self, days: Mapping[DayKey, int], hours: Mapping[HourKey, int]) -> None:
        """Let these rows wait no longer."""
        for day in days:
            del self.days[day]
        for hour in hours:
            del self.hours[hour]

    def drop(self) -> None:
        """Drop the rows that wait. A call of `hours` is one of `days`, too, unless that one is written already."""
        self.dropped += max(sum(self.days.values()), sum(self.hours.values()))
        self.days, self.hours = {}, {}

    def _hour_now(self) -> int:
        return int(self.now() // HOUR)


def _add(rows: dict[Key, int], key: Key, calls: int) -> bool:
    """Add calls to a row. Return False if there is none, and no room for one more."""
    if key not in rows and len(rows) >= MOST_ROWS:
        return False
    rows[key] = rows.get(key, 0) + calls
    return True
