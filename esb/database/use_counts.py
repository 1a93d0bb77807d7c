"""Counts of use: a listener that adds up calls, by names alone, until somebody has written them down."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from esb.core.events import CallFinished, Event
from esb.core.reasons import Reason

DayKey = tuple[str, int, int, str]
"""App, day, secret and component: a row of `day_use`, without its calls."""
HourKey = tuple[str, str, int, str]
"""App, user, hour and component: a row of `impersonated_use`, likewise."""

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
        self._calls: dict[tuple[str, int, str, str], int] = {}
        self._named: dict[tuple[str, str, str, str], int] = {}
        self.days: dict[DayKey, int] = {}
        """Rows that wait to be written: nobody but `turn` and `written` changes them."""
        self.hours: dict[HourKey, int] = {}
        self.dropped = 0
        """Calls for which there was no room, or whose rows were dropped, since somebody set this to 0."""

    def __call__(self, event: Event) -> None:
        if not isinstance(event, CallFinished) or not event.app:
            return
        app, system, component = event.app, event.system, event.component
        if event.reason in REFUSED:
            system = component = ""
        elif event.user_source == NAMED:
            named = (app, event.user, system, component)
            try:
                self._named[named] += 1
            except KeyError:
                self._begin(self._named, named, len(self.hours))
        call = (app, event.secret_id, system, component)
        try:
            self._calls[call] += 1
        except KeyError:
            self._begin(self._calls, call, len(self.days))

    def _begin(self, counts: dict[Any, int], key: Any, waiting: int) -> None:
        if len(counts) + waiting < MOST_ROWS:
            counts[key] = 1
        else:
            self.dropped += 1

    @property
    def seconds_left(self) -> float:
        """The seconds until an hour begins."""
        return HOUR - self.now() % HOUR

    def turn(self) -> None:
        """Let what was counted wait to be written, as rows of the hour that it was counted in."""
        hour, self._hour = self._hour, self._hour_now()
        calls, self._calls = self._calls, {}
        named, self._named = self._named, {}
        for (app, secret, system, component), number in calls.items():
            day = (app, hour // HOURS, secret, _name(system, component))
            self.days[day] = self.days.get(day, 0) + number
        for (app, user, system, component), number in named.items():
            row = (app, user, hour, _name(system, component))
            self.hours[row] = self.hours.get(row, 0) + number

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


def _name(system: str, component: str) -> str:
    return f"{system}.{component}" if component else ""
