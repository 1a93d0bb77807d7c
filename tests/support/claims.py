"""Claims of deliveries, for tests: who takes them, when, and how an attempt ends."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.attempts import AttemptEnd, ReceiverEnd, Written, finish
from esb.database.claims import Claim, claim
from esb.database.engine import Database
from tests.support.delivery_rows import NOW, add_delivery

QUEUED = {"receivers": (("zhangsan", ReceiverState.QUEUED),), "state": DeliveryState.QUEUED, "fence": 0, "attempts": 0}


async def add(database: Database, **columns: Any) -> str:
    """Write a delivery that is due now, unless it is said otherwise; return its id."""
    return await add_delivery(database, **{**QUEUED, **columns})


async def taken(database: Database, now: int = NOW, owner: str = "one", most: int = 10) -> list[Claim]:
    async with database.writing() as connection:
        return [*(await claim(connection, now, owner, most)).claims]


async def finished(database: Database, *ends: AttemptEnd, owner: str = "one") -> Sequence[Written]:
    async with database.writing() as connection:
        return await finish(connection, database.keys, owner, ends)


def end_of(claimed: Claim, **changes: Any) -> AttemptEnd:
    """The end of an attempt that has reached its receiver."""
    values: dict[str, Any] = {
        "claim": claimed,
        "state": DeliveryState.DONE,
        "due": NOW + 7,
        "attempts": 1,
        "started": 0,
        "failure": "",
        "ended": NOW + 7,
        "receivers": [ReceiverEnd(0, ReceiverState.ACCEPTED, "", "")],
        "sealed": None,
        "msgids": ["m1"],
        "purge": NOW + 8,
    }
    return AttemptEnd(**{**values, **changes})


async def rows(database: Database, table: Any) -> list[Any]:
    async with database.reading() as connection:
        return [*await connection.execute(select(table))]
