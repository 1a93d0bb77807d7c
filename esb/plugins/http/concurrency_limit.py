"""A bound on how many calls of one component may be under way at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager

from esb.core.errors import Limited

RETRY_AFTER = 1.0


class ConcurrencyLimit:
    """A number of places: a call that finds none is refused at once. None: as many as come."""

    def __init__(self, places: int | None) -> None:
        self._places = places
        self._taken = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Take a place, from here on until the end. Limited if there is none."""
        if self._places is not None and self._taken >= self._places:
            raise Limited(
                "Too many calls of this component are under way, at most {limit} are allowed at the same time",
                RETRY_AFTER,
                limit=self._places,
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
