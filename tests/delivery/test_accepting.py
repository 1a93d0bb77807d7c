"""Asynchronous calls: rehearsed, durable when they are answered, and sent to nobody before."""

from tests.support.configuration import DEMO, MESSAGE
from tests.support.deliveries import Held, OpenAccepting
from tests.support.gateway import Sandbox

SENT = {"receiver": "zhangsan", "data": MESSAGE}
PREFER = {"Prefer": "respond-async"}


async def test_an_asynchronous_call_is_accepted_and_not_sent(
    open_accepting: OpenAccepting, held: Held, sandbox: Sandbox
) -> None:
    gateway = await open_accepting()

    answer = await gateway.send(**{"async": True})

    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    delivery = answer["data"].pop("delivery")
    assert answer["data"] == {
        "username_check": {"invalid": []},
        "accepted": [],
        "failed": [],
        "unknown": [],
        "msgids": [],
    }
    assert set(delivery) == {"id", "state", "due", "expires"}
    assert delivery["state"] == "queued"
    [row] = await held.rows()
    assert (row.id, row.app, row.username, row.component) == (delivery["id"], "esb_demo", "admin", "cmsi.send_weixin")
    assert row.request_id == answer["request_id"]
    assert row.expires == row.due + 24 * 3600 * 1000
    assert await sandbox.messages() == []


async def test_a_preference_is_answered_with_202_and_where_the_delivery_is_found(
    open_accepting: OpenAccepting, held: Held
) -> None:
    gateway = await open_accepting()

    response = await gateway.post({**DEMO, **SENT}, headers={"Prefer": "wait=10, Respond-Async"})

    identity = (await response.json())["data"]["delivery"]["id"]
    assert response.status == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert response.headers["Location"] == f"/api/c/deliveries/{identity}/"
    assert [row.id for row in await held.rows()] == [identity]


async def test_the_same_key_finds_the_same_delivery(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting()
    first = (await gateway.send(**{"async": True, "idempotency_key": "k"}))["data"]

    second = (await gateway.send(**{"async": True, "idempotency_key": "k"}))["data"]
    other = await gateway.send(receiver="lisi", **{"async": True, "idempotency_key": "k"})

    assert second == {**first, "replayed": True}
    assert other["code"] == 1306406
    assert len(await held.rows()) == 1
