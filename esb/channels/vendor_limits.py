"""Limits of a vendor: messages a minute, the time of a penalty, the size of a text. All processes keep them as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from esb.channels.draft import Draft, Rejected
from esb.channels.pacing import ARRIVING_SECONDS, SENDING_SECONDS, share_of_deliveries
from esb.channels.pagination import pages
from esb.channels.quota_gate import QuotaGate
from esb.contracts.services import ProcessServices
from esb.core.call import Call
from esb.core.errors import Limited, ParameterError, template
from esb.core.reasons import Reason
from esb.store.keyspaces import PACE
from esb.store.protocol import StoreReader

MINUTE = 60.0
TOO_FAST = template("No more messages are taken in this minute, please try again later")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits that a vendor sets to one credential; 0: none that is known.

    `per_minute`: messages. `penalty_seconds`: the time for which the vendor refuses whoever was too fast, unless its
    answer says. `max_bytes`: the size of one text, in bytes of UTF-8. `max_receivers`: those of one message; one for
    more goes in parts. `at_once`: requests of one call at the same time.
    """

    per_minute: int = 0
    penalty_seconds: float = 0.0
    max_bytes: int = 0
    max_receivers: int = 0
    at_once: int = 4

    def pages(self, text: str) -> list[str]:
        """Return the text in pages of at most `max_bytes`, numbered where there are several.

        ParameterError for a text of too many pages.
        """
        return pages(text, self.max_bytes) if self.max_bytes else [text]

    def parts(self, receivers: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield receivers, as many at once as one message may have."""
        size = self.max_receivers or len(receivers) or 1
        return (tuple(receivers[start : start + size]) for start in range(0, len(receivers), size))

    def check(self, draft: Draft) -> None:
        """Refuse a draft that holds a text of more than `max_bytes`: ParameterError."""
        if self.max_bytes:
            self._check(draft.body)

    def retry_after(self, rejected: Rejected) -> float | None:
        """Return the seconds until another try may succeed; None where that is not known."""
        if rejected.retry_after is None and rejected.kind == "quota":
            return self.penalty_seconds or None
        return rejected.retry_after

    def _check(self, value: object) -> None:
        if isinstance(value, dict):
            value = [*value.values()]
        if isinstance(value, list | tuple):
            for item in value:
                self._check(item)
        elif isinstance(value, str) and (size := len(value.encode())) > self.max_bytes:
            raise ParameterError(
                "The text is too long: it has {size} bytes, and at most {most} messages of {limit} bytes are sent",
                size=size,
                most=1,
                limit=self.max_bytes,
            )


class Turn(NamedTuple):
    """The permit to send some messages. `receipt`: that of the store, None where nobody counts."""

    messages: int
    receipt: float | None = None


class Pacer:
    """The pace of one credential, and the gate before it, closed while the vendor's penalty lasts.

    `credential` tells it from others: a digest, no secret.
    """

    def __init__(self, services: ProcessServices, limits: Limits, credential: str) -> None:
        self._services = services
        self._limits = limits
        self._pace = f"{PACE}:{credential}"
        self._gate = QuotaGate(services.store, services.observer, "send", credential)

    async def turn(self, call: Call, messages: int) -> Turn:
        """Wait for the permit to send so many messages, all or none of them, within the call's deadline.

        Raise Limited if it would come too late, and StoreAway: either way nothing was sent.
        """
        limit = self._limits.per_minute
        if not limit:
            return Turn(messages)
        if messages > limit:
            raise Limited(TOO_FAST, MINUTE, call_reason=Reason.QUOTA)
        left = call.seconds_left
        patience = max(0.0, left - SENDING_SECONDS)
        held = left + ARRIVING_SECONDS
        if call.options.run is not None:
            patience, limit = 0.0, max(messages, share_of_deliveries(limit))
        (wait,), receipt = await self._services.store.reserve(
            [self._pace], times=messages, limit=limit, seconds=MINUTE, patience=patience, held=held
        )
        if wait > patience:
            raise Limited(TOO_FAST, round(min(wait, MINUTE), 1), call_reason=Reason.QUOTA)
        if wait:
            await self._services.clock.sleep(wait)
        return Turn(messages, receipt)

    async def left(self) -> int | None:
        """Return how many messages may be sent now; None where nobody counts, or the store does not tell."""
        limit, store = self._limits.per_minute, self._services.store
        if not limit or not isinstance(store, StoreReader):
            return None
        (number,) = await store.reserved([self._pace], MINUTE)
        return max(0, limit - number)

    async def settle(self, turn: Turn) -> None:
        """Count messages from now on: their answers have come."""
        if turn.receipt is not None:
            await self._services.store.settle([self._pace], turn.receipt, turn.messages)

    async def pass_gate(self) -> None:
        """Raise Rejected, with the refusal that closed the gate, as long as it is closed."""
        closed = await self._gate.closed()
        if closed is not None:
            raise Rejected(closed.errcode, closed.errmsg, "quota", retry_after=closed.seconds)

    async def close_gate(self, call: Call, rejected: Rejected) -> None:
        """Close the gate for the time that the vendor, or else the limits, name."""
        system, _, component = call.component.partition(".")
        await self._gate.close(system, component, rejected, self._limits.retry_after(rejected))
