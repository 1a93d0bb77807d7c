"""Asynchronous calls: rehearsed, durable when they are answered, and sent to nobody before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from esb import Call, Component, Params, Repetition
from esb.core.clock import utc_text
from esb.core.delivery_states import ReceiverState
from esb.core.errors import Message
from esb.delivery.receivers import Receiver
from tests.support.clock import Clock
from tests.support.components import Free
from tests.support.configuration import DEMO, MESSAGE, OFFICIAL_ACCOUNT, OPENID, SERVICES, WECOM
from tests.support.deliveries import Held, OpenAccepting
from tests.support.gateway import Gateway, OpenGateway, Sandbox

LATER: dict[str, Any] = {"async": True}
PREFER = {"Prefer": "respond-async"}
SENT = {"receiver": "zhangsan", "data": MESSAGE}
EMPTY = {"username_check": {"invalid": []}, "accepted": [], "failed": [], "unknown": [], "msgids": []}


class Plain(Component[Any, Free]):
    """Sends without a report; a call with an `id` is known again by it."""

    params_type = Free
    sends = True

    def repetition(self, call: Call) -> Repetition | None:
        return Repetition(str(call.args["id"]), 600.0) if "id" in call.args else None

    async def handle(self, call: Call, params: Free) -> Any:
        call.record.sent = not call.options.dry_run
        return {"dry_run": True, "messages": ["it"]}


class PriorityParams(Params):
    priority: str = ""


class Priority(Component[Any, PriorityParams]):
    """Sends with a priority of its own."""

    params_type = PriorityParams
    sends = True

    async def handle(self, call: Call, params: PriorityParams) -> Any:
        return {"priority": params.priority, "dry_run": call.options.dry_run}


OWN = f'  - {{path: /own/plain/, use: "{__name__}:Plain"}}\n  - {{path: /own/priority/, use: "{__name__}:Priority"}}\n'


async def test_an_asynchronous_call_is_accepted_and_not_sent(
    open_accepting: OpenAccepting, held: Held, sandbox: Sandbox
) -> None:
    gateway = await open_accepting()

    answer = await gateway.send(**LATER)

    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    delivery = answer["data"].pop("delivery")
    assert answer["data"] == EMPTY
    assert set(delivery) == {"id", "state", "due", "expires"}
    assert delivery["state"] == "queued"
    [row] = await held.rows()
    assert (row.id, row.app, row.username, row.component) == (delivery["id"], "esb_demo", "admin", "cmsi.send_weixin")
    assert (row.request_id, row.credential) == (answer["request_id"], "cmsi.send_weixin")
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


async def test_a_call_by_parameter_is_answered_with_200(open_accepting: OpenAccepting) -> None:
    response = await (await open_accepting()).post({**DEMO, **SENT, **LATER})
    assert (response.status, "Location" in response.headers) == (200, False)


async def test_another_preference_changes_nothing(open_accepting: OpenAccepting, held: Held, sandbox: Sandbox) -> None:
    gateway = await open_accepting()
    response = await gateway.post({**DEMO, **SENT}, headers={"Prefer": "return=minimal"})
    assert (await response.json())["data"]["accepted"] == ["zhangsan"]
    assert (len(await sandbox.messages()), await held.rows()) == (1, [])


async def test_what_is_wrong_with_a_call_is_told_at_once_and_nothing_is_kept(
    open_accepting: OpenAccepting, held: Held
) -> None:
    gateway = await open_accepting()
    calls: list[dict[str, Any]] = [
        {"data": {}},
        {"receiver": ""},
        {"receiver": "", "receiver__username": "nobody"},
        {"data": {**MESSAGE, "message": "!", "is_message_base64": True}},
        {"bk_app_code": "no_rights", "bk_app_secret": "no-rights-secret"},
    ]
    for wrong in calls:
        assert await told(gateway, **wrong, **LATER) == await told(gateway, **wrong), wrong
    assert await held.rows() == []


async def told(gateway: Gateway, **params: Any) -> Any:
    answer = await (await gateway.post({**DEMO, **SENT, **params})).json()
    assert not answer["result"]
    return answer["code"], answer["message"], answer["data"]


async def test_receivers_are_looked_up_before_the_answer(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting()

    answer = await gateway.send("", receiver__username="admin,nobody,without", **LATER)

    data = answer["data"]
    assert answer["result"]
    assert data["username_check"]["invalid"] == ["nobody"]
    assert [(entry["receiver"], entry["class"]) for entry in data["failed"]] == [
        ("nobody", "receiver"),
        ("without", "receiver"),
    ]
    identity = data["delivery"]["id"]
    assert await held.receivers(identity) == [
        Receiver("cmsi.send_weixin", "admin", "zhangsan", looked_up=True),
        Receiver("cmsi.send_weixin", "nobody", "", looked_up=False, errmsg=Message("not a blueking user")),
        Receiver("cmsi.send_weixin", "without", "", looked_up=False, errmsg=Message("contact format is incorrect")),
    ]
    queued, failed = ReceiverState.QUEUED, ReceiverState.FAILED
    digest, rows = held.database.keys.digest_of, await held.recipients(identity)
    assert [(row.number, row.state, row.failure) for row in rows] == [
        (0, queued, ""),
        (1, failed, "receiver"),
        (2, failed, "receiver"),
    ]
    assert [row.digest for row in rows] == [digest("receiver", name)[:16] for name in ("admin", "nobody", "without")]
    assert [row.address_digest for row in rows] == [digest("receiver", "zhangsan")[:16], None, None]


async def test_a_delivery_holds_all_that_its_call_needs(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting()
    body = {"receiver": "zhangsan", "data": MESSAGE, "expires": "1h", "priority": "high", "unheard": 1, **LATER}
    response = await gateway.post(
        {**DEMO, **body}, "v2/cmsi/send_weixin", {"Blueking-Language": "zh-hans", "Idempotency-Key": "k"}
    )

    data = (await response.json())["data"]
    content = await held.content(data["delivery"]["id"])

    assert [warning["field"] for warning in data["warnings"]] == ["unheard"]
    assert content.path == "/cmsi/send_weixin/"
    assert {name: content.args[name] for name in ("receiver", "data")} == SENT
    assert "bk_app_secret" not in content.args
    assert not {"async", "expires", "priority"} & content.args.keys()
    assert content.headers == {"Blueking-Language": "zh-hans"}
    assert content.idempotency_key == "k"
    assert (content.app and content.app.code, content.user and content.user.username) == ("esb_demo", "admin")


async def test_nothing_personal_and_no_content_stands_in_the_file_in_the_clear(
    open_in_file: OpenAccepting, in_file: Held, tmp_path: Path
) -> None:
    gateway = await open_in_file()
    message = {"heading": "Sentinel-Heading", "message": "Sentinel-Text"}
    await gateway.send("sentinel-id", data=message, wx_qy_corpsecret="sentinel-secret", **LATER)
    assert len(await in_file.rows()) == 1
    files = {name: (tmp_path / name).read_bytes() for name in ("in_file.db", "in_file.db-wal")}
    assert [name for name, content in files.items() if b"entinel" in content] == []


async def test_a_dry_run_stays_a_dry_run(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting()
    by_parameter = await gateway.send(dry_run=True, deliver_at="1h", expires="1h", **LATER)
    response = await gateway.post({**DEMO, **SENT}, headers={**PREFER, "X-Dry-Run": "1"})
    by_header = await response.json()
    assert (response.status, "Preference-Applied" in response.headers) == (200, False)
    for data in (by_parameter["data"], by_header["data"]):
        assert (data["dry_run"], "delivery" in data, "warnings" in data) == (True, False, False)
    assert await held.rows() == []


@pytest.mark.parametrize("deliveries", [None, "{run: off}"], ids=["left out", "off"])
async def test_where_deliveries_are_off_a_call_is_refused_and_not_sent(
    open_accepting: OpenAccepting, open_gateway: OpenGateway, sandbox: Sandbox, deliveries: str | None
) -> None:
    if deliveries is None:
        gateway = await open_gateway(f"{WECOM}{OWN}", sandbox_url=sandbox.url)
    else:
        gateway = await open_accepting(f"{WECOM}{OWN}", deliveries)
    for asked in (LATER, {"deliver_at": "1h"}):
        assert (await gateway.send(**asked))["code"] == 1306406
    response = await gateway.post({**DEMO, **SENT}, headers=PREFER)
    assert (response.status, (await response.json())["code"]) == (200, 1306406)
    assert (await gateway.send(dry_run=True, **LATER))["data"]["dry_run"]
    assert (await gateway.call("own/priority", priority="mine"))["data"]["priority"] == "mine"
    assert await sandbox.messages() == []


async def test_a_component_that_sends_nothing_refuses_to_answer_later(open_accepting: OpenAccepting) -> None:
    gateway = await open_accepting('  - {path: /a/echo/, use: "tests.support.components:Echo"}\n')
    response = await gateway.post(DEMO, "a/echo", PREFER)
    assert (await response.json())["code"] == 1306406
    assert (await gateway.call("a/echo", **LATER))["data"]["args"]["async"] is True


async def test_the_same_key_finds_the_same_delivery_after_a_restart_too(
    open_accepting: OpenAccepting, held: Held
) -> None:
    first = (await (await open_accepting()).send(idempotency_key="k", **LATER))["data"]
    gateway = await open_accepting()

    again = await gateway.post({**DEMO, **SENT}, headers={**PREFER, "Idempotency-Key": "k"})

    assert (await again.json())["data"] == {**first, "replayed": True}
    assert again.headers["Location"].endswith(f"/{first['delivery']['id']}/")
    assert len(await held.rows()) == 1


@pytest.mark.parametrize(
    "changes",
    [{"receiver": "lisi"}, {"deliver_at": "2h"}, {"priority": "low"}, {"bk_username": "lisi"}],
    ids=lambda changes: next(iter(changes)),
)
async def test_the_same_key_for_something_else_is_refused(
    open_accepting: OpenAccepting, held: Held, changes: dict[str, Any]
) -> None:
    gateway = await open_accepting()
    call = {**DEMO, **SENT, **LATER, "idempotency_key": "k"}
    await gateway.post(call)
    answer = await (await gateway.post({**call, **changes})).json()
    assert answer["code"] == 1306406
    assert answer["message"].endswith("of another user" if "bk_username" in changes else "with other parameters")
    assert len(await held.rows()) == 1


async def test_what_was_sent_at_once_under_a_key_is_not_accepted_under_it(
    open_accepting: OpenAccepting, held: Held, sandbox: Sandbox
) -> None:
    gateway = await open_accepting()
    sent = (await gateway.send(idempotency_key="k"))["data"]

    again = await gateway.send(idempotency_key="k", **LATER)
    other = await gateway.send("lisi", idempotency_key="k", **LATER)

    assert again["data"] == {**sent, "replayed": True}
    assert other["code"] == 1306406
    assert (await held.rows(), len(await sandbox.messages())) == ([], 1)


async def test_so_it_is_where_the_component_knows_repetitions_without_a_key(
    open_accepting: OpenAccepting, held: Held
) -> None:
    gateway = await open_accepting(OWN)
    sent = (await gateway.call("own/plain", idempotency_key="k"))["data"]
    again = await gateway.call("own/plain", idempotency_key="k", **LATER)
    assert again["data"] == {**sent, "replayed": True}
    assert await held.rows() == []


async def test_what_was_accepted_under_a_key_is_not_sent_at_once_under_it(
    open_accepting: OpenAccepting, held: Held, sandbox: Sandbox
) -> None:
    accepted = (await (await open_accepting()).send(idempotency_key="k", **LATER))["data"]
    gateway = await open_accepting()

    again, other = await gateway.send(idempotency_key="k"), await gateway.send("lisi", idempotency_key="k")

    assert again["data"] == {**accepted, "replayed": True}
    assert other["code"] == 1306406
    assert (len(await held.rows()), await sandbox.messages()) == (1, [])


async def test_a_key_belongs_to_one_app_and_one_component(open_accepting: OpenAccepting, held: Held) -> None:
    services = SERVICES.replace("secrets: [no-users-secret]", 'secrets: [no-users-secret], impersonate: ["*"]')
    gateway = await open_accepting(f"{WECOM}{OWN}", services=services)
    other = {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret", "bk_username": "admin"}
    for call in (gateway.send(idempotency_key="k", **LATER), gateway.send(auth=other, idempotency_key="k", **LATER)):
        assert (await call)["result"]
    assert (await gateway.call("own/plain", idempotency_key="k", **LATER))["result"]
    assert len(await held.rows()) == 3


async def test_callers_with_one_key_at_once_share_one_delivery(open_accepting: OpenAccepting, held: Held) -> None:
    gateways = [await open_accepting(), await open_accepting()]
    sends = (gateway.send(idempotency_key="k", **LATER) for _ in range(10) for gateway in gateways)
    answers = await asyncio.gather(*sends)
    [row] = await held.rows()
    assert {answer["data"]["delivery"]["id"] for answer in answers} == {row.id}
    assert sum("replayed" not in answer["data"] for answer in answers) == 1


async def test_what_was_accepted_is_found_by_its_key_though_it_could_not_be_accepted_now(
    open_accepting: OpenAccepting, held: Held, clock: Clock
) -> None:
    call: dict[str, Any] = {"receiver": "", "receiver__username": "lisi", "idempotency_key": "k", **LATER}
    first = (await (await open_accepting(clock=clock)).send(**call))["data"]
    services = SERVICES.replace("username: lisi", "username: leaver")

    again = (await (await open_accepting(services=services)).send(**call))["data"]

    assert again == {"delivery": first["delivery"], **EMPTY, "replayed": True}
    assert (await (await open_accepting(services=services)).send(**{**call, "idempotency_key": "new"}))["code"] != 0


async def test_a_moment_that_has_passed_since_is_no_reason_to_refuse_a_repetition(
    open_in_file: OpenAccepting, clock: Clock
) -> None:
    gateway = await open_in_file(clock=clock)
    call: dict[str, Any] = {"idempotency_key": "k", "expires": utc_text(clock.since_1970() + 60), **LATER}
    first = (await gateway.send(**call))["data"]["delivery"]
    clock.advance(3600)
    assert (await gateway.send(**call))["data"]["delivery"] == first
    assert (await gateway.send(**{**call, "idempotency_key": "new"}))["code"] == 1306406


async def test_what_a_component_knows_again_is_accepted_once_within_its_seconds(
    open_in_file: OpenAccepting, in_file: Held, clock: Clock
) -> None:
    gateway = await open_in_file(OWN, clock=clock)

    async def identity() -> Any:
        response = await gateway.post({**DEMO, "id": 1}, "own/plain", PREFER)
        return (await response.json())["data"]["delivery"]["id"]

    first = await identity()
    clock.advance(599)
    assert await identity() == first
    assert len(await in_file.rows()) == 1
    clock.advance(2)
    assert await identity() != first


async def test_a_component_that_names_no_receivers_has_one_without_a_name(
    open_accepting: OpenAccepting, held: Held
) -> None:
    gateway = await open_accepting(OWN)
    data = (await gateway.call("own/plain", **LATER))["data"]
    identity = data.pop("delivery")["id"]
    assert data == EMPTY
    assert await held.receivers(identity) == [Receiver("own.plain", "", "", looked_up=False)]
    assert [(row.digest, row.address_digest) for row in await held.recipients(identity)] == [(None, None)]


async def test_a_parameter_that_the_component_has_itself_is_its_own(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting(OWN)
    answer = await gateway.call("own/priority", priority="mine", **LATER)
    content = await held.content(answer["data"]["delivery"]["id"])
    assert content.args["priority"] == "mine"
    [row] = await held.rows()
    assert row.priority == 5


async def test_a_term_of_a_call_that_is_not_asynchronous_is_warned_of(
    open_accepting: OpenAccepting, sandbox: Sandbox
) -> None:
    gateway = await open_accepting()
    data = (await gateway.send(expires="1h", **{"async": False}))["data"]
    assert [(warning["field"], "add async" in warning["what"]) for warning in data["warnings"]] == [("expires", True)]
    assert len(await sandbox.messages()) == 1


async def test_a_component_called_by_another_is_the_one_whose_receivers_these_are(
    open_accepting: OpenAccepting, held: Held
) -> None:
    gateway = await open_accepting(f"{WECOM}  - {{path: /cmsi/send_msg/, use: cmsi_send_msg}}\n")
    answer = await gateway.call(
        "cmsi/send_msg", msg_type="weixin", receiver__username="lisi", title="t", content="c", **LATER
    )
    [row] = await held.rows()
    assert (row.id, row.component, row.credential) == (
        answer["data"]["delivery"]["id"],
        "cmsi.send_msg",
        "cmsi.send_weixin",
    )
    assert await held.receivers(row.id) == [Receiver("cmsi.send_weixin", "lisi", "lisi", looked_up=True)]


async def test_a_secret_of_the_callers_own_is_a_credential_of_its_own(
    open_accepting: OpenAccepting, held: Held
) -> None:
    gateway = await open_accepting()
    for secret in ("", "one-secret", "one-secret", "other-secret"):
        await gateway.send(wx_qy_corpsecret=secret, **LATER)
    credentials = [row.credential for row in await held.rows()]
    assert credentials[0] == "cmsi.send_weixin"
    assert credentials[1] == credentials[2]
    assert len(set(credentials)) == 3
    assert not any("secret" in credential for credential in credentials)


async def test_deliveries_for_one_receiver_are_in_its_lane(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting()
    for receiver in ("zhangsan", "lisi", "zhangsan,lisi"):
        await gateway.send(receiver, **LATER)
    await gateway.send("", receiver__username="admin", **LATER)
    zhangsan, lisi, both, admin = [row.lane for row in await held.rows()]
    assert zhangsan == admin
    assert zhangsan != lisi
    assert both is None


async def test_an_app_may_have_so_many_waiting(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting(deliveries="{run: separate, max_queued: 2}")
    for key in ("1", "2"):
        assert (await gateway.send(idempotency_key=key, **LATER))["result"]

    refused = await gateway.send(idempotency_key="3", **LATER)

    assert refused["code"] == 1306429
    assert refused["data"]["retry_after"] > 0
    assert (await gateway.send(idempotency_key="1", **LATER))["data"]["replayed"]
    assert (await gateway.send())["result"]
    assert len(await held.rows()) == 2


async def test_a_signature_covers_the_parameter_and_no_header(open_accepting: OpenAccepting) -> None:
    gateway = await open_accepting()
    path = "/api/c/compapi/cmsi/send_weixin/?bk_signature=x&bk_app_code=esb_demo"
    response = await gateway.request("POST", path, headers=PREFER)
    answer = await response.json()
    assert answer["code"] == 1306406
    assert "async" in answer["message"]


async def test_an_official_account_accepts_as_well(open_accepting: OpenAccepting, held: Held) -> None:
    gateway = await open_accepting(OFFICIAL_ACCOUNT)
    answer = await gateway.send(OPENID, **LATER)
    assert await held.receivers(answer["data"]["delivery"]["id"]) == [
        Receiver("cmsi.send_weixin", OPENID, OPENID, looked_up=False)
    ]


async def test_while_the_database_is_away_nothing_is_accepted_and_nothing_sent(
    open_in_file: OpenAccepting, sandbox: Sandbox, tmp_path: Path
) -> None:
    gateway = await open_in_file()
    (tmp_path / "in_file.db").rename(tmp_path / "gone.db")

    for key in ({}, {"idempotency_key": "k"}):
        answer = await gateway.send(**key, **LATER)
        assert answer["code"] == 1306201
        assert answer["data"] == {"retry_after": 5, "retryable": True}
    (tmp_path / "gone.db").rename(tmp_path / "in_file.db")
    assert await sandbox.messages() == []


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}], ids=["without a key", "with a key"])
async def test_a_call_whose_time_is_over_while_it_is_written_is_in_doubt(
    open_in_file: OpenAccepting, in_file: Held, key: dict[str, Any]
) -> None:
    gateway = await open_in_file(WECOM.replace("methods: [POST]", "methods: [POST]\n    timeout: 0.5"))
    async with in_file.database.writing():
        answer = await gateway.send(**key, **LATER)
    assert answer["code"] == 1306201
    assert answer["data"] == {"retry_after": 5, "retryable": bool(key), "outcome": "unknown"}
    assert (await gateway.send("lisi", **LATER))["result"]
    assert len(await in_file.rows()) == 2
