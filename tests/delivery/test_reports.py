"""Reports of a whole gateway: its apps are told what became of their messages, and platforms tell it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest
from aiohttp import ClientResponse
from sqlalchemy import select
from standardwebhooks import Webhook

from esb.core.clock import SystemClock
from esb.core.delivery_events import CallbackTried, ReceiptsTaken
from esb.core.delivery_states import ReceiverState
from esb.core.events import CallFinished, Event
from esb.database.deliveries import RECIPIENT
from esb.database.engine import Database, DatabaseAway
from esb.database.receipt_writes import MessageFate, ReceiptWrites, RecordedFate
from esb.delivery.webhook_signature import signing_secret
from tests.support.configuration import DEMO, OFFICIAL_ACCOUNT, OPENID, SERVICES, WECOM
from tests.support.databases import stanza
from tests.support.delivery_rows import add_delivery
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.send_weixin import seed
from tests.support.servers.recorder import Recorder, recording
from tests.support.wire import until

E = TypeVar("E", bound=Event)
RECEIPTS = "/api/c/receipts/demo/told/"
AES_KEY = 43 * "k"
BLOCKED = "o" + 27 * "B"
TOLD = '  - {path: /demo/told/, use: "tests.support.components:Told"}\n'


@pytest.fixture
async def recorder(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


@dataclass(frozen=True)
class Reporting:
    """A gateway that delivers, whose app has a callback, and the platform that reports to it."""

    gateway: Gateway
    database: Database

    async def told(self, kind: type[E]) -> E:
        """Wait until the gateway has told an event of this class, and return it."""
        await until(lambda: bool(self.all(kind)))
        return self.all(kind)[0]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.gateway.events if isinstance(event, kind)]

    async def receipts(self, number: int) -> set[str]:
        """Wait until so many receipts were taken, and return their outcomes."""
        await until(lambda: sum(each.number for each in self.all(ReceiptsTaken)) >= number)
        return {each.outcome for each in self.all(ReceiptsTaken)}

    async def report(self, body: bytes, query: str = "signature=good", method: str = "POST") -> ClientResponse:
        return await self.gateway.request(method, f"{RECEIPTS}?{query}", data=body)

    async def states(self) -> list[ReceiverState]:
        async with self.database.reading() as connection:
            states = (await connection.execute(select(RECIPIENT.c.state))).scalars()
            return [ReceiverState(state) for state in states]


@pytest.fixture
def open_reporting(
    open_gateway: OpenGateway, database: Database, database_url: str, sandbox: Sandbox, recorder: Recorder
) -> Callable[[str], Awaitable[Reporting]]:
    """Serve a gateway with these components, whose app has a callback."""

    async def open_one(components: str) -> Reporting:
        secrets = "secrets: [demo-secret, next-secret]"
        services = SERVICES.replace(secrets, f'{secrets}, callbacks: {{done: "{recorder.url}/done"}}', 1)
        config = f"{services}{stanza(database_url)}deliveries: {{}}\nledger: {{sync: on}}\ncomponents:\n{components}"
        gateway = await open_gateway(config=config, sandbox_url=sandbox.url, clock=SystemClock())
        return Reporting(gateway, database)

    return open_one


@pytest.fixture
async def reporting(open_reporting: Callable[[str], Awaitable[Reporting]]) -> Reporting:
    return await open_reporting(WECOM + TOLD)


async def test_an_app_is_told_what_became_of_a_message_that_was_sent_afterwards(
    reporting: Reporting, recorder: Recorder
) -> None:
    answer = await reporting.gateway.send("zhangsan", callback="done", **{"async": True})
    assert answer["result"], answer
    told = await reporting.told(CallbackTried)
    assert (told.outcome, told.delivery) == ("told", answer["data"]["delivery"]["id"])
    (seen,) = recorder.seen
    for secret in (b"demo-secret", b"next-secret"):
        body = Webhook(signing_secret(secret)).verify(seen.body, dict(seen.headers))
        assert body["data"]["accepted"] == ["zhangsan"]
        assert body["data"]["delivery"]["request_id"] == answer["request_id"]


async def test_a_platform_reports_without_proving_an_app_and_the_app_is_told(
    reporting: Reporting, recorder: Recorder
) -> None:
    await add_delivery(reporting.database, msgids=["1"], app="esb_demo")
    answer = await reporting.report(b"<1|address of zhangsan|>")
    assert (answer.status, await answer.text(), answer.content_type) == (200, "success", "text/plain")
    assert await reporting.states() == [ReceiverState.DELIVERED]
    assert (await reporting.told(ReceiptsTaken)).component == "demo.told"
    assert (await reporting.told(CallbackTried)).kind == "delivery.delivered"
    assert json.loads(recorder.last.body)["data"]["counts"] == {"delivered": 1}


async def test_the_log_names_the_component_that_is_reported_to(reporting: Reporting) -> None:
    await reporting.report(b"<1|nobody|>")
    ended = await reporting.told(CallFinished)
    assert (ended.path, ended.system, ended.component) == (RECEIPTS, "receipts", "demo.told")


async def test_a_platform_that_asks_whether_anybody_listens_is_answered(reporting: Reporting) -> None:
    answer = await reporting.report(b"", "signature=good&echostr=4217", "GET")
    assert (answer.status, await answer.text()) == (200, "4217")


async def test_what_is_not_genuine_changes_nothing_and_is_told(reporting: Reporting) -> None:
    await add_delivery(reporting.database, msgids=["1"])
    answer = await reporting.report(b"<1|address of zhangsan|>", "signature=forged")
    assert answer.status == 403
    assert await reporting.states() == [ReceiverState.ACCEPTED]
    taken = await reporting.told(ReceiptsTaken)
    assert (taken.outcome, taken.why) == ("refused", "the signature is wrong")


async def test_a_platform_reports_again_later_while_the_database_is_away(
    reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: ReceiptWrites, fate: MessageFate) -> RecordedFate:
        raise DatabaseAway("gone")

    monkeypatch.setattr(ReceiptWrites, "record", away)
    assert (await reporting.report(b"<1|address of zhangsan|>")).status == 503


async def test_only_components_whose_platform_reports_have_such_a_path(reporting: Reporting) -> None:
    answer = await reporting.gateway.request("POST", "/api/c/receipts/cmsi/send_weixin/", data=b"<xml/>")
    assert (answer.status, (await answer.json())["code"]) == (404, 1306404)


# What WeChat reports


@pytest.fixture
async def wechat(open_reporting: Callable[[str], Awaitable[Reporting]], sandbox: Sandbox) -> Reporting:
    """A gateway to whom an official account of the sandbox reports, before its own answer and twice, encrypted."""
    keys = f"wx_callback_token: callback-token, wx_encoding_aes_key: {AES_KEY}"
    reporting = await open_reporting(OFFICIAL_ACCOUNT.replace("{wx_type: mp", f"{{wx_type: mp, {keys}"))
    account = {
        "callback_url": f"{reporting.gateway.url}/api/c/receipts/cmsi/send_weixin/",
        "callback_token": "callback-token",
        "callback_aes_key": AES_KEY,
    }
    openids = [OPENID, {"openid": BLOCKED, "receipt": "failed:user block"}]
    await sandbox.post("seed", seed(account=account, openids=openids, knobs={"mp.receipts": 2}))
    return reporting


async def test_a_message_of_an_official_account_is_delivered_once_wechat_says_so(
    wechat: Reporting, recorder: Recorder
) -> None:
    answer = await wechat.gateway.send(OPENID, callback="done", **{"async": True})
    assert answer["result"], answer
    assert await wechat.receipts(2) == {"delivered", "repeated"}
    assert await wechat.states() == [ReceiverState.DELIVERED]
    await until(lambda: len(wechat.all(CallbackTried)) == 2)
    told = sorted((each.kind, each.outcome) for each in wechat.all(CallbackTried))
    assert told == [("delivery.delivered", "told"), ("delivery.done", "told")]
    bodies = [json.loads(seen.body)["data"] for seen in recorder.seen]
    assert {body["delivery"]["id"] for body in bodies} == {answer["data"]["delivery"]["id"]}


async def test_one_whom_wechat_did_not_reach_has_failed_with_its_reason(wechat: Reporting, recorder: Recorder) -> None:
    await wechat.gateway.send(f"{OPENID},{BLOCKED}", callback="done", **{"async": True})
    assert await wechat.receipts(4) == {"delivered", "failed", "repeated"}
    assert sorted(await wechat.states()) == [ReceiverState.DELIVERED, ReceiverState.FAILED]
    await until(lambda: any(each.kind == "delivery.dead" for each in wechat.all(CallbackTried)))
    bodies = [json.loads(seen.body) for seen in recorder.seen]
    (refused,) = next(body["data"]["failed"] for body in bodies if body["type"] == "delivery.dead")
    assert (refused["receiver"], refused["errmsg"]) == (BLOCKED, "user block")


async def test_who_was_not_reached_gets_another_message_when_it_is_sent_again(
    wechat: Reporting, sandbox: Sandbox
) -> None:
    answer = await wechat.gateway.send(BLOCKED, **{"async": True})
    assert await wechat.receipts(2) == {"failed", "repeated"}
    identity = answer["data"]["delivery"]["id"]
    again = await wechat.gateway.request("POST", f"/api/c/deliveries/{identity}/redrive/", json=DEMO)
    assert (await again.json())["result"]
    assert await wechat.receipts(4) == {"failed", "repeated"}
    assert [message["duplicate_of"] for message in await sandbox.messages()] == [None, None]


async def test_a_receipt_of_a_synchronous_call_finds_it_in_the_ledger(wechat: Reporting) -> None:
    assert (await wechat.gateway.send(OPENID))["result"]
    assert await wechat.receipts(2) == {"delivered", "repeated"}
    assert await wechat.states() == [ReceiverState.DELIVERED]
