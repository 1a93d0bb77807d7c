"""Callbacks: what a receiver gets, when it comes again, and what ends it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import select, update
from standardwebhooks import Webhook

from esb.core.call import App, Call
from esb.core.clock import Clock, SystemClock
from esb.core.delivery_events import CallbackTried
from esb.core.delivery_states import DeliveryState
from esb.core.errors import AuthenticationError
from esb.core.events import Crashed, Event, Observer
from esb.database.callback_events import events_for
from esb.database.callback_queue import CallbackQueue
from esb.database.deliveries import CALLBACK_EVENT
from esb.database.engine import Database, DatabaseAway
from esb.delivery import callbacks as subject
from esb.delivery.callbacks import AT_ONCE, OF_ONE, PAUSES, Callbacks
from esb.delivery.webhook_signature import signing_secret
from esb.outgoing.client import Outgoing
from tests.support.databases import open_database
from tests.support.delivery_rows import add_delivery
from tests.support.gateway import OpenServer
from tests.support.servers.recorder import Recorder, recording


class Directory:
    """A directory of one app, whose callbacks and secrets a test changes."""

    def __init__(self) -> None:
        self.callbacks: dict[str, str] = {}
        self.known = [b"new", b"old"]
        self.trouble: Exception | None = None

    async def verify(self, call: Call, code: str, secret: str) -> App:
        raise AuthenticationError("nobody asks")

    async def rights(self, call: Call, code: str) -> App:
        if self.trouble is not None:
            raise self.trouble
        return App(code, callbacks=self.callbacks)

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        return self.known


class Calling:
    """Callbacks of a process, what is before and behind them, and what they told."""

    def __init__(self, database: Database, recorder: Recorder, clock: Clock, http: Outgoing) -> None:
        self.database, self.recorder, self.clock = database, recorder, clock
        self.directory = Directory()
        self.directory.callbacks = {"done": f"{recorder.url}/done?key=1", "other": f"{recorder.url}/other"}
        self.events: list[Event] = []
        self.callbacks = self.make("one", http)
        self.http = http

    def make(self, owner: str, http: Outgoing) -> Callbacks:
        queue = CallbackQueue(self.database, self.clock, owner)
        return Callbacks(queue, http, lambda: self.directory, self.clock, Observer([self.events.append]))

    async def add(self, callback: str = "done") -> str:
        """Write an event that is due; return its id."""
        delivery = await add_delivery(self.database, callback=callback)
        now = int(self.clock.since_1970() * 1000)
        async with self.database.writing() as connection:
            await events_for(connection, self.database.keys, [delivery], now)
            column = CALLBACK_EVENT.c
            found = await connection.execute(select(column.id).where(column.delivery == delivery))
            return str(found.scalar_one())

    async def tell(self) -> float:
        """Carry out what is due, to the end; return the seconds to wait then."""
        seconds = await self.callbacks.begin_due()
        await self.ended()
        return seconds

    async def ended(self) -> None:
        """Wait for the attempts under way."""
        await asyncio.gather(*self.callbacks.stop())

    async def tell_later(self) -> None:
        """Carry out what waits, as if its time had come."""
        async with self.database.writing() as connection:
            waiting = CALLBACK_EVENT.c.state == DeliveryState.QUEUED
            await connection.execute(update(CALLBACK_EVENT).where(waiting).values(due=1))
        await self.tell()

    async def pause(self) -> float:
        """Return the seconds until the only event that waits is due."""
        async with self.database.reading() as connection:
            row = (await connection.execute(select(CALLBACK_EVENT))).one()
        assert row.state == DeliveryState.QUEUED
        return float(row.due / 1000 - self.clock.since_1970())

    async def state(self, event: str) -> DeliveryState:
        async with self.database.reading() as connection:
            column = CALLBACK_EVENT.c
            return DeliveryState(
                (await connection.execute(select(column.state).where(column.id == event))).scalar_one()
            )

    @property
    def tried(self) -> list[tuple[str, int, str]]:
        """Outcome, attempt and failure of each attempt."""
        return [(each.outcome, each.attempt, each.why) for each in self.events if isinstance(each, CallbackTried)]


@pytest.fixture
async def outgoing(opened: AsyncExitStack) -> AsyncIterator[Outgoing]:
    http = Outgoing(Observer([]))
    http.open()
    yield http
    await http.close()


@pytest.fixture
async def calling(tmp_path: Path, opened: AsyncExitStack, open_server: OpenServer, outgoing: Outgoing) -> Calling:
    database = await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/esb.db"))
    return Calling(database, await recording(open_server), SystemClock(), outgoing)


async def test_a_receiver_gets_the_event_once_with_a_signature_for_each_secret(calling: Calling) -> None:
    event = await calling.add()
    await calling.tell()
    await calling.tell()
    (seen,) = calling.recorder.seen
    assert (seen.method, seen.target) == ("POST", "/done?key=1")
    assert (seen.headers["Content-Type"], seen.headers["webhook-id"]) == ("application/json", event)
    for secret in calling.directory.known:
        body = Webhook(signing_secret(secret)).verify(seen.body, dict(seen.headers))
        assert body["type"] == "delivery.done"
    assert await calling.state(event) == DeliveryState.DONE
    assert calling.tried == [("told", 1, "")]


async def test_one_that_fails_comes_again_at_growing_distances_until_it_is_given_up(calling: Calling) -> None:
    calling.recorder.status = 500
    event = await calling.add()
    await calling.tell()
    for pause in PAUSES:
        assert await calling.pause() == pytest.approx(pause, rel=0.11, abs=2)
        await calling.tell_later()
    assert await calling.state(event) == DeliveryState.DEAD
    attempts = len(PAUSES) + 1
    assert [seen.headers["webhook-id"] for seen in calling.recorder.seen] == [event] * attempts
    assert calling.tried[-1] == ("given up", attempts, "status 500")
    assert set(calling.tried[:-1]) == {("retried", number, "status 500") for number in range(1, attempts)}


async def test_each_attempt_bears_its_own_time(calling: Calling) -> None:
    calling.recorder.status = 503
    await calling.add()
    await calling.tell()

    class Later(SystemClock):
        def since_1970(self) -> float:
            return super().since_1970() + 100

    calling.clock = Later()
    calling.callbacks = calling.make("two", calling.http)
    await calling.tell_later()
    first, second = (int(seen.headers["webhook-timestamp"]) for seen in calling.recorder.seen)
    assert second - first >= 100


async def test_a_receiver_says_when_it_wants_to_be_called_again(calling: Calling) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "4000"})

    calling.recorder.answer = answer
    await calling.add()
    await calling.tell()
    assert await calling.pause() == pytest.approx(4000, abs=5)


async def test_a_receiver_that_aborts_a_message_never_hears_of_it_again(calling: Calling) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=400, headers={"webhook-delivery": "abort-message"})

    calling.recorder.answer = answer
    event = await calling.add()
    await calling.tell()
    assert await calling.state(event) == DeliveryState.DEAD
    assert calling.tried == [("given up", 1, "status 400, abort-message")]


async def test_one_that_is_gone_is_called_no_more_until_it_has_another_address(calling: Calling) -> None:
    calling.recorder.status = 410
    first = await calling.add()
    await calling.tell()
    calling.recorder.status = 200
    later = await calling.add()
    await calling.tell()
    assert [await calling.state(each) for each in (first, later)] == [DeliveryState.DEAD] * 2
    assert len(calling.recorder.seen) == 1
    assert calling.tried[0] == ("switched off", 1, "status 410")
    assert calling.tried[-1] == ("given up", 1, "its callback is switched off")
    calling.directory.callbacks["done"] = f"{calling.recorder.url}/moved"
    await calling.add()
    await calling.tell()
    assert calling.recorder.last.target == "/moved"


async def test_a_redirect_is_no_yes_and_is_not_followed(calling: Calling) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/done"
        return web.Response(status=302, headers={"Location": f"{calling.recorder.url}/other"})

    calling.recorder.answer = answer
    await calling.add()
    await calling.tell()
    assert calling.tried == [("retried", 1, "status 302")]


async def test_an_address_of_metadata_is_never_called(calling: Calling) -> None:
    calling.directory.callbacks["done"] = "http://169.254.169.254/latest/"
    await calling.add()
    await calling.tell()
    ((outcome, _, why),) = calling.tried
    assert outcome == "retried"
    assert "address" in why


async def test_what_cannot_be_told_now_is_told_later(calling: Calling) -> None:
    event = await calling.add()
    address = calling.directory.callbacks.pop("done")
    await calling.tell()
    calling.directory.callbacks["done"] = address
    calling.directory.known = []
    await calling.tell_later()
    calling.directory.known = [b"secret"]
    calling.directory.trouble = AuthenticationError("There is no such app")
    await calling.tell_later()
    calling.directory.trouble = ValueError("a bug of a plugin")
    await calling.tell_later()
    assert calling.recorder.seen == []
    calling.directory.trouble = None
    await calling.tell_later()
    assert await calling.state(event) == DeliveryState.DONE
    assert [why for _, _, why in calling.tried] == [
        "the app has no callback of this name",
        "the app has no secret that counts now",
        "There is no such app",
        "crashed",
        "",
    ]
    assert [each.kind for each in calling.events if isinstance(each, Crashed)] == ["ValueError"]


async def test_one_that_no_key_opens_is_given_up(calling: Calling) -> None:
    event = await calling.add()
    async with calling.database.writing() as connection:
        await connection.execute(update(CALLBACK_EVENT).values(body=b"x" * 80))
    await calling.tell()
    assert await calling.state(event) == DeliveryState.DEAD
    assert calling.tried == [("given up", 1, "none of the keys opens it")]


async def test_one_receiver_that_hangs_keeps_no_other_waiting(calling: Calling) -> None:
    hanging, go_on = 0, asyncio.Event()
    told = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal hanging
        if request.path == "/other":
            told.set()
            return web.Response()
        hanging += 1
        await go_on.wait()
        return web.Response()

    calling.recorder.answer = answer
    for _ in range(OF_ONE + 3):
        await calling.add()
    other = await calling.add("other")
    await calling.callbacks.begin_due()
    async with asyncio.timeout(30):
        await told.wait()
    assert hanging <= OF_ONE
    go_on.set()
    await calling.ended()
    assert await calling.state(other) == DeliveryState.DONE
    assert hanging == OF_ONE < AT_ONCE


async def test_it_looks_by_itself_and_at_once_when_it_is_woken(calling: Calling) -> None:
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def answer(request: web.Request) -> web.Response:
        arrived.put_nowait(request.headers["webhook-id"])
        return web.Response()

    calling.recorder.answer = answer
    first = await calling.add()
    calling.callbacks.open()
    async with asyncio.timeout(30):
        assert await arrived.get() == first
        second = await calling.add()
        calling.callbacks.wake()
        assert await arrived.get() == second
    await calling.callbacks.close()


async def test_it_goes_on_when_the_database_is_back(calling: Calling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LOOKING_SECONDS", 0.01)
    looked = asyncio.Event()
    failures: list[Exception] = [DatabaseAway("gone"), ValueError("a bug")]
    queue = calling.callbacks._queue
    seconds_until_due = queue.seconds_until_due

    async def once_away(busy: Sequence[tuple[str, str]]) -> float | None:
        if failures:
            raise failures.pop(0)
        looked.set()
        return await seconds_until_due(busy)

    monkeypatch.setattr(queue, "seconds_until_due", once_away)
    calling.callbacks.open()
    async with asyncio.timeout(30):
        await looked.wait()
    await calling.callbacks.close()
    assert [each.kind for each in calling.events if isinstance(each, Crashed)] == ["ValueError"]


async def test_what_was_not_told_when_a_process_ends_others_tell(calling: Calling) -> None:
    arrived = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    calling.recorder.answer = answer
    event = await calling.add()
    await calling.callbacks.begin_due()
    async with asyncio.timeout(30):
        await arrived.wait()
    await calling.callbacks.close()
    assert await calling.state(event) == DeliveryState.QUEUED
    calling.recorder.answer = None
    calling.callbacks = calling.make("two", calling.http)
    await calling.tell()
    assert [seen.headers["webhook-id"] for seen in calling.recorder.seen] == [event]
