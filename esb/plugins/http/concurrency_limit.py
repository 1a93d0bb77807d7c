"""A bound on how many calls of one component may be under way at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager

from esb.core.errors import Limited

RETRY_AFTER = 1.0


class ConcurrencyLimit:
    """Lets so many in, and turns the next one away at once; None lets everybody in."""

    def __init__(self, places: int | None) -> None:
        self._places = places
        self._taken = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A place, from here on until the end."""
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
