"""A receiver is forgotten: what it got and what became of it cannot be found any more, by name or by address."""

from typing import Any

import pytest
from sqlalchemy import insert, select

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.uuid7 import uuid7
from esb.database import forgetting
from esb.database.deliveries import CALLBACK_EVENT, CONTENT, DELIVERY
from esb.database.delivery_views import DeliveryViews, Wanted
from esb.database.engine import Database
from esb.database.forgetting import Forgotten, forget_receiver
from tests.support.delivery_rows import NOW, add_delivery

TWO = [("zhangsan", ReceiverState.ACCEPTED), ("lisi", ReceiverState.FAILED)]


async def forget(database: Database, receiver: str, last: str = "") -> Forgotten:
    async with database.writing() as connection:
        return await forget_receiver(connection, database.keys, receiver, last)


async def found(database: Database, receiver: str) -> list[str]:
    async with database.reading() as connection:
        page = await DeliveryViews(connection, database.keys).page(Wanted(receiver=receiver))
    return [each["id"] for each in page.deliveries]


async def shown(database: Database, identity: str) -> dict[str, Any]:
    async with database.reading() as connection:
        view = await DeliveryViews(connection, database.keys).delivery(identity)
    assert view is not None
    return view


async def test_a_receiver_is_forgotten_and_the_others_of_the_same_delivery_are_not(database: Database) -> None:
    identity = await add_delivery(database, TWO, refusal=("60111", "lisi is unknown"), lane=b"l" * 16)
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=NOW))
    assert await forget(database, "lisi") == Forgotten(1, 0, "")
    assert await found(database, "lisi") == await found(database, "address of lisi") == []
    assert await found(database, "zhangsan") == [identity]
    receivers = (await shown(database, identity))["receivers"]
    assert receivers[0] == {"receiver": "zhangsan", "state": "accepted"}
    assert receivers[1] == {"receiver": "", "state": "failed", "errcode": 60111, "errmsg": "", "class": "receiver"}
    async with database.reading() as connection:
        assert (await connection.execute(select(CONTENT))).first() is None
        assert (await connection.execute(select(CALLBACK_EVENT))).first() is None
        assert (await connection.execute(select(DELIVERY.c.lane))).scalar_one() is None


async def test_an_address_forgets_whoever_has_it(database: Database) -> None:
    identity = await add_delivery(database, TWO)
    assert (await forget(database, "address of zhangsan")).ended == 1
    assert await found(database, "zhangsan") == []
    assert (await shown(database, identity))["receivers"][0]["receiver"] == ""
    assert (await forget(database, "nobody")) == Forgotten(0, 0, "")


async def test_a_delivery_that_is_still_to_be_sent_is_told_and_knows_its_receivers(database: Database) -> None:
    waiting = await add_delivery(database, [("lisi", ReceiverState.QUEUED)], state=DeliveryState.QUEUED)
    ended = await add_delivery(database, TWO)
    assert await forget(database, "lisi") == Forgotten(1, 1, "")
    assert await found(database, "lisi") == [waiting]
    assert (await shown(database, ended))["receivers"][1]["receiver"] == ""


async def test_forgetting_goes_on_behind_the_last_of_a_step(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    made = [await add_delivery(database, TWO, id=uuid7(NOW + number)) for number in range(3)]
    first = await forget(database, "lisi")
    assert (first.ended, first.last) == (2, made[1])
    assert await forget(database, "lisi", first.last) == Forgotten(1, 0, "")
    assert await found(database, "lisi") == []
