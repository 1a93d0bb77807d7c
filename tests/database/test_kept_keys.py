"""Idempotency keys in the database: one holds a key, whoever asks at the same time, and none is lost."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import func, insert, select

from esb.core.clock import SystemClock
from esb.database.deliveries import KEPT_KEY
from esb.database.engine import Database
from esb.database.kept_keys import DatabaseKeptKeys
from esb.database.retention import CLOCKS_APART, forget
from esb.store.kept_keys import Found, Held, Wanted
from esb.store.protocol import StoreAway
from tests.support.databases import are_blocked, make_database, open_database
from tests.support.servers.databases import KEY, DatabaseServer
from tests.support.wire import until_found

DAY = 24 * 3600.0
ANSWER = b'{"result":true,"data":{"accepted":["zhangsan"]}}'


@pytest.fixture
def keys(database: Database) -> DatabaseKeptKeys:
    return DatabaseKeptKeys(database, SystemClock())


def wanted(key: str = "k", *, app: str = "shop", lease: float = 30, seconds: float = DAY) -> Wanted:
    return Wanted(f"idempotency:{app}:cmsi.send_weixin:{key}", "digest", lease, seconds)


async def held(keys: DatabaseKeptKeys, want: Wanted) -> Held:
    claimed = await keys.claim(want)
    assert isinstance(claimed, Held)
    assert claimed.unprotected is None
    return claimed


async def found(keys: DatabaseKeptKeys, want: Wanted) -> Found:
    claimed = await keys.claim(want)
    assert isinstance(claimed, Found)
    return claimed


async def test_a_key_is_held_by_one_and_then_has_its_answer(keys: DatabaseKeptKeys) -> None:
    claimed = await held(keys, wanted())
    under_way = await found(keys, wanted())
    assert (under_way.content, under_way.answer, 0 < under_way.lease <= 30) == ("digest", None, True)
    await keys.settle(claimed, ANSWER)
    answered = await found(keys, wanted())
    assert (answered.content, answered.answer, DAY - 60 < answered.seconds <= DAY) == ("digest", ANSWER, True)
    assert await keys.find(wanted().entry) is not None
    assert await keys.find(wanted("other").entry) is None
    await held(keys, wanted("other"))
    await held(keys, wanted(app="another"))


async def test_a_claim_that_is_given_up_is_free_and_only_by_its_holder(keys: DatabaseKeptKeys) -> None:
    claimed = await held(keys, wanted())
    await keys.release(Held(wanted(), "of another"))
    await found(keys, wanted())
    await keys.release(claimed)
    second = await held(keys, wanted())
    await keys.settle(claimed, b'"late"')
    assert (await found(keys, wanted())).answer is None
    await keys.settle(second, ANSWER)
    assert (await found(keys, wanted())).answer == ANSWER


async def test_an_answer_whose_claim_is_gone_is_kept_all_the_same(keys: DatabaseKeptKeys) -> None:
    await keys.settle(Held(wanted(), "7"), ANSWER)
    assert (await found(keys, wanted())).answer == ANSWER


async def test_a_claim_whose_lease_is_over_is_in_doubt(keys: DatabaseKeptKeys) -> None:
    await held(keys, wanted(lease=0))
    there = await found(keys, wanted())
    assert (there.answer, there.lease <= 0) == (None, True)


async def test_a_key_whose_time_is_over_is_a_new_one(keys: DatabaseKeptKeys) -> None:
    gone = await held(keys, wanted(lease=0, seconds=0))
    assert await keys.find(wanted().entry) is None
    again, late = await asyncio.gather(keys.claim(wanted()), keys.claim(wanted()))
    assert (type(again), type(late)) == (Held, Found)
    await keys.settle(gone, b'"late"')
    assert (await found(keys, wanted())).answer is None


async def test_of_many_that_ask_at_once_in_several_processes_one_holds_each_key(
    database: Database, database_url: str
) -> None:
    async with open_database(database_url) as other:
        processes = [DatabaseKeptKeys(each, SystemClock()) for each in (database, other)]

        async def all_at_once(keys: DatabaseKeptKeys) -> Sequence[Held | Found]:
            return await asyncio.gather(*(keys.claim(wanted(str(number))) for number in (*range(40), *range(40))))

        claims = [claim for claims in await asyncio.gather(*map(all_at_once, processes)) for claim in claims]
    assert sorted(int(each.wanted.entry.rpartition(":")[2]) for each in claims if isinstance(each, Held)) == [
        *range(40)
    ]
    assert len(claims) == 160


def in_order(database: Database) -> tuple[Wanted, Wanted]:
    """Return two keys, in the order of their digests: transactions take them in this one."""
    first, second = sorted((wanted("1"), wanted("2")), key=lambda each: database.keys.digest_of(each.entry))
    return first, second


def row_of(database: Database, want: Wanted) -> dict[str, object]:
    times = {"lease": 0, "expires": 0}
    return {"key": database.keys.digest_of(want.entry), "app": "", "content": "", "version": "raw", **times}


async def test_what_is_done_to_several_keys_at_once_waits_for_nobody_who_waits_for_it(
    keys: DatabaseKeptKeys, database: Database
) -> None:
    first, second = in_order(database)
    claimed = await held(keys, second)
    async with database.writing() as connection:
        await connection.execute(insert(KEPT_KEY), row_of(database, first))
        both = asyncio.gather(keys.release(claimed), keys.claim(first))
        await until_found(lambda: are_blocked(database))
        there = select(KEPT_KEY.c.key).where(KEPT_KEY.c.key == database.keys.digest_of(second.entry))
        await connection.execute(there.with_for_update())
    assert isinstance((await both)[1], Held)


async def test_a_key_may_be_given_up_while_others_claim_it(
    keys: DatabaseKeptKeys, database: Database, database_url: str
) -> None:
    first, second = in_order(database)
    claimed = await held(keys, first)
    async with open_database(database_url) as other:
        claiming = DatabaseKeptKeys(other, SystemClock())
        async with database.writing() as connection:
            await connection.execute(insert(KEPT_KEY), row_of(database, second))
            both = asyncio.gather(claiming.claim(first), claiming.claim(second))
            await until_found(lambda: are_blocked(database))
            releasing = asyncio.create_task(keys.release(claimed))

            async def has_come_as_far_as_it_may() -> bool:
                return releasing.done() or await are_blocked(database, 2)

            await until_found(has_come_as_far_as_it_may)
        await releasing
        early, late = await both
    assert early.version != "raw"
    assert isinstance(late, Held)


async def test_answers_lie_there_encrypted_and_without_their_key_a_call_is_in_doubt(
    keys: DatabaseKeptKeys, database: Database, database_url: str
) -> None:
    await keys.settle(await held(keys, wanted(lease=0)), ANSWER)
    async with database.reading() as connection:
        (row,) = (await connection.execute(select(*KEPT_KEY.columns))).all()
    assert b"zhangsan" not in bytes(row.answer)
    assert row.app == "shop"
    assert sum(len(value) for value in row if isinstance(value, str | bytes)) < 1000 - 3 * 8
    await keys.close()
    async with database.writing() as connection:
        await connection.execute(KEPT_KEY.update().values(answer=b"by a key that is gone"))
    there = await found(keys, wanted())
    assert (there.answer, there.lease <= 0) == (None, True)


async def test_keys_whose_time_is_over_are_deleted(keys: DatabaseKeptKeys, database: Database) -> None:
    await held(keys, wanted("over", lease=0, seconds=0))
    await held(keys, wanted("not yet"))
    async with database.writing() as connection:
        await forget(connection, SystemClock().since_1970() + CLOCKS_APART + 60, 400)
        assert (await connection.execute(select(func.count()).select_from(KEPT_KEY))).scalar_one() == 1
    await found(keys, wanted("not yet"))


async def test_a_database_that_is_away_is_told_as_such(own_server: DatabaseServer) -> None:
    async with open_database(own_server.database()) as database:
        keys = DatabaseKeptKeys(database, SystemClock())
        claimed = await held(keys, wanted())
        own_server.kill()
        for asked in (
            keys.claim(wanted("other")),
            keys.find(wanted().entry),
            keys.settle(claimed, ANSWER),
            keys.release(claimed),
        ):
            with pytest.raises(StoreAway) as away:
                await asked
            assert away.value.system == "database"
        await asyncio.to_thread(own_server.start)


async def test_a_database_that_was_never_there_is_away() -> None:
    keys = DatabaseKeptKeys(make_database("postgresql://127.0.0.1:1/none", KEY), SystemClock())
    with pytest.raises(StoreAway):
        await keys.claim(wanted())
