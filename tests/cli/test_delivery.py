"""The command that looks for deliveries, and changes them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from esb.cli.delivery import COLUMNS
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import CONTENT
from tests.support.databases import open_database
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.registry_commands import Commands

TWO = [("zhangsan", ReceiverState.ACCEPTED), ("lisi", ReceiverState.FAILED)]


class Deliveries:
    """`esb delivery`, and the database that it looks into."""

    def __init__(self, esb: Commands, url: str) -> None:
        self._esb = esb
        self._url = url

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Return what the command printed."""
        return self._esb("delivery", *arguments, code=code).output

    def json(self, *arguments: str) -> Any:
        return json.loads(self._esb("delivery", *arguments, "--format", "json").stdout)

    def add(self, receivers: Any = TWO, **columns: Any) -> str:
        async def write() -> str:
            async with open_database(self._url) as database:
                identity = await add_delivery(database, receivers, **columns)
                async with database.writing() as connection:
                    await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=0))
                return identity

        return asyncio.run(write())


@pytest.fixture
def deliveries(esb: Commands, tmp_path: Path) -> Deliveries:
    return Deliveries(esb, f"sqlite:///{tmp_path}/data.db")


def test_deliveries_are_listed_page_by_page_by_what_is_asked_for(deliveries: Deliveries) -> None:
    made = [deliveries.add(id=uuid7(NOW + number), state=DeliveryState.DEAD) for number in range(3)]
    done = deliveries.add(app="shop", component="cmsi.send_mail")
    assert [row["id"] for row in deliveries.json("list", "--app", "monitor")] == made[::-1]
    (mail,) = deliveries.json("list", "--receiver", "lisi", "--component", "cmsi.send_mail")
    assert mail["id"] == done
    assert deliveries.json("list", "--since", "2028-01-01T00:00:00Z") == []
    first = deliveries("list", "--app", "monitor", "--limit", "2")
    assert first.splitlines()[0].lower().split() == [*COLUMNS]
    assert made[0] not in first
    cursor = first.splitlines()[-1].partition("--cursor ")[2]
    assert made[0] in deliveries("list", "--app", "monitor", "--limit", "2", "--cursor", cursor)
    assert "cursor" in deliveries("list", "--cursor", "x", code=2)


def test_a_delivery_is_shown_with_each_receiver_and_without_its_content(deliveries: Deliveries) -> None:
    identity = deliveries.add(state=DeliveryState.DEAD, refusal=("60111", "unknown"), msgids=["m1"])
    shown = deliveries.json("show", identity)
    assert (shown["delivery"]["state"], shown["msgids"], shown["attempts"]) == ("dead", ["m1"], [])
    assert shown["failed"] == [{"receiver": "lisi", "errcode": 60111, "errmsg": "unknown", "class": "receiver"}]
    assert "zhangsan" in deliveries("show", identity)
    assert "there is no delivery" in deliveries("show", "0" * 32, code=1)


def test_one_is_cancelled_or_sent_again_unless_that_cannot_be(deliveries: Deliveries) -> None:
    waiting = deliveries.add([("a", ReceiverState.QUEUED)], state=DeliveryState.QUEUED)
    assert "is cancelled" in deliveries("cancel", waiting)
    dead = deliveries.add(state=DeliveryState.DEAD)
    assert "has ended" in deliveries("cancel", dead, code=1)
    assert "is queued again" in deliveries("redrive", dead)
    assert "dead" in deliveries("redrive", dead, code=1)
    assert deliveries.json("show", dead)["receivers"][1] == {"receiver": "lisi", "state": "queued"}
    assert "does not exist" in deliveries("cancel", "0" * 32, code=1)


def test_many_are_cancelled_once_it_is_known_how_many(deliveries: Deliveries) -> None:
    for _ in range(2):
        deliveries.add([("a", ReceiverState.QUEUED)], state=DeliveryState.QUEUED)
    other = deliveries.add([("a", ReceiverState.QUEUED)], state=DeliveryState.QUEUED, app="shop")
    assert "2 deliveries wait" in deliveries("cancel", "--app", "monitor", code=1)
    assert "2 deliveries are cancelled" in deliveries("cancel", "--app", "monitor", "--yes")
    assert [row["id"] for row in deliveries.json("list", "--state", "queued")] == [other]
    assert "which ones" in deliveries("cancel", code=2)
    assert "either" in deliveries("cancel", other, "--app", "shop", code=2)


def test_a_receiver_is_forgotten_once_nothing_is_to_be_sent_to_it(deliveries: Deliveries) -> None:
    ended, waiting = deliveries.add(), deliveries.add([("lisi", ReceiverState.QUEUED)], state=DeliveryState.QUEUED)
    assert "for good" in deliveries("forget", "--receiver", "lisi", code=1)
    told = deliveries("forget", "--receiver", "lisi", "--yes", code=1)
    assert "1 deliveries have forgotten it" in told
    assert "1 deliveries are still to be sent" in told
    deliveries("cancel", waiting)
    assert "1 deliveries have forgotten it" in deliveries("forget", "--receiver", "lisi", "--yes")
    assert deliveries.json("list", "--receiver", "lisi") == []
    assert deliveries.json("show", ended)["receivers"][1]["receiver"] == ""


def test_a_component_is_held_and_released(deliveries: Deliveries) -> None:
    deliveries.add(component="cmsi.send_weixin")
    assert deliveries("hold", "cmsi.send_weixin", "--reason", "a storm") == "cmsi.send_weixin is held\n"
    assert deliveries("hold", "cmsi.send_weixin") == "cmsi.send_weixin was held already\n"
    assert deliveries("release", "cmsi.send_weixin") == "cmsi.send_weixin is released\n"
    assert deliveries("release", "cmsi.send_weixin") == "cmsi.send_weixin was not held\n"


def test_only_a_component_of_the_configuration_or_of_a_delivery_is_held(deliveries: Deliveries) -> None:
    assert "is held" in deliveries("hold", "cmsi.send_sms")
    unknown = deliveries("hold", "cmsi.send_sns", code=1)
    assert "there is no component 'cmsi.send_sns', nor a delivery of it (did you mean 'cmsi.send_sms'?)" in unknown
    deliveries.add(component="cmsi.send_sns")
    assert "is held" in deliveries("hold", "cmsi.send_sns")
