"""Synchronous calls come into the ledger after their answers, as far as `ledger.sync` says."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import pytest

from esb.config import LedgerConfig
from esb.core.call import Call, Options, User
from esb.core.delivery_events import LedgerDropped
from esb.core.errors import EsbError, UpstreamError
from esb.core.events import Crashed, Event, Observer
from esb.database import write_behind
from esb.database.delivery_views import Wanted
from esb.database.engine import Database, DatabaseAway
from esb.delivery import sync_recorder
from esb.delivery.ledger import Ledger
from esb.delivery.sync_recorder import SyncRecorder
from esb.gateway.app import GATEWAY
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.configuration import SERVICES, WECOM
from tests.support.databases import stanza
from tests.support.deliveries import Held
from tests.support.gateway import Gateway, OpenGateway, Sandbox

OpenRecording = Callable[..., Awaitable["Recording"]]


class Recording:
    """A gateway that records synchronous calls, and its ledger."""

    def __init__(self, gateway: Gateway, database: Database) -> None:
        self.gateway = gateway
        self.ledger = Ledger(database, gateway.app[GATEWAY].clock)

    async def found(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return what the ledger has of them by now, each with its receivers."""
        recorder = self.gateway.app[GATEWAY].deliveries.recorder
        assert recorder is not None
        await recorder.write()
        page = await self.ledger.page(Wanted(**wanted))
        views = [await self.ledger.delivery(each["id"]) for each in page.deliveries]
        return [view for view in views if view is not None]


@pytest.fixture
def open_recording(open_gateway: OpenGateway, database: Database, database_url: str, sandbox: Sandbox) -> OpenRecording:
    async def open_one(ledger: str = "{sync: on}", more: str = "") -> Recording:
        config = f"{SERVICES}{stanza(database_url)}ledger: {ledger}\n{more}components:\n{WECOM}"
        return Recording(await open_gateway(config=config, sandbox_url=sandbox.url), database)

    return open_one


async def test_a_call_is_found_by_all_that_its_caller_knows_of_it(open_recording: OpenRecording) -> None:
    recording = await open_recording()
    answer = await recording.gateway.send(receiver__username="admin", receiver="")
    assert answer["result"], answer
    (msgid,) = answer["data"]["msgids"]
    for wanted in (
        {"receiver": "admin"},
        {"receiver": "zhangsan"},
        {"request_id": answer["request_id"]},
        {"msgid": msgid},
        {"app": "esb_demo"},
    ):
        (found,) = await recording.found(**wanted)
        assert (found["delivery"]["state"], found["delivery"]["synchronous"]) == ("done", True)
        assert (found["delivery"]["user"], found["delivery"]["component"]) == ("admin", "cmsi.send_weixin")
        assert (found["accepted"], found["msgids"]) == (["admin"], [msgid])


@pytest.mark.parametrize("ledger", ["{}", "{sync: failures}"])
async def test_by_default_only_those_are_recorded_that_did_not_reach_everybody(
    open_recording: OpenRecording, ledger: str
) -> None:
    recording = await open_recording(ledger)
    assert (await recording.gateway.send())["result"]
    answer = await recording.gateway.send("zhangsan,nobody")
    assert not answer["result"]
    (found,) = await recording.found()
    assert (found["delivery"]["request_id"], found["delivery"]["state"]) == (answer["request_id"], "dead")
    assert (found["accepted"], found["unknown"]) == (["zhangsan"], [])
    (failed,) = found["failed"]
    (told,) = answer["data"]["failed"]
    assert (failed["receiver"], failed["errcode"]) == (told["receiver"], told["errcode"])
    assert found["class"] == told["class"]


async def test_who_is_in_no_directory_has_failed(open_recording: OpenRecording) -> None:
    recording = await open_recording()
    answer = await recording.gateway.send(receiver__username="admin,nobody", receiver="")
    (found,) = await recording.found(receiver="nobody")
    assert (found["accepted"], [each["receiver"] for each in found["failed"]]) == (["admin"], ["nobody"])
    assert str(found["failed"][0]["errmsg"]) == answer["data"]["failed"][0]["errmsg"]


@pytest.mark.parametrize("more", ["", "deliveries: {run: separate}\n"])
async def test_what_sends_nothing_is_not_recorded(open_recording: OpenRecording, more: str) -> None:
    recording = await open_recording(more=more)
    assert not (await recording.gateway.send(data={}))["result"]
    assert (await recording.gateway.send(auth={"bk_app_code": "esb_demo", "bk_app_secret": "wrong"}))["code"]
    body = {"receiver": "zhangsan", "data": {"heading": "H", "message": "M"}, "bk_app_code": "esb_demo"}
    body |= {"bk_app_secret": "demo-secret", "bk_username": "admin"}
    assert (await recording.gateway.post(body, headers={"X-Dry-Run": "1"})).status == 200
    if more:
        assert (await recording.gateway.send(**{"async": True}))["result"]
    assert [each["delivery"]["synchronous"] for each in await recording.found()] == ([False] if more else [])


async def test_with_off_and_without_a_ledger_nothing_stands_in_the_way_of_a_call(
    open_recording: OpenRecording, database: Database, clock: Clock
) -> None:
    recorder = SyncRecorder(database, clock, Observer())
    assert [*recorder.recording(None)] == [*recorder.recording(LedgerConfig(sync="off"))] == []
    recording = await open_recording("{sync: off}")
    assert not (await recording.gateway.send("nobody"))["result"]
    assert await recording.found() == []


async def test_contents_are_kept_encrypted_for_as_many_days_as_they_are_to_be(
    open_recording: OpenRecording, held: Held
) -> None:
    recording = await open_recording("{sync: on, content: 7d}")
    assert (await recording.gateway.send())["result"]
    (found,) = await recording.found()
    content = await held.content(found["delivery"]["id"])
    assert content.args["receiver"] == "zhangsan"


# Without a gateway


class Recorder(SyncRecorder):
    """A recorder with its events."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.events: list[Event] = []
        super().__init__(database, clock, Observer([self.events.append]))


async def ended(
    recorder: SyncRecorder, end: BaseException | None, *, sync: Any = "on", sent: bool = True, **call: Any
) -> Call:
    """Record a call of a component of a third party that sends, and tells of no receivers."""
    made = make_call(user=User("admin", True), **call)

    async def send(call: Call) -> Any:
        call.record.sent = sent
        if end is not None:
            raise end
        return {"ok": True}

    (record,) = recorder.recording(LedgerConfig(sync=sync))
    with nullcontext() if end is None else pytest.raises(type(end)):
        await record(made, send)
    return made


IN_DOUBT = UpstreamError("sms", "send", "no answer", sent=True)


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (None, "accepted"),
        (IN_DOUBT, "unknown"),
        (asyncio.CancelledError(), "unknown"),
        (EsbError("no", {"class": "message", "errcode": 7}), "failed"),
        (LookupError("a bug"), "unknown"),
    ],
)
async def test_a_component_that_tells_of_no_receivers_has_one_without_a_name(
    database: Database, clock: Clock, end: BaseException | None, state: str
) -> None:
    recorder = Recorder(database, clock)
    call = await ended(recorder, end)
    await recorder.write()
    ledger = Ledger(database, clock)
    (found,) = (await ledger.page(Wanted(request_id=call.id))).deliveries
    view = await ledger.delivery(found["id"])
    assert view is not None
    (receiver,) = view["receivers"]
    assert (receiver["receiver"], receiver["state"]) == ("", state)


async def test_a_call_that_failed_before_anything_could_be_sent_is_none_of_the_ledgers(
    database: Database, clock: Clock
) -> None:
    recorder = Recorder(database, clock)
    await ended(recorder, EsbError("no"), sent=False)
    await ended(recorder, None, options=Options(dry_run=True))
    await ended(recorder, None, sync="failures")
    await recorder.write()
    assert (await Ledger(database, clock).page(Wanted())).deliveries == []


async def test_what_waits_is_bounded_and_what_is_dropped_is_told(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_recorder, "MOST_RECEIVERS", 3)
    recorder = Recorder(database, clock)
    for _ in range(5):
        await ended(recorder, None)
    assert recorder.dropped == 2
    await recorder.write()
    await ended(recorder, None)  # there is room again
    recorder.open()
    await recorder.close()
    assert recorder.events == [LedgerDropped(2)]
    assert len((await Ledger(database, clock).page(Wanted())).deliveries) == 4


async def test_calls_wait_while_the_database_is_away_and_one_that_it_does_not_take_is_dropped(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_behind, "WRITING_SECONDS", 0.001)
    recorder, tries = Recorder(database, clock), 0
    failed, written = asyncio.Event(), asyncio.Event()

    async def write(connection: Any, rows: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise DatabaseAway("it does not answer")
        if tries == 2:
            failed.set()
            raise LookupError("a bug")
        written.set()

    monkeypatch.setattr(sync_recorder, "write", write)
    await ended(recorder, None)
    recorder.open()
    await failed.wait()
    await ended(recorder, None)
    await written.wait()
    await recorder.close()
    crash, dropped = recorder.events
    assert isinstance(crash, Crashed)
    assert (crash.kind, dropped) == ("LookupError", LedgerDropped(1))
