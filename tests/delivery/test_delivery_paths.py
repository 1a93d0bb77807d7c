"""An app follows its own deliveries over HTTP: lists, reads, cancels and sends again."""

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import CONTENT
from esb.database.engine import Database
from esb.delivery.delivery_paths import SENDING_SECONDS
from esb.delivery.ledger import AWAY_SECONDS
from tests.support.clock import ImpatientClock
from tests.support.databases import open_database, stanza
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.gateway import Gateway, OpenGateway

APP = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"}
OTHER = {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret"}
FAILED = [("zhangsan", ReceiverState.ACCEPTED), ("lisi", ReceiverState.FAILED)]


@dataclass
class Deliveries:
    """A gateway, and the database of its deliveries."""

    gateway: Gateway
    database: Database

    async def add(self, receivers: Any = FAILED, **columns: Any) -> str:
        identity = await add_delivery(self.database, receivers, **{"app": "esb_demo", **columns})
        async with self.database.writing() as connection:
            await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=0))
        return identity

    async def ask(
        self, path: str = "", method: str = "GET", auth: dict[str, str] = APP, **params: Any
    ) -> tuple[int, Any, Any]:
        """The status, code and data of the answer."""
        headers = {"X-Bkapi-Authorization": json.dumps(auth)}
        options = {"json": params} if method == "POST" else {"params": params}
        answer = await self.gateway.request(method, f"/api/c/deliveries/{path}", headers=headers, **options)
        envelope = await answer.json()
        return answer.status, envelope["code"], envelope["data"]

    async def change(self, path: str, **options: Any) -> tuple[int, Any, Any]:
        return await self.ask(path, "POST", **options)


@pytest.fixture
async def deliveries(opened: AsyncExitStack, open_gateway: OpenGateway, database_url: str) -> Deliveries:
    database = await opened.enter_async_context(open_database(database_url))
    more = f"{stanza(database_url)}deliveries: {{run: separate, expires: 2h}}\n"
    return Deliveries(await open_gateway("  []\n", more=more, clock=ImpatientClock()), database)


async def test_an_app_reads_what_became_of_its_message_receiver_by_receiver(deliveries: Deliveries) -> None:
    identity = await deliveries.add(
        state=DeliveryState.DEAD, failure="receiver", msgids=["m1"], refusal=("60111", "unknown")
    )
    status, code, data = await deliveries.ask(f"{identity}/")
    assert (status, code) == (200, 0)
    assert {name: data["delivery"][name] for name in ("id", "state", "component")} == {
        "id": identity,
        "state": "dead",
        "component": "cmsi.send_weixin",
    }
    assert "app" not in data["delivery"]
    assert (data["accepted"], data["unknown"], data["msgids"]) == (["zhangsan"], [], ["m1"])
    assert data["failed"] == [{"receiver": "lisi", "errcode": 60111, "errmsg": "unknown", "class": "receiver"}]
    assert data["receivers"][0] == {"receiver": "zhangsan", "state": "accepted"}


@pytest.mark.parametrize("method", ["GET", "cancel/", "redrive/"])
async def test_anothers_delivery_is_as_good_as_none(deliveries: Deliveries, method: str) -> None:
    identity = await deliveries.add(state=DeliveryState.DEAD)
    for path, auth in ((identity, OTHER), ("0" * 32, APP), ("x", APP)):
        if method == "GET":
            found = await deliveries.ask(f"{path}/", auth=auth)
        else:
            found = await deliveries.change(f"{path}/{method}", auth=auth)
        assert found == (404, 1306404, None)


async def test_an_app_lists_its_own_by_state_and_time_page_by_page(deliveries: Deliveries) -> None:
    old = await deliveries.add(id=uuid7(NOW), state=DeliveryState.DONE)
    middle = await deliveries.add(id=uuid7(NOW + 1000), state=DeliveryState.DEAD)
    new = await deliveries.add(id=uuid7(NOW + 2000), state=DeliveryState.QUEUED)
    await deliveries.add(app="no_users")
    _, _, first = await deliveries.ask(limit=2)
    assert [each["id"] for each in first["deliveries"]] == [new, middle]
    assert "receivers" not in first["deliveries"][0]
    _, _, second = await deliveries.ask(limit=2, cursor=first["cursor"])
    assert ([each["id"] for each in second["deliveries"]], second["cursor"]) == ([old], None)
    _, _, dead = await deliveries.ask(state="dead")
    assert [each["id"] for each in dead["deliveries"]] == [middle]
    _, _, since = await deliveries.ask(since="2027-01-15T08:00:01Z")
    assert [each["id"] for each in since["deliveries"]] == [new, middle]


@pytest.mark.parametrize(
    "params", [{"state": "lost"}, {"since": "yesterday"}, {"cursor": "1"}, {"limit": "0"}, {"limit": "201"}]
)
async def test_a_list_of_what_is_unclear_is_refused_with_the_name_of_the_parameter(
    deliveries: Deliveries, params: dict[str, str]
) -> None:
    headers = {"X-Bkapi-Authorization": json.dumps(APP)}
    answer = await (
        await deliveries.gateway.request("GET", "/api/c/deliveries/", params=params, headers=headers)
    ).json()
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert f"[{next(iter(params))}]" in answer["message"]


async def test_an_app_cancels_what_waits_and_nothing_else(deliveries: Deliveries) -> None:
    waiting = await deliveries.add(
        [("a", ReceiverState.ACCEPTED), ("b", ReceiverState.QUEUED)], state=DeliveryState.QUEUED
    )
    for _ in range(2):
        status, code, data = await deliveries.change(f"{waiting}/cancel/")
        assert (status, code, data["delivery"]["state"]) == (200, 0, "cancelled")
    _, _, after = await deliveries.ask(f"{waiting}/")
    assert [each["state"] for each in after["receivers"]] == ["accepted", "cancelled"]
    sending = await deliveries.add(state=DeliveryState.SENDING, lease=NOW + 10**9)
    status, code, data = await deliveries.change(f"{sending}/cancel/")
    assert (status, code, data["delivery"]["state"]) == (200, 1306406, "sending")
    assert (data["retryable"], data["retry_after"]) == (True, SENDING_SECONDS)
    done = await deliveries.add(state=DeliveryState.DONE)
    status, code, data = await deliveries.change(f"{done}/cancel/")
    assert (code, data) == (1306406, {"delivery": data["delivery"]})


async def test_an_app_sends_again_to_those_who_failed(deliveries: Deliveries) -> None:
    identity = await deliveries.add(state=DeliveryState.DEAD)
    assert (await deliveries.change(f"{identity}/redrive/", receivers="all"))[1] == 1306000
    _, code, data = await deliveries.change(f"{identity}/redrive/", receivers="failed")
    assert (code, data["delivery"]["state"], data["delivery"]["attempts"]) == (0, "queued", 0)
    _, _, after = await deliveries.ask(f"{identity}/")
    assert [each["state"] for each in after["receivers"]] == ["accepted", "queued"]
    _, code, data = await deliveries.change(f"{identity}/redrive/")
    assert (code, data["delivery"]["state"]) == (1306406, "queued")


@pytest.mark.parametrize("more", ["ledger: {}\n", "deliveries: {run: off}\n"])
async def test_nothing_is_sent_again_where_nothing_is_sent_later(
    opened: AsyncExitStack, open_gateway: OpenGateway, tmp_path: Path, more: str
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    database = await opened.enter_async_context(open_database(url))
    deliveries = Deliveries(await open_gateway("  []\n", more=f"{stanza(url)}{more}"), database)
    identity = await deliveries.add(state=DeliveryState.DEAD)
    assert (await deliveries.change(f"{identity}/redrive/"))[:2] == (200, 1306406)
    assert (await deliveries.ask(f"{identity}/"))[2]["delivery"]["state"] == "dead"


async def test_a_database_that_is_away_is_told_with_the_time_to_wait(
    opened: AsyncExitStack, open_gateway: OpenGateway, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/esb.db"
    database = await opened.enter_async_context(open_database(url))
    gateway = await open_gateway("  []\n", more=f"{stanza(url)}ledger: {{}}\n")
    deliveries = Deliveries(gateway, database)
    (tmp_path / "esb.db").rename(tmp_path / "away.db")
    assert await deliveries.ask() == (200, 1306201, {"retryable": True, "retry_after": AWAY_SECONDS})
