"""Retries: when a delivery is tried again, by the class of what went wrong."""

import random

BUSY_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0)
"""The time to the next attempt while a platform is busy, after the first, the second, … one; then HOUR."""
HOUR = 3600.0
JITTER = 0.2
"""The part of it by which it is longer or shorter: those who failed together do not come back together."""
TOKEN_SECONDS = 1.0
"""The time to the second attempt after an access token was refused: a fresh one may work. Then as BUSY_SECONDS."""
QUOTA_SECONDS = 60.0
"""The time after which a quota may have room again that nobody has told of."""
PROBE_SECONDS = 300.0
"""The time after which one delivery of a credential that does not work tries it again."""
LATER = frozenset({"busy", "token", "quota", "config"})
"""Classes of failures after which another attempt may do better."""


def pause(failure: str, attempts: int, retry_after: float | None) -> float:
    """Return the seconds until the next attempt, after this class of failure and so many attempts that count."""
    if failure == "quota":
        return QUOTA_SECONDS if retry_after is None else retry_after
    if failure == "token" and attempts <= 1:
        return TOKEN_SECONDS if retry_after is None else retry_after
    index = attempts - 1
    seconds = BUSY_SECONDS[index] if index < len(BUSY_SECONDS) else HOUR
    drawn = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter, not a secret
    return max(seconds * drawn, retry_after or 0.0)
