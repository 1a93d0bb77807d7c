"""Ages are looked at in the background, where somebody can ask for them; a scrape asks no database."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from esb.core.delivery_ages import DeliveryAges
from esb.core.delivery_states import DeliveryState
from esb.core.events import Crashed, Event, Observer
from esb.database.engine import Database, DatabaseAway
from esb.delivery import age_sampler
from esb.delivery.age_sampler import AgeSampler
from esb.gateway.app import GATEWAY
from esb.server.process_status import SingleProcess
from esb.telemetry.metrics import Tally
from tests.support.clock import Clock
from tests.support.configuration import SERVICES, WECOM
from tests.support.databases import open_database, stanza
from tests.support.delivery_rows import add_delivery
from tests.support.gateway import Gateway, OpenGateway
from tests.support.wire import until

LATE = DeliveryAges(30.0, 0.0, 5.0, 0.0, 0.0)


@pytest.fixture
async def in_file(opened: AsyncExitStack, tmp_path: Path) -> Database:
    return await opened.enter_async_context(open_database(f"sqlite:///{tmp_path}/ages.db"))


def sampling(database: Database, clock: Clock, events: list[Event]) -> AgeSampler:
    return AgeSampler(database, clock, Observer([events.append]), lambda: 60.0)


async def test_they_grow_only_while_the_database_is_away(
    in_file: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[DeliveryAges | None] = [LATE, None, DeliveryAges(1.0, 0.0, 0.0, 0.0, 0.0)]

    async def looked(*_: object) -> DeliveryAges:
        answer = answers.pop(0)
        if answer is None:
            raise DatabaseAway("it does not answer")
        return answer

    monkeypatch.setattr(age_sampler, "oldest", looked)
    sampler = sampling(in_file, clock, [])
    await sampler.sample()
    clock.advance(10)
    assert sampler.ages == LATE
    await sampler.sample()
    clock.advance(100)
    assert sampler.ages == DeliveryAges(140.0, 0.0, 115.0, 0.0, 0.0)
    await sampler.sample()
    assert sampler.ages == DeliveryAges(1.0, 0.0, 0.0, 0.0, 0.0)


async def test_a_bug_is_told_and_ends_nothing(in_file: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age_sampler, "SAMPLE_SECONDS", 0.0)
    looks, again = 0, asyncio.Event()

    async def look(*_: object) -> DeliveryAges:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise LookupError("a bug")
        again.set()
        return LATE

    monkeypatch.setattr(age_sampler, "oldest", look)
    events: list[Event] = []
    sampler = sampling(in_file, clock, events)
    sampler.open()
    await again.wait()
    await sampler.close()
    assert [type(event) for event in events] == [Crashed]
    assert sampler.ages == LATE


async def opened_gateway(open_gateway: OpenGateway, database: Database, more: str) -> Gateway:
    url = f"sqlite:///{database.file}"
    config = f"{SERVICES}{stanza(url)}{more}components:\n{WECOM}"
    return await open_gateway(config=config, sandbox_url="http://127.0.0.1:9")


ADMIN = "server: {admin: {port: 9090}}\n"


@pytest.mark.parametrize("more", ["", "deliveries: {run: separate}\n", ADMIN])
async def test_nobody_looks_where_nobody_asks_or_nothing_is_delivered(
    open_gateway: OpenGateway, in_file: Database, more: str
) -> None:
    gateway = await opened_gateway(open_gateway, in_file, more)
    assert gateway.app[GATEWAY].deliveries.ages is None
    assert not [task for task in asyncio.all_tasks() if "AgeSampler" in repr(task)]


async def test_a_gateway_with_an_admin_listener_tells_how_late_it_is(
    open_gateway: OpenGateway, in_file: Database
) -> None:
    await add_delivery(in_file, state=DeliveryState.QUEUED, due=1)
    gateway = await opened_gateway(open_gateway, in_file, f"{ADMIN}deliveries: {{run: separate}}\n")
    process = SingleProcess(gateway.app[GATEWAY], Tally())
    await until(lambda: process.status().ages is not None)
    ages = process.status().ages
    assert ages is not None
    assert ages.delivery > 50 * 365 * 86400
