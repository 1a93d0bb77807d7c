"""Exponential back-off: the pauses before further tries, with a ceiling and, where many fail together, jitter."""

import random
from collections.abc import Iterator


def pauses(first: float, longest: float, *, jitter: bool = False) -> Iterator[float]:
    """Yield seconds without end: `first`, then twice as long each time, at most `longest`.

    `jitter` takes up to half of each away, so that those who failed together do not come back together.
    """
    pause = first
    while True:
        yield random.uniform(0.5, 1.0) * pause if jitter else pause  # noqa: S311 - jitter, not a secret
        pause = min(2 * pause, longest)
