"""Events of deliveries: which are written, what they tell, and that they belong to its transaction."""

from typing import Any

import pytest
from sqlalchemy import select, update

from esb.core import json_codec
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.messages import Message
from esb.core.plain_messages import plain
from esb.database.callback_events import events_for
from esb.database.deliveries import CALLBACK_EVENT, DELIVERY
from esb.database.delivery_views import DeliveryViews
from esb.database.engine import Database
from tests.support.delivery_rows import NOW, add_delivery

ACCEPTED, DELIVERED, FAILED = ReceiverState.ACCEPTED, ReceiverState.DELIVERED, ReceiverState.FAILED
LARGE = "9007199254740993"
"""An id that JavaScript's numbers cannot hold."""


async def written(database: Database, *deliveries: str, now: int = NOW + 5000) -> int:
    async with database.writing() as connection:
        return await events_for(connection, database.keys, deliveries, now)


async def rows_of(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return [*await connection.execute(select(CALLBACK_EVENT).order_by(CALLBACK_EVENT.c.id))]


async def bodies_of(database: Database) -> list[dict[str, Any]]:
    found = []
    for row in await rows_of(database):
        body = database.keys.unseal_at(f"event/{row.id}", row.body)
        assert body is not None
        assert b"zhangsan" not in row.body
        found.append(json_codec.decode(body))
    return found


async def test_a_delivery_that_has_ended_gets_an_event_for_its_callback(database: Database) -> None:
    receivers = [("zhangsan", ACCEPTED), ("lisi", FAILED), ("wangwu", ReceiverState.UNKNOWN)]
    state = DeliveryState.DEAD
    delivery = await add_delivery(
        database,
        receivers,
        state=state,
        failure="receiver",
        refusal=("43004", "no follower"),
        msgids=[LARGE],
    )
    assert await written(database, delivery) == 1
    (row,) = await rows_of(database)
    assert (row.delivery, row.app, row.callback) == (delivery, "monitor", "done")
    assert (row.state, row.due, row.event, row.attempts) == (DeliveryState.QUEUED, NOW + 5000, "delivery.dead", 0)
    (body,) = await bodies_of(database)
    refused = {"errcode": 43004, "errmsg": "no follower", "class": "receiver"}
    assert body == {
        "type": "delivery.dead",
        "timestamp": "2027-01-15T08:00:05Z",
        "data": {
            "delivery": {
                "id": delivery,
                "state": "dead",
                "due": None,
                "expires": "2027-01-16T08:00:00Z",
                "created": "2027-01-15T08:00:00Z",
                "ended": "2027-01-15T08:00:00Z",
                "user": "admin",
                "component": "cmsi.send_weixin",
                "request_id": "0" * 32,
                "synchronous": False,
                "attempts": 1,
                "class": "receiver",
                "callback": "done",
            },
            "accepted": ["zhangsan"],
            "failed": [{"receiver": "lisi", **refused}],
            "unknown": ["wangwu"],
            "receivers": [
                {"receiver": "zhangsan", "state": "accepted"},
                {"receiver": "lisi", "state": "failed", **refused},
                {"receiver": "wangwu", "state": "unknown"},
            ],
            "msgids": [LARGE],
            "class": "receiver",
            "counts": {"accepted": 1, "failed": 1, "unknown": 1},
            "complete": True,
        },
    }


@pytest.mark.parametrize(
    ("state", "receivers", "event"),
    [
        (DeliveryState.DONE, [ACCEPTED, DELIVERED], "delivery.done"),
        (DeliveryState.DONE, [DELIVERED, DELIVERED], "delivery.delivered"),
        (DeliveryState.DEAD, [ReceiverState.EXPIRED], "delivery.dead"),
        (DeliveryState.CANCELLED, [ACCEPTED, ReceiverState.CANCELLED], "delivery.cancelled"),
    ],
)
async def test_its_type_is_the_state_of_the_delivery(
    database: Database, state: DeliveryState, receivers: list[ReceiverState], event: str
) -> None:
    named = [(f"user{number}", each) for number, each in enumerate(receivers)]
    await written(database, await add_delivery(database, named, state=state))
    assert [row.event for row in await rows_of(database)] == [event]
    assert [body["type"] for body in await bodies_of(database)] == [event]


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD])
async def test_one_that_goes_on_gets_none(database: Database, state: DeliveryState) -> None:
    assert await written(database, await add_delivery(database, state=state)) == 0
    assert await rows_of(database) == []


async def test_one_without_a_callback_gets_none_and_others_get_their_own(database: Database) -> None:
    silent, first = await add_delivery(database, callback=""), await add_delivery(database, msgids=["1"])
    second = await add_delivery(database, [("lisi", ACCEPTED)], msgids=["2"], callback="other")
    assert await written(database, silent, first, second, "f" * 32) == 2
    told = [(body["data"]["delivery"]["id"], body["data"]["msgids"]) for body in await bodies_of(database)]
    assert sorted(told) == sorted([(first, ["1"]), (second, ["2"])])


async def test_a_transaction_that_is_undone_leaves_no_event(database: Database) -> None:
    delivery = await add_delivery(database)

    async def cut_off() -> None:
        async with database.writing() as connection:
            await events_for(connection, database.keys, [delivery], NOW)
            raise KeyError

    with pytest.raises(KeyError):
        await cut_off()
    assert await rows_of(database) == []


async def test_a_body_is_short_and_names_those_first_who_did_not_get_the_message(database: Database) -> None:
    everybody = [(f"somebody-with-a-rather-long-name-{number:05}", ACCEPTED) for number in range(3000)]
    delivery = await add_delivery(
        database,
        [*everybody, ("lisi", FAILED)],
        state=DeliveryState.DEAD,
        refusal=("", "x" * 5000),
        msgids=[f"{number}" for number in range(500)],
    )
    await written(database, delivery)
    (row,) = await rows_of(database)
    body = database.keys.unseal_at(f"event/{row.id}", row.body)
    assert body is not None
    assert 5000 < len(body) <= 20_000
    data = json_codec.decode(body)["data"]
    assert data["counts"] == {"accepted": 3000, "failed": 1}
    assert data["failed"] == [{"receiver": "lisi", "errcode": None, "errmsg": "x" * 200, "class": "receiver"}]
    assert len(data["accepted"]) == len(data["receivers"]) - 1 > 50
    assert data["accepted"][:2] == [name for name, _ in everybody[:2]]
    assert not data["complete"]


async def test_what_an_app_is_told_is_what_it_would_be_answered(database: Database) -> None:
    delivery = await add_delivery(database, [("zhangsan", ACCEPTED), ("lisi", DELIVERED)], msgids=["1", "2"])
    await written(database, delivery)
    (body,) = await bodies_of(database)
    async with database.reading() as connection:
        answer = await DeliveryViews(connection, database.keys).delivery(delivery)
    assert answer is not None
    del answer["delivery"]["app"]
    assert body["data"] == {**answer, "counts": {"accepted": 1, "delivered": 1}, "complete": True}


async def test_without_the_key_of_its_receivers_it_names_nobody(database: Database) -> None:
    delivery = await add_delivery(database, [("zhangsan", FAILED)], state=DeliveryState.DEAD)
    async with database.writing() as connection:
        await connection.execute(update(DELIVERY).values(receivers=b"x" * 80))
    await written(database, delivery)
    (body,) = await bodies_of(database)
    assert (body["data"]["failed"], body["data"]["counts"], body["data"]["complete"]) == ([], {"failed": 1}, False)


async def test_an_event_tells_a_text_of_the_gateway_in_english(database: Database) -> None:
    refusal = plain(Message("The user {name} is not there", {"name": "lisi"}))
    delivery = await add_delivery(database, [("lisi", FAILED)], state=DeliveryState.DEAD, refusal=("", refusal))
    await written(database, delivery)
    (body,) = await bodies_of(database)
    assert body["data"]["failed"][0]["errmsg"] == "The user lisi is not there"
