"""Receipts: what platforms report, some time after they took a message, becomes the fate of its receivers.

One may come before our own answer is written, since a platform may be quicker than an attempt with many receivers: then
it waits here for its message.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from esb.contracts.receipts import Receipt
from esb.core.clock import Clock
from esb.core.delivery_events import ReceiptOutcome, ReceiptsTaken
from esb.core.events import Observer
from esb.database.engine import DatabaseAway
from esb.database.receipt_writes import FateResult, MessageFate, ReceiptWrites

PAUSES = (1, 2, 4, 8, 16, 32, 64)
"""Seconds between the tries to find the message of a receipt: an attempt that outlasts them all is none."""
LOOKING_SECONDS = 1.0
"""The time from one look for messages to the next."""
MOST_WAITING = 10_000
"""Receipts that wait for their messages; beyond, they are dropped. Those of calls that no ledger records come too."""


@dataclass(slots=True)
class _Waiting:
    """A receipt whose message is not there yet, tried so many times; `due` is the next try, by the clock."""

    component: str
    fate: MessageFate
    tries: int
    due: float


class Receipts:
    """The taker of receipts, of this process. `told` is called when events for callbacks were written."""

    def __init__(self, writes: ReceiptWrites, clock: Clock, observer: Observer, told: Callable[[], None]) -> None:
        self._writes = writes
        self._clock = clock
        self._observer = observer
        self._told = told
        self._waiting: list[_Waiting] = []
        self._looking: asyncio.Task[None] | None = None

    async def take(self, component: str, receipts: Sequence[Receipt]) -> None:
        """Write what a platform reports about messages of this component. DatabaseAway: it may report it again."""
        fates = [MessageFate(each.msgid, each.receiver, each.delivered, each.reason) for each in receipts]
        outcomes = Counter[ReceiptOutcome]()
        for fate, outcome in zip(fates, await self._recorded(fates), strict=True):
            if outcome == "unmatched" and len(self._waiting) < MOST_WAITING:
                self._waiting.append(_Waiting(component, fate, 0, self._clock() + PAUSES[0]))
            else:
                outcomes[outcome] += 1
        self._tell(component, outcomes)
        if self._waiting and self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def refuse(self, component: str, why: str) -> None:
        """Tell that somebody reported what is not believed, and why."""
        self._observer.emit(ReceiptsTaken(component, "refused", 1, why))

    async def close(self) -> None:
        """End. What still waits for its message is dropped."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._writes.close()

    async def _recorded(self, fates: Sequence[MessageFate]) -> Sequence[ReceiptOutcome]:
        recorded = await asyncio.gather(*(self._writes.record(fate) for fate in fates))
        if any(each.has_event for each in recorded):
            self._told()
        return [_outcome(fate, each.result) for fate, each in zip(fates, recorded, strict=True)]

    async def _look(self) -> None:
        """Look for the messages of those that wait, until none does."""
        try:
            while self._waiting:
                await self._clock.sleep(LOOKING_SECONDS)
                await self._look_once()
        except Exception as error:  # noqa: BLE001 - the rim of a task that nobody waits for
            self._waiting.clear()
            self._observer.crashed("", "looking for messages of receipts", error)
        finally:
            self._looking = None

    async def _look_once(self) -> None:
        now = self._clock()
        due = [each for each in self._waiting if each.due <= now]
        if not due:
            return
        try:
            outcomes = await self._recorded([each.fate for each in due])
        except DatabaseAway:
            return  # they wait on
        done: dict[str, Counter[ReceiptOutcome]] = {}
        for each, outcome in zip(due, outcomes, strict=True):
            each.tries += 1
            if outcome == "unmatched" and each.tries < len(PAUSES):
                each.due = now + PAUSES[each.tries]
            else:
                done.setdefault(each.component, Counter())[outcome] += 1
                self._waiting.remove(each)
        for component, counted in done.items():
            self._tell(component, counted)

    def _tell(self, component: str, outcomes: Counter[ReceiptOutcome]) -> None:
        for outcome, number in outcomes.items():
            self._observer.emit(ReceiptsTaken(component, outcome, number))


def _outcome(fate: MessageFate, result: FateResult) -> ReceiptOutcome:
    if result is FateResult.NEW:
        return "delivered" if fate.delivered else "failed"
    return "repeated" if result is FateResult.REPEATED else "unmatched"
