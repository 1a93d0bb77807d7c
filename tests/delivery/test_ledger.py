"""The ledger changes deliveries by the clock of its database, and tells those who deliver of what is due."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from esb.core.delivery_states import GIVEN_UP, DeliveryState, ReceiverState
from esb.database.deliveries import CONTENT, DELIVERY
from esb.database.delivery_changes import Hindrance
from esb.database.engine import Database
from esb.delivery.ledger import Ledger
from tests.support.clock import Clock
from tests.support.databases import open_database
from tests.support.delivery_rows import add_delivery

FAILED = [("zhangsan", ReceiverState.FAILED)]


async def dead(database: Database) -> str:
    """Write a dead delivery whose content is still there; return its id."""
    identity = await add_delivery(database, FAILED, state=DeliveryState.DEAD)
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=0))
    return identity


async def test_a_delivery_that_is_sent_again_is_due_at_once_for_the_seconds_that_it_is_given(
    tmp_path: Path, clock: Clock
) -> None:
    announced: list[str] = []

    async def announce(identities: Sequence[str]) -> None:
        announced.extend(identities)

    async with open_database(f"sqlite:///{tmp_path}/esb.db") as database:
        identity = await dead(database)
        ledger = Ledger(database, clock, announce)
        assert await ledger.redrive(identity, GIVEN_UP, 90.5) is None
        async with database.reading() as connection:
            row = (await connection.execute(select(DELIVERY).where(DELIVERY.c.id == identity))).one()
        now = int(clock.since_1970() * 1000)
        assert (row.due, row.expires) == (now, now + 90_500)
        assert announced == [identity]
        assert await ledger.redrive(identity, GIVEN_UP, 90.5) is Hindrance.NOT_DEAD
        assert announced == [identity]


@pytest.mark.parametrize("app", ["shop", "Monitor"])
async def test_what_is_another_apps_is_as_good_as_none(tmp_path: Path, clock: Clock, app: str) -> None:
    async with open_database(f"sqlite:///{tmp_path}/esb.db") as database:
        identity = await dead(database)
        assert await Ledger(database, clock).redrive(identity, GIVEN_UP, 60.0, app) is Hindrance.UNKNOWN
