"""The contract of places that keep idempotency keys: who may make the call of a key, and what was answered to it.

A key is claimed before its call, for as long as it is kept. Until its lease is over, its call is under way; if there is
no answer then, nobody knows what became of it, and nobody makes it again.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Unprotected(StrEnum):
    """Reasons for which the call of a key may be made again, though it was made."""

    PROCESS = "process"
    """Its key is known to this process alone, as long as that lives."""
    AWAY = "away"
    """The place that all processes share was away: the key is known to this process alone."""
    FULL = "full"
    """Its app has as many keys as there is room for: the key is not known to anybody."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that a call brings. `content`: the digests that all calls with it must share.

    `lease`: the seconds that the call may take; `seconds`: those for which the key is kept.
    """

    entry: str
    content: str
    lease: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Held:
    """The right to make the call of a key. `version`: the claim's own; `unprotected`: None if the key is protected."""

    wanted: Wanted
    version: str
    unprotected: Unprotected | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A key that was brought before: its content, the answer as JSON, None without one, and the seconds of its lease.

    `seconds`: those for which it is still kept; `version`: that of its claim.
    """

    content: str
    answer: bytes | None = field(repr=False)
    lease: float
    seconds: float
    version: str


class KeptKeys(Protocol):
    """A place where idempotency keys are kept.

    Each method raises StoreAway if the place cannot be asked; what was asked may have been done all the same.
    """

    async def claim(self, wanted: Wanted) -> Held | Found:
        """Claim this key. Atomic: of any number of callers, one holds it, until its seconds are over or it is released.

        A key for which there is no room is held, too, and is `unprotected`.
        """
        ...

    async def find(self, entry: str) -> Found | None:
        """Return what is kept under this key; None if nothing is."""
        ...

    async def settle(self, held: Held, answer: bytes) -> None:
        """Keep the answer in the place of the claim; if the claim is gone, in the place of nothing."""
        ...

    async def release(self, held: Held) -> None:
        """Give up the claim: nothing was sent, and the next with this key is the first."""
        ...
