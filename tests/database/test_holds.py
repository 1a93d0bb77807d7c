"""Holds, in every kind of database: what they hold, who tries whether they are needed, and what goes on afterwards."""

from typing import Any

import pytest
from sqlalchemy import insert

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database import holds
from esb.database.attempts import NewHold, ReceiverEnd
from esb.database.claim_writes import ClaimWrites
from esb.database.claims import claim
from esb.database.deliveries import CREDENTIAL_HOLD, DELIVERY
from esb.database.engine import Database
from esb.database.holds import NO_COMPONENT, PROBE
from tests.support.claims import add, end_of, finished, rows, taken
from tests.support.clock import Clock
from tests.support.delivery_rows import NOW
from tests.support.query_plans import asked_of, plans_of

SEND = "cmsi.send_weixin"
OWN_SECRET = f"{SEND}/0123456789abcdef"
FAILED = [ReceiverEnd(0, ReceiverState.QUEUED, "config", "40013")]


async def hold(database: Database, credential: str = SEND, **options: Any) -> bool:
    async with database.writing() as connection:
        return await holds.hold(connection, credential, NOW, **{"reason": "config", **options})


async def release(database: Database, credential: str = SEND) -> bool:
    async with database.writing() as connection:
        return await holds.release(connection, credential)


async def let_go(database: Database, now: int = NOW) -> bool:
    async with database.writing() as connection:
        return await holds.let_go(connection, now)


async def states(database: Database) -> dict[str, DeliveryState]:
    return {row.id: DeliveryState(row.state) for row in await rows(database, DELIVERY)}


async def test_a_hold_of_a_credential_holds_no_other(database: Database) -> None:
    await hold(database, probe=NOW + PROBE)
    mine, others = await add(database), await add(database, credential=OWN_SECRET)
    assert [each.id for each in await taken(database)] == [others]
    assert (await states(database))[mine] is DeliveryState.HELD


@pytest.mark.parametrize("back_end", ["sqlite"])  # which tells its plans shortly
async def test_while_something_is_held_nobody_looks_at_what_is_scheduled(database: Database) -> None:
    await hold(database, actor="ops")
    await hold(database, "cmsi.send_mail", probe=NOW)
    async with database.writing() as connection:
        with asked_of(connection) as asked:
            await claim(connection, NOW, "one", 5)
        plans = [plan for plan in await plans_of(connection, asked) if "due<?" in plan]
    assert len(plans) == 2, "one that tries a hold, and those that are held now"
    assert all("state=? AND priority=? AND due<?" in plan for plan in plans)


async def test_holds_may_be_more_than_a_statement_can_name(database: Database) -> None:
    found = [
        {"credential": f"{SEND}/{number:016x}", "since": NOW, "probe": NOW + PROBE, "actor": "", "reason": "config"}
        for number in range(1500)
    ]
    async with database.writing() as connection:
        await connection.execute(insert(CREDENTIAL_HOLD), found)
    held, free = await add(database, credential=f"{SEND}/{7:016x}"), await add(database)
    assert [each.id for each in await taken(database)] == [free]
    assert (await states(database))[held] is DeliveryState.HELD
    assert not await let_go(database)
    assert (await states(database))[held] is DeliveryState.HELD


async def test_no_more_holds_are_tried_at_once_than_there_is_room_for(database: Database) -> None:
    for number in range(3):
        await hold(database, f"{SEND}/{number}", probe=NOW)
        await add(database, credential=f"{SEND}/{number}")
    first, second = await taken(database, most=2), await taken(database, most=2)
    assert [len(first), len(second)] == [2, 1]
    assert all(each.tries for each in (*first, *second))


async def test_an_operators_hold_of_a_component_holds_all_that_it_sends(database: Database) -> None:
    await hold(database, actor="ops")
    for credential, component in ((SEND, SEND), (OWN_SECRET, SEND), ("x", SEND), (SEND, "cmsi.alert")):
        await add(database, credential=credential, component=component)
    free = await add(database, credential=f"{SEND}_robot", component=f"{SEND}_robot")
    assert [each.id for each in await taken(database, NOW + 10 * PROBE)] == [free]


async def test_what_was_held_goes_on_once_its_hold_is_gone(database: Database) -> None:
    await hold(database, actor="ops")
    identity = await add(database, due=NOW - 5)
    assert await taken(database) == []
    assert not await let_go(database)
    assert await states(database) == {identity: DeliveryState.HELD}
    assert await release(database)
    assert not await release(database)
    await let_go(database)
    (claimed,) = await taken(database)
    assert (claimed.id, claimed.due, claimed.tries) == (identity, NOW - 5, "")


async def test_held_ones_expire(database: Database) -> None:
    await hold(database, actor="ops")
    await add(database, expires=NOW + 5)
    assert await taken(database) == []
    await let_go(database, NOW + 5)
    assert len(await taken(database, NOW + 5)) == 1


async def test_one_delivery_at_a_time_tries_a_credential_again(database: Database) -> None:
    await hold(database, probe=NOW + PROBE)
    await add(database, due=NOW - 1)
    await add(database)
    assert await taken(database, NOW + PROBE - 1) == []
    (tried,) = await taken(database, NOW + PROBE)
    assert tried.tries == SEND
    assert await taken(database, NOW + PROBE, "two") == []
    await finished(database, end_of(tried, state=DeliveryState.HELD, hold=NewHold(SEND, "config"), receivers=FAILED))
    assert await taken(database, NOW + 2 * PROBE - 1) == []
    (again,) = await taken(database, NOW + 2 * PROBE)
    (written,) = await finished(database, end_of(again, releases=again.tries))
    assert written.released == SEND
    await let_go(database)
    assert len(await taken(database, NOW + 2 * PROBE)) == 1


async def test_a_hold_that_nobody_is_left_to_try_ends(database: Database) -> None:
    await hold(database, probe=NOW)
    assert await taken(database) == []
    assert await rows(database, CREDENTIAL_HOLD) == []


async def test_a_failed_credential_is_held_once_and_nobody_takes_an_operators_place(database: Database) -> None:
    await add(database)
    await add(database)
    first, second = await taken(database)
    ends = [
        end_of(each, state=DeliveryState.HELD, hold=NewHold(SEND, "config: 40013"), receivers=FAILED)
        for each in (first, second)
    ]
    assert [each.held for each in await finished(database, *ends)] == [NewHold(SEND, "config: 40013"), None]
    (row,) = await rows(database, CREDENTIAL_HOLD)
    assert (row.credential, row.probe, row.actor, row.reason) == (SEND, NOW + 7 + PROBE, "", "config: 40013")
    assert not await hold(database, actor="ops", reason="storm")
    assert not await hold(database, probe=NOW)
    (row,) = await rows(database, CREDENTIAL_HOLD)
    assert (row.probe, row.actor, row.reason) == (None, "ops", "storm")
    async with database.writing() as connection:
        assert not await holds.release(connection, SEND, probed=True)


async def test_a_component_that_is_gone_is_held_as_a_whole_and_tried_again(database: Database) -> None:
    await hold(database, reason=NO_COMPONENT, probe=NOW + PROBE)
    await add(database, credential=OWN_SECRET)
    assert await taken(database) == []
    (tried,) = await taken(database, NOW + PROBE)
    assert tried.tries == SEND


@pytest.mark.parametrize("back_end", ["sqlite"])  # whose time is the gateway's
async def test_a_new_configuration_is_tried_at_once(database: Database, clock: Clock) -> None:
    clock.now = 0
    await hold(database, probe=NOW + PROBE)
    await hold(database, "cmsi.send_mail", actor="ops")
    await add(database)
    await add(database, credential="cmsi.send_mail", component="cmsi.send_mail")
    writes = ClaimWrites(database, clock, "one")
    assert [each.tries for each in (await writes.claim(5))[0].claims] == []
    assert [each.tries for each in (await writes.claim(5, probes=True))[0].claims] == [SEND]
