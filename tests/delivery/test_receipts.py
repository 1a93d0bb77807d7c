"""Receipts: those that come before our own answer wait for it, and those of nobody's messages are dropped."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from esb.contracts.receipts import Receipt
from esb.core.delivery_events import ReceiptsTaken
from esb.core.delivery_states import ReceiverState
from esb.core.events import Crashed, Event, Observer
from esb.database.deliveries import RECIPIENT
from esb.database.engine import Database, DatabaseAway
from esb.database.receipt_writes import MessageFate, ReceiptWrites, RecordedFate
from esb.delivery import receipts as subject
from esb.delivery.receipts import PAUSES, Receipts
from tests.support.clock import Clock
from tests.support.databases import open_database
from tests.support.delivery_rows import add_delivery

COMPONENT = "cmsi.send_weixin"
DELIVERED = Receipt("1", "address of zhangsan", delivered=True)


class Held(Clock):
    """A clock whose sleepers wait until a test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeping = asyncio.Event()
        self.go_on = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.sleeping.set()
        await self.go_on.acquire()
        self.now += seconds


class Taking:
    """Receipts of a process, what is behind them, and what they told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.events: list[Event] = []
        self.told = 0
        self.writes = ReceiptWrites(database, clock)
        self.receipts = Receipts(self.writes, clock, Observer([self.events.append]), self._tell)

    def _tell(self) -> None:
        self.told += 1

    async def looked(self) -> None:
        """Wait until nothing waits any more."""
        if self.receipts._looking is not None:
            await self.receipts._looking

    async def state(self) -> ReceiverState:
        async with self.database.reading() as connection:
            return ReceiverState((await connection.execute(select(RECIPIENT.c.state))).scalar_one())

    @property
    def taken(self) -> list[tuple[str, int]]:
        """Outcome and number of what was told."""
        return [(each.outcome, each.number) for each in self.events if isinstance(each, ReceiptsTaken)]


@pytest.fixture
async def database(tmp_path: Path, opened: AsyncExitStack) -> Database:
    return await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/esb.db"))


async def test_what_a_platform_reports_is_written_and_callbacks_are_woken(database: Database, clock: Clock) -> None:
    taking = Taking(database, clock)
    await add_delivery(database, msgids=["1"])
    await taking.receipts.take(COMPONENT, [DELIVERED])
    assert await taking.state() is ReceiverState.DELIVERED
    await taking.receipts.take(COMPONENT, [DELIVERED])
    assert taking.taken == [("delivered", 1), ("repeated", 1)]
    assert taking.told == 1


async def test_one_that_comes_before_our_own_answer_waits_for_it(database: Database) -> None:
    clock = Held()
    taking = Taking(database, clock)
    await taking.receipts.take(COMPONENT, [Receipt("1", "address of zhangsan", delivered=False, reason="blocked")])
    await clock.sleeping.wait()
    assert taking.taken == []
    await add_delivery(database, msgids=["1"])
    clock.go_on.release()
    await taking.looked()
    assert await taking.state() is ReceiverState.FAILED
    assert taking.taken == [("failed", 1)]
    assert taking.told == 1


async def test_one_whose_message_never_comes_is_dropped(database: Database, clock: Clock) -> None:
    taking = Taking(database, clock)
    begun = clock()
    await taking.receipts.take(COMPONENT, [DELIVERED, Receipt("2", "nobody", delivered=True)])
    await taking.looked()
    assert taking.taken == [("unmatched", 2)]
    assert clock() - begun >= sum(PAUSES)


async def test_no_more_wait_than_there_is_room_for(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MOST_WAITING", 1)
    taking = Taking(database, clock)
    await taking.receipts.take(COMPONENT, [DELIVERED, Receipt("2", "nobody", delivered=True)])
    assert taking.taken == [("unmatched", 1)]
    await taking.looked()
    assert taking.taken == [("unmatched", 1)] * 2


async def test_they_wait_on_while_the_database_is_away(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = Taking(database, clock)
    record, failures = taking.writes.record, 3

    async def away(fate: MessageFate) -> RecordedFate:
        nonlocal failures
        if taking.receipts._looking is not None and failures:
            failures -= 1
            raise DatabaseAway("gone")
        return await record(fate)

    monkeypatch.setattr(taking.writes, "record", away)
    await taking.receipts.take(COMPONENT, [DELIVERED])
    await add_delivery(database, msgids=["1"])
    await taking.looked()
    assert failures == 0
    assert taking.taken == [("delivered", 1)]


async def test_what_is_not_foreseen_ends_the_waiting_and_is_told(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = Taking(database, clock)
    await taking.receipts.take(COMPONENT, [DELIVERED])

    async def crash(fate: MessageFate) -> RecordedFate:
        raise LookupError

    monkeypatch.setattr(taking.writes, "record", crash)
    await taking.looked()
    assert [each.kind for each in taking.events if isinstance(each, Crashed)] == ["LookupError"]


async def test_what_still_waits_is_dropped_at_the_end(database: Database) -> None:
    clock = Held()
    taking = Taking(database, clock)
    await taking.receipts.take(COMPONENT, [DELIVERED])
    await clock.sleeping.wait()
    await taking.receipts.close()
    assert taking.taken == []
