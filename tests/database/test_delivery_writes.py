"""New deliveries in the database: written in groups, each key once, and counted by app."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from esb.core.clock import SystemClock
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import CONTENT, DELIVERY, KEPT_KEY, RECIPIENT
from esb.database.delivery_writes import Accepted, DeliveryWrites, NewDelivery, NewRecipient
from esb.database.engine import Database
from esb.database.kept_keys import DatabaseKeptKeys
from esb.store.kept_keys import Held, Wanted
from tests.support.databases import open_database

DAY = 86_400_000


@pytest.fixture
def writes(database: Database) -> DeliveryWrites:
    return DeliveryWrites(database, SystemClock())


def new(**changes: Any) -> NewDelivery:
    values: dict[str, Any] = {
        "id": uuid7(1_796_000_000_000),
        "app": "shop",
        "username": "anna",
        "component": "cmsi.send_weixin",
        "request_id": "0" * 32,
        "idem": None,
        "kept": None,
        "content_digest": None,
        "priority": 5,
        "due": (0, True),
        "expires": (DAY, True),
        "credential": "cmsi.send_weixin",
        "lane": None,
        "callback": "",
        "recipients": [NewRecipient(b"a" * 16, None, ReceiverState.QUEUED, "")],
        "receivers": b"receivers",
        "content": b"content",
    }
    return NewDelivery(**{**values, **changes})


async def accept(writes: DeliveryWrites, delivery: NewDelivery) -> Accepted:
    accepted = await writes.accept(delivery)
    assert accepted is not None
    return accepted


async def count(database: Database, table: Any) -> int:
    async with database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def test_all_of_a_delivery_is_written(database: Database, writes: DeliveryWrites) -> None:
    two = [NewRecipient(b"a" * 16, None, ReceiverState.QUEUED, ""), NewRecipient(None, None, ReceiverState.FAILED, "r")]
    accepted = await accept(writes, new(recipients=two, lane=b"l" * 16, callback="done"))
    async with database.reading() as connection:
        [row] = await connection.execute(select(DELIVERY))
        recipients = [*await connection.execute(select(RECIPIENT).order_by(RECIPIENT.c.number))]
        [content] = await connection.execute(select(CONTENT))
    assert (row.id, row.state, row.attempts, row.owner, row.lane, row.callback) == (
        accepted.id,
        DeliveryState.QUEUED,
        0,
        "",
        b"l" * 16,
        "done",
    )
    assert (row.due, row.expires) == (row.created, row.created + DAY)
    assert (accepted.due, accepted.expires, accepted.is_new) == (row.due, row.expires, True)
    assert [(each.number, each.digest, each.state, each.failure) for each in recipients] == [
        (0, b"a" * 16, ReceiverState.QUEUED, ""),
        (1, None, ReceiverState.FAILED, "r"),
    ]
    assert (content.delivery, content.sealed, content.purge) == (accepted.id, b"content", 0)


async def test_a_moment_stays_and_one_that_has_passed_is_now(database: Database, writes: DeliveryWrites) -> None:
    later = await accept(writes, new(due=(4_000_000_000_000, False), expires=(60_000, True)))
    past = await accept(writes, new(due=(1_000, False), expires=(4_000_000_000_000, False)))
    assert (later.due, later.expires) == (4_000_000_000_000, 4_000_000_060_000)
    assert past.due == past.created
    assert past.expires == 4_000_000_000_000


async def test_a_key_is_written_once_whoever_comes_first(database: Database) -> None:
    processes = [DeliveryWrites(database, SystemClock()) for _ in range(3)]
    keys = [bytes([number]) * 32 for number in range(5)]
    deliveries = [new(idem=key, content_digest=key) for key in keys for _ in range(6)]
    turns = (accept(processes[number % 3], delivery) for number, delivery in enumerate(deliveries))
    accepted = await asyncio.gather(*turns)
    assert sum(each.is_new for each in accepted) == 5
    assert len({each.id for each in accepted}) == 5
    for table in (DELIVERY, RECIPIENT, CONTENT):
        assert await count(database, table) == 5


async def test_a_key_is_found_with_what_it_stands_for(writes: DeliveryWrites) -> None:
    first = await accept(writes, new(idem=b"k" * 32, content_digest=b"c" * 32))
    again = await accept(writes, new(idem=b"k" * 32, content_digest=b"d" * 32))
    assert again == await writes.found(b"k" * 32) == replace(first, is_new=False)
    assert again.content_digest == b"c" * 32
    assert await writes.found(b"x" * 32) is None


def keyed(database: Database, want: Wanted) -> NewDelivery:
    digest_of = database.keys.digest_of
    return new(idem=digest_of("key", want.entry), kept=digest_of(want.entry), content_digest=b"c" * 32)


def wanted(key: str, *, seconds: float = 60) -> Wanted:
    return Wanted(f"idempotency:shop:cmsi.send_weixin:{key}", "digest", 0, seconds)


async def test_a_key_that_a_call_at_once_has_is_not_written_and_the_others_are(
    database: Database, writes: DeliveryWrites
) -> None:
    keys = DatabaseKeptKeys(database, SystemClock())
    claimed = await keys.claim(wanted("claimed"))
    await keys.claim(wanted("over", seconds=0))
    assert isinstance(claimed, Held)
    taken = keyed(database, wanted("claimed"))
    deliveries = [taken, keyed(database, wanted("free")), keyed(database, wanted("over")), new()]

    accepted = await asyncio.gather(*map(writes.accept, deliveries))

    assert [each is not None and each.is_new for each in accepted] == [False, True, True, True]
    assert accepted[0] is None
    for table in (DELIVERY, RECIPIENT, CONTENT):
        assert await count(database, table) == 3
    assert await count(database, KEPT_KEY) == 2
    await keys.release(claimed)
    assert (await accept(writes, taken)).is_new


async def test_a_delivery_is_found_though_a_call_at_once_is_looking_for_it(
    database: Database, writes: DeliveryWrites
) -> None:
    first = await accept(writes, keyed(database, wanted("k")))
    assert isinstance(await DatabaseKeptKeys(database, SystemClock()).claim(wanted("k")), Held)
    again = await accept(writes, keyed(database, wanted("k")))
    assert again == replace(first, is_new=False)


async def test_of_many_keys_in_several_processes_each_is_sent_or_accepted_and_nobody_is_locked_out(
    database: Database, database_url: str
) -> None:
    async with open_database(database_url) as other:
        processes = [
            (DatabaseKeptKeys(each, SystemClock()), DeliveryWrites(each, SystemClock())) for each in (database, other)
        ]
        sent: list[str] = []
        accepted: list[str] = []

        async def at_once(keys: DatabaseKeptKeys, writes: DeliveryWrites, key: str) -> None:
            claimed = await keys.claim(wanted(key))
            if not isinstance(claimed, Held):
                return
            if await writes.found(database.keys.digest_of("key", wanted(key).entry)) is None:
                sent.append(key)
                await keys.settle(claimed, b"{}")
            else:
                await keys.release(claimed)

        async def later(_: DatabaseKeptKeys, writes: DeliveryWrites, key: str) -> None:
            if await writes.accept(keyed(database, wanted(key))) is not None:
                accepted.append(key)

        everything = [str(number) for number in range(200)]
        for keys in (everything[start : start + 20] for start in range(0, 200, 20)):
            ways = [(way, process, key) for key in keys for process in processes for way in (at_once, later)]
            await asyncio.gather(*(way(*process, key) for way, process, key in ways))
    assert {*sent} | {*accepted} == {*everything}
    assert not {*sent} & {*accepted}
    assert len(sent) == len({*sent})
    assert await count(database, DELIVERY) == len({*accepted})


async def test_names_that_a_database_does_not_take_keep_nobody_elses_call_from_being_written(
    database: Database, writes: DeliveryWrites
) -> None:
    odd = [new(username="\0\ud800" + "ä" * 300, app="a" * 200), new(component="c" * 300)]
    await asyncio.gather(*map(writes.accept, [*odd, new()]))
    assert await count(database, DELIVERY) == 3


async def test_what_waits_is_counted_by_app(database: Database, writes: DeliveryWrites) -> None:
    accepted = await asyncio.gather(*(accept(writes, new(app=app)) for app in ("shop", "shop", "shop", "other")))
    async with database.writing() as connection:
        for each, state in zip(accepted, (DeliveryState.DONE, DeliveryState.SENDING, DeliveryState.HELD), strict=False):
            await connection.execute(update(DELIVERY).where(DELIVERY.c.id == each.id).values(state=state))
    assert await writes.waiting() == {"shop": 2, "other": 1}


async def test_closing_waits_for_what_is_being_written(database: Database, writes: DeliveryWrites) -> None:
    accepting = asyncio.ensure_future(accept(writes, new()))
    await asyncio.sleep(0)
    await writes.close()
    assert await count(database, DELIVERY) == 1
    assert (await accepting).is_new
