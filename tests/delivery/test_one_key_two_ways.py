"""One key for a call that is made at once and for one that is accepted for later, in the same moment: one message."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from esb import Call, Component, Repetition
from esb.core.errors import UpstreamError
from esb.database.delivery_writes import Accepted, DeliveryWrites, NewDelivery
from esb.database.engine import Database
from esb.delivery import accepting
from tests.support.components import Free
from tests.support.configuration import DEMO, MESSAGE, WECOM
from tests.support.databases import are_blocked
from tests.support.deliveries import Held, OpenAccepting
from tests.support.gateway import Gateway, Sandbox
from tests.support.wire import until_found

LATER: dict[str, Any] = {"async": True}


@dataclass
class Door:
    """A point of a call's way at which a test holds it. It stands open until it is shut."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def passed(self) -> None:
        self.reached.set()
        await self.open.wait()


@dataclass
class Doors:
    """The doors of all calls of a test."""

    rehearsing: Door = field(default_factory=Door)
    sending: Door = field(default_factory=Door)
    committing: Door = field(default_factory=Door)
    fails: bool = False


class Guarded(Component[Any, Free]):
    """Sends through WeCom; a test holds its calls at doors. A call with an `id` is known again by it."""

    params_type = Free
    sends = True
    doors: Doors

    def repetition(self, call: Call) -> Repetition | None:
        return Repetition(str(call.args["id"]), 600.0) if "id" in call.args else None

    async def handle(self, call: Call, params: Free) -> Any:
        await (self.doors.rehearsing if call.options.dry_run else self.doors.sending).passed()
        if self.doors.fails and not call.options.dry_run:
            raise UpstreamError("weixin_qy", "send", "down", sent=False)
        return await self.services.call(call, "/cmsi/send_weixin/", {"receiver": "zhangsan", "data": MESSAGE})


GUARDED = f'{WECOM}  - {{path: /own/guarded/, use: "{__name__}:Guarded"}}\n'


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    doors = Doors()
    monkeypatch.setattr(Guarded, "doors", doors, raising=False)

    class Writes(DeliveryWrites):
        async def _write(
            self, connection: AsyncConnection, deliveries: Sequence[NewDelivery]
        ) -> Sequence[Accepted | None]:
            written = await super()._write(connection, deliveries)
            await doors.committing.passed()
            return written

    monkeypatch.setattr(accepting, "DeliveryWrites", Writes)
    return doors


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
async def gateways(request: pytest.FixtureRequest, open_accepting: OpenAccepting, doors: Doors) -> Sequence[Gateway]:
    """Two gateways, each with connections and memory of its own, or the same one twice."""
    first = await open_accepting(GUARDED)
    return [first, first if request.param == 1 else await open_accepting(GUARDED)]


@pytest.fixture(params=["idempotency_key", "id"])
def key(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A key of the caller's, and one of the component's."""
    return {request.param: "k"}


Begun = asyncio.Task[dict[str, Any]]


def begun(gateway: Gateway, **params: Any) -> Begun:
    return asyncio.create_task(gateway.call("own/guarded", **params))


async def both_under_way(gateways: Sequence[Gateway], key: dict[str, Any], doors: Doors) -> Sequence[Begun]:
    """Return a call that is sent later and one at once; the first wants to commit while the second is about to send."""
    doors.rehearsing.open.clear()
    doors.sending.open.clear()
    later = begun(gateways[0], **key, **LATER)
    await doors.rehearsing.reached.wait()
    at_once = begun(gateways[1], **key)
    await doors.sending.reached.wait()
    doors.rehearsing.open.set()
    await doors.committing.reached.wait()
    doors.sending.open.set()
    return later, at_once


async def test_what_was_sent_while_a_call_was_rehearsed_is_not_accepted(
    gateways: Sequence[Gateway], key: dict[str, Any], doors: Doors, held: Held, sandbox: Sandbox
) -> None:
    doors.rehearsing.open.clear()
    later = begun(gateways[0], **key, **LATER)
    await doors.rehearsing.reached.wait()

    sent = await gateways[1].call("own/guarded", **key)
    doors.rehearsing.open.set()

    assert (await later)["data"] == {**sent["data"], "replayed": True}
    assert (await held.rows(), len(await sandbox.messages())) == ([], 1)


async def test_what_is_being_sent_meanwhile_is_waited_for(
    gateways: Sequence[Gateway], key: dict[str, Any], doors: Doors, held: Held, sandbox: Sandbox
) -> None:
    later, sending = await both_under_way(gateways, key, doors)
    sent = await sending
    assert (await later)["data"] == {**sent["data"], "replayed": True}
    assert "replayed" not in sent["data"]
    assert (await held.rows(), len(await sandbox.messages())) == ([], 1)


async def test_what_was_not_sent_after_all_is_accepted(
    gateways: Sequence[Gateway], key: dict[str, Any], doors: Doors, held: Held, sandbox: Sandbox
) -> None:
    doors.fails = True
    later, failing = await both_under_way(gateways, key, doors)
    assert (await failing)["code"] == 1306201
    answer = await later
    [row] = await held.rows()
    assert (answer["data"]["delivery"]["id"], "replayed" in answer["data"]) == (row.id, False)
    assert len(await held.recipients(row.id)) == 1
    assert await sandbox.messages() == []


async def test_what_is_just_being_accepted_is_not_sent_at_once(
    gateways: Sequence[Gateway],
    key: dict[str, Any],
    doors: Doors,
    held: Held,
    sandbox: Sandbox,
    database: Database,
) -> None:
    doors.committing.open.clear()
    later = begun(gateways[0], **key, **LATER)
    await doors.committing.reached.wait()

    at_once = begun(gateways[1], **key)

    async def has_come_as_far_as_it_may() -> bool:
        return at_once.done() or await are_blocked(database)

    await until_found(has_come_as_far_as_it_may)
    doors.committing.open.set()

    accepted = (await later)["data"]
    assert (await at_once)["data"] == {**accepted, "replayed": True}
    assert (len(await held.rows()), await sandbox.messages()) == (1, [])


async def test_another_call_under_the_key_of_one_that_was_sent_meanwhile_is_refused(
    gateways: Sequence[Gateway], doors: Doors, held: Held, sandbox: Sandbox
) -> None:
    doors.rehearsing.open.clear()
    later = begun(gateways[0], idempotency_key="k", other=1, **LATER)
    await doors.rehearsing.reached.wait()

    await gateways[1].call("own/guarded", idempotency_key="k")
    doors.rehearsing.open.set()

    answer = await later
    assert (answer["code"], answer["message"].endswith("with other parameters")) == (1306406, True)
    assert (await held.rows(), len(await sandbox.messages())) == ([], 1)


async def test_what_a_component_knows_again_is_sent_or_accepted_and_not_both(
    gateways: Sequence[Gateway], doors: Doors, held: Held, sandbox: Sandbox
) -> None:
    sent = (await gateways[0].call("own/guarded", id=1))["data"]
    accepted = (await gateways[0].call("own/guarded", id=2, **LATER))["data"]

    assert (await gateways[1].call("own/guarded", id=1, **LATER))["data"] == {**sent, "replayed": True}
    assert (await gateways[1].call("own/guarded", id=2))["data"] == {**accepted, "replayed": True}
    other = await gateways[1].call("own/guarded", {**DEMO, "bk_username": "lisi"}, id=2)
    assert (other["code"], other["message"].endswith("of another user")) == (1306406, True)
    assert (len(await held.rows()), len(await sandbox.messages())) == (1, 1)
