"""Ages of what waits in the database of deliveries: how late it is, however much of it there is."""

from collections.abc import Iterable
from typing import NamedTuple


class DeliveryAges(NamedTuple):
    """Seconds for which things wait that ought not to; 0 where nothing does."""

    delivery: float
    """Since the delivery was due that waits longest, or is being sent longest. What is held does not count."""
    callback: float
    """Since the callback was due that waits longest."""
    gateway_hold: float
    """Since the gateway began to hold back a credential: the oldest hold that is not over."""
    operator_hold: float
    """Since somebody stopped a component, or a credential: the oldest that is not released."""
    retention: float
    """Since the content or the delivery should have been deleted that is kept longest beyond its time."""

    def later(self, seconds: float) -> "DeliveryAges":
        """Return the ages after so many seconds in which nothing was done: what waited still waits."""
        return DeliveryAges(*(age + seconds if age else 0.0 for age in self))


def oldest_of(seen: Iterable[DeliveryAges | None]) -> DeliveryAges | None:
    """Return the greatest of each age that some process has seen; None if none has."""
    known = [ages for ages in seen if ages is not None]
    return DeliveryAges(*map(max, zip(*known, strict=True))) if known else None
