"""Claims of deliveries, in every kind of database: who has one, for how long, and who takes it afterwards."""

import asyncio

import pytest

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.attempts import ReceiverEnd, Written
from esb.database.claim_writes import ClaimWrites
from esb.database.claims import LEASE, abandon, extend, give_back, next_due, recall
from esb.database.deliveries import ATTEMPT, CALLBACK_EVENT, CONTENT, DELIVERY, DELIVERY_MESSAGE, RECIPIENT
from esb.database.engine import Database
from tests.support.claims import add, end_of, finished, rows, taken
from tests.support.clock import Clock
from tests.support.delivery_rows import NOW


async def test_the_due_are_taken_by_priority_and_then_by_their_time(database: Database) -> None:
    low = await add(database, priority=0, due=NOW - 9)
    second = await add(database, priority=5, due=NOW - 1)
    first = await add(database, priority=5, due=NOW - 2)
    urgent = await add(database, priority=9, due=NOW)
    later = await add(database, priority=9, due=NOW + 1)
    await add(database, state=DeliveryState.HELD)
    assert [each.id for each in await taken(database, most=3)] == [urgent, first, second]
    assert [each.id for each in await taken(database)] == [low]
    assert [each.id for each in await taken(database, NOW + 1)] == [later]


async def test_a_claim_tells_what_is_to_be_sent_to_whom(database: Database) -> None:
    identity = await add(
        database, receivers=(("a", ReceiverState.ACCEPTED), ("b", ReceiverState.QUEUED), ("c", ReceiverState.FAILED))
    )
    (claimed,) = await taken(database)
    assert (claimed.id, claimed.app, claimed.component) == (identity, "monitor", "cmsi.send_weixin")
    assert (claimed.fence, claimed.started, claimed.at, claimed.open) == (1, 0, NOW, (1,))
    assert claimed.states == {0: ReceiverState.ACCEPTED, 1: ReceiverState.QUEUED, 2: ReceiverState.FAILED}
    assert (await rows(database, DELIVERY))[0].started == NOW


async def test_two_who_claim_at_once_never_take_the_same(database: Database) -> None:
    added = {await add(database, due=NOW - number) for number in range(40)}
    claims = await asyncio.gather(*(taken(database, owner=str(number)) for number in range(6)))
    found = [each.id for taken_by_one in claims for each in taken_by_one]
    while more := await taken(database, owner="last"):
        found += [each.id for each in more]
    assert sorted(found) == sorted(added)


async def test_a_claim_whose_lease_is_over_goes_first_with_its_old_time(database: Database) -> None:
    lost = await add(database, priority=0, due=NOW - 5)
    await taken(database)
    await add(database, priority=9, due=NOW - 60_000)
    assert lost not in [each.id for each in await taken(database, NOW + LEASE - 1, "two")]
    (again,) = await taken(database, NOW + LEASE, "two")
    assert (again.id, again.fence, again.started, again.due) == (lost, 2, NOW, NOW - 5)


async def test_an_extended_lease_is_not_over(database: Database) -> None:
    identity = await add(database)
    await taken(database)
    async with database.writing() as connection:
        await extend(connection, NOW + 1, "another", [identity])
        await extend(connection, NOW + LEASE - 1, "one", [identity])
    assert await taken(database, NOW + LEASE, "two") == []
    assert len(await taken(database, NOW + 2 * LEASE, "two")) == 1


@pytest.mark.parametrize("back_end", ["sqlite"])  # whose time is the gateway's
async def test_nobody_takes_from_itself_what_is_under_way(database: Database, clock: Clock) -> None:
    clock.now = 0
    identity, writes = await add(database), ClaimWrites(database, clock, "one")
    assert [each.id for each in (await writes.claim(5))[0].claims] == [identity]
    clock.advance(LEASE / 1000)
    assert (await writes.claim(5, keeps=[identity]))[0].claims == ()
    assert len((await ClaimWrites(database, clock, "two").claim(5))[0].claims) == 0
    clock.advance(LEASE / 1000)
    assert len((await ClaimWrites(database, clock, "two").claim(5))[0].claims) == 1


async def test_what_is_given_back_is_taken_at_once_and_in_doubt_only_if_something_was_sent(database: Database) -> None:
    sent, unsent = await add(database, due=NOW - 2), await add(database, due=NOW - 1)
    claimed = await taken(database)
    async with database.writing() as connection:
        await give_back(connection, "one", [each for each in claimed if each.id == unsent])
        await abandon(connection, NOW + 3, "one")
    again = await taken(database, NOW + 3, "two")
    assert [(each.id, each.started) for each in again] == [(sent, NOW), (unsent, 0)]


async def test_a_claim_that_nobody_knows_of_is_undone(database: Database) -> None:
    doubtful, known, fresh = [await add(database, due=NOW - 60_000 + number) for number in range(3)]
    await taken(database, NOW - LEASE, "dead", most=1)
    await taken(database, NOW)
    async with database.writing() as connection:
        await recall(connection, "one", [known])
    again = await taken(database, NOW + 1, "two")
    assert [(each.id, each.started) for each in again] == [(doubtful, NOW - LEASE), (fresh, 0)]


async def test_the_next_moment_with_work_is_known(database: Database) -> None:
    async def moment() -> int | None:
        async with database.reading() as connection:
            return await next_due(connection)

    assert await moment() is None
    await add(database, due=NOW + 100_000, priority=9)
    await add(database, due=NOW + 90_000, priority=0)
    assert await moment() == NOW + 90_000
    await add(database)
    await taken(database)
    assert await moment() == NOW + LEASE


async def test_an_end_is_written_with_all_that_belongs_to_it(database: Database) -> None:
    identity = await add(database, callback="done")
    (claimed,) = await taken(database)
    assert await finished(database, end_of(claimed)) == [Written(is_ours=True, has_event=True)]
    (row,) = await rows(database, DELIVERY)
    assert (row.state, row.due, row.lease, row.owner, row.attempts, row.started) == (2, NOW + 7, 0, "", 1, 0)
    (recipient,) = await rows(database, RECIPIENT)
    assert (recipient.state, recipient.updated) == (ReceiverState.ACCEPTED, NOW + 7)
    (attempt,) = await rows(database, ATTEMPT)
    assert (attempt.delivery, attempt.fence, attempt.started, attempt.ended) == (identity, 1, NOW, NOW + 7)
    assert (attempt.worker, attempt.accepted, attempt.failed, attempt.unknown) == ("one", 1, 0, 0)
    (message,) = await rows(database, DELIVERY_MESSAGE)
    assert (message.msgid, message.delivery, message.sent) == ("m1", identity, NOW + 7)
    assert [event.delivery for event in await rows(database, CALLBACK_EVENT)] == [identity]


async def test_one_that_is_tried_again_waits_and_has_no_event(database: Database) -> None:
    await add(database, callback="done")
    (claimed,) = await taken(database)
    end = end_of(
        claimed,
        state=DeliveryState.QUEUED,
        due=NOW + 5000,
        failure="busy",
        receivers=[ReceiverEnd(0, ReceiverState.QUEUED, "busy", "-1")],
        msgids=[],
        sealed=b"other",
    )
    assert await finished(database, end) == [Written(is_ours=True, has_event=False)]
    assert await taken(database, NOW + 4999) == []
    (again,) = await taken(database, NOW + 5000)
    assert (again.attempts, again.receivers, again.open) == (1, b"other", (0,))
    (recipient,) = await rows(database, RECIPIENT)
    assert (recipient.failure, recipient.errcode) == ("busy", "-1")


async def test_who_is_late_finishes_nothing(database: Database) -> None:
    await add(database)
    (late,) = await taken(database)
    (other,) = await taken(database, NOW + LEASE, "two")
    assert await finished(database, end_of(late)) == [Written(is_ours=False, has_event=False)]
    assert await finished(database, end_of(other), owner="two") == [Written(is_ours=True, has_event=True)]
    assert await finished(database, end_of(other), owner="two") == [Written(is_ours=False, has_event=False)]
    assert len(await rows(database, ATTEMPT)) == 1


async def test_an_id_that_a_platform_tells_twice_is_kept_once(database: Database) -> None:
    await add(database)
    (first,) = await taken(database)
    await finished(database, end_of(first, state=DeliveryState.QUEUED, due=NOW))
    (second,) = await taken(database)
    await finished(database, end_of(second, msgids=["m1", "m2"]))
    assert sorted(message.msgid for message in await rows(database, DELIVERY_MESSAGE)) == ["m1", "m2"]


async def test_the_content_of_what_has_ended_may_go(database: Database) -> None:
    identity = await add(database)
    async with database.writing() as connection:
        await connection.execute(CONTENT.insert().values(delivery=identity, sealed=b"c", purge=0))
    (claimed,) = await taken(database)
    assert claimed.content == b"c"
    await finished(database, end_of(claimed))
    assert [row.purge for row in await rows(database, CONTENT)] == [NOW + 8]
