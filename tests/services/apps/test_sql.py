"""Apps in a database: who calls, by which secret, what, in whose name, and until when.

By the tests' clock it is 2027-01-15T08:16:40Z.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import select, update

from esb.config import load
from esb.core.errors import EsbError
from esb.core.events import CallFinished, Crashed
from esb.core.reasons import Reason
from esb.core.single_flight import Lookup
from esb.database import app_rows
from esb.database.apps import APP_SECRET
from esb.database.engine import Database, DatabaseAway
from esb.database.registry import Terms
from esb.gateway.app import GATEWAY
from esb.server.process_status import SingleProcess
from esb.services.apps import _feed
from esb.services.apps.sql import STALE_SECONDS
from esb.telemetry.metrics import Tally
from tests.support.clock import Clock
from tests.support.explanations import links
from tests.support.gateway import Gateway
from tests.support.identity import claims, fetch, with_signature
from tests.support.registry import Registered
from tests.support.sql_apps import AUTH, OpenSqlGateway, add_shop, code, sql_apps

SECOND = 1000
NOW = 1_800_001_000 * SECOND


async def test_an_app_of_the_database_calls_what_it_was_granted(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    assert await code(gateway) == 0
    assert await code(gateway, "cmsi/secret") == 1306403
    wrong = await gateway.call("cc/search_host", {**AUTH, "bk_app_secret": "wrong"})
    assert "APP Secret verification failed" in wrong["message"]
    unknown = await gateway.call("cc/search_host", {**AUTH, "bk_app_code": "Shop"})
    assert "Invalid APP Code [bk_app_code=Shop]" in unknown["message"]
    assert "Invalid APP Code" in (await gateway.call("cc/search_host", {**AUTH, "bk_app_code": "shop "}))["message"]


async def test_what_is_written_counts_at_the_next_look(records: Registered, open_sql_gateway: OpenSqlGateway) -> None:
    gateway = await open_sql_gateway()
    assert await code(gateway) == 1306000
    await add_shop(records, "cc.*")
    while await code(gateway) != 0:
        pass
    async with records.writing() as write:
        await write.grants.revoke("shop", "cc.*")
    while await code(gateway) == 0:
        pass
    assert await code(gateway) == 1306403


async def test_only_the_apps_that_changed_are_read_again(records: Registered, open_sql_gateway: OpenSqlGateway) -> None:
    await add_shop(records, "cc.*")
    async with records.writing() as write:
        await write.apps.create("other", secrets=["s"])
    gateway = await open_sql_gateway()
    before = sql_apps(gateway)._feed.snapshot
    assert before is not None
    await sql_apps(gateway)._feed.refresh()
    assert sql_apps(gateway)._feed.snapshot is before

    async with records.writing() as write:
        await write.grants.add("other", "cc.*")
    await sql_apps(gateway)._feed.refresh()

    after = sql_apps(gateway)._feed.snapshot
    assert after is not None
    assert after.apps["shop"] is before.apps["shop"]
    assert after.apps["other"] is not before.apps["other"]
    assert before.apps["other"].rows.grants == ()


async def test_an_app_that_is_deleted_is_unknown(records: Registered, open_sql_gateway: OpenSqlGateway) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    async with records.writing() as write:
        await write.apps.delete("shop")
    await sql_apps(gateway)._feed.refresh()
    assert "Invalid APP Code" in (await gateway.call("cc/search_host", AUTH))["message"]


async def test_of_many_apps_that_changed_at_once_each_is_as_it_is(
    records: Registered, open_sql_gateway: OpenSqlGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    monkeypatch.setattr(app_rows, "MOST_NAMED", 1)
    async with records.writing() as write:
        await write.apps.delete("shop")
        await write.apps.create("one", secrets=["s"])
        await write.apps.create("two")
    await sql_apps(gateway)._feed.refresh()
    snapshot = sql_apps(gateway)._feed.snapshot
    assert snapshot is not None
    assert {code: len(entry.rows.secrets) for code, entry in snapshot.apps.items()} == {"one": 1, "two": 0}


async def test_a_look_that_crashes_is_told_and_not_the_last(
    records: Registered, open_sql_gateway: OpenSqlGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_feed, "CRASHED_SECONDS", 0)
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()

    async def difference(*_: Any) -> NoReturn:
        raise ValueError("first-secret")

    monkeypatch.setattr(app_rows, "difference", difference)
    while not any(isinstance(event, Crashed) for event in gateway.events):
        assert await code(gateway) == 0
    monkeypatch.undo()
    async with records.writing() as write:
        await write.grants.revoke("shop", "cc.*")
    while await code(gateway) == 0:
        pass
    crash = next(event for event in gateway.events if isinstance(event, Crashed))
    assert (crash.doing, crash.kind) == ("reading apps from the database", "ValueError")
    assert "first-secret" not in repr(gateway.events)


async def test_a_copy_of_the_database_that_was_put_back_is_read_whole(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    feed = sql_apps(gateway)._feed
    assert feed.snapshot is not None
    mark = feed.snapshot.mark
    for other in (mark._replace(number=mark.number + 7), mark._replace(at=(mark.at or 0) - 1)):
        feed.snapshot = replace(feed.snapshot, apps={}, mark=other)
        await sql_apps(gateway)._feed.refresh()
        assert "shop" in feed.snapshot.apps

    feed.snapshot = replace(feed.snapshot, apps={}, mark=mark._replace(at=0))
    async with records.writing() as write:
        await write.apps.create("other")
    await sql_apps(gateway)._feed.refresh()
    assert {*feed.snapshot.apps} == {"shop", "other"}


async def test_a_right_begins_and_ends_in_its_second_without_a_look(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records)
    async with records.writing() as write:
        await write.grants.add("shop", "cc.*", Terms(since=NOW + 60 * SECOND, until=NOW + 120 * SECOND))
        await write.apps.set_expires("shop", NOW + 200 * SECOND)
    gateway = await open_sql_gateway()
    found = []
    for seconds in (59.9, 0.1, 59.9, 0.1, 80):
        clock.advance(seconds)
        found.append(await code(gateway))
    assert found == [1306403, 0, 0, 1306403, 1306403]
    expired = await gateway.call("cc/search_host", AUTH)
    assert expired["message"] == "APP [bk_app_code=shop] expired at 2027-01-15T08:20:00Z"
    assert "`esb app set`" in expired["data"]["hint"]


async def test_a_disabled_app_is_refused_and_told_how_it_comes_back(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await add_shop(records, "cc.*", disabled=True)
    gateway = await open_sql_gateway()
    refused = await gateway.call("cc/search_host", AUTH)
    assert (refused["code"], refused["message"]) == (1306403, "APP [bk_app_code=shop] is disabled")
    assert "`esb app enable`" in refused["data"]["hint"]


async def test_secrets_follow_each_other(records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock) -> None:
    await add_shop(records, "cc.*")
    async with records.writing() as write:
        new = await write.secrets.add("shop", "second-secret", retire_old=NOW + 60 * SECOND)
    gateway = await open_sql_gateway()
    assert [await code(gateway, bk_app_secret=each) for each in ("first-secret", "second-secret")] == [0, 0]
    old, used = [event.secret_number for event in gateway.events if isinstance(event, CallFinished)]
    assert used == new != old > 0

    clock.advance(60)
    assert await code(gateway, bk_app_secret="second-secret") == 0
    ended = await gateway.call("cc/search_host", AUTH)
    assert "APP Secret verification failed" in ended["message"]
    assert "ended at 2027-01-15T08:17:40Z" in ended["data"]["hint"]
    last = [event for event in gateway.events if isinstance(event, CallFinished)][-1]
    assert last.reason == Reason.SECRET_ENDED


async def test_what_was_granted_by_a_glob_opens_restricted_components_too(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await add_shop(records, "cmsi.*")
    gateway = await open_sql_gateway()
    assert await code(gateway, "cmsi/secret") == 0
    async with records.writing() as write:
        await write.grants.revoke("shop", "cmsi.*")
    await sql_apps(gateway)._feed.refresh()
    assert "cmsi.secret is restricted" in (await gateway.call("cmsi/secret", AUTH))["data"]["hint"]


async def test_users_may_be_named_in_calls_of_some_components_until_that_ends(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records, "cc.*")
    async with records.writing() as write:
        await write.impersonations.add("shop", "bot-*", "cc.other", Terms(until=NOW + 60 * SECOND))
    gateway = await open_sql_gateway()
    assert await code(gateway, "cc/other", bk_username="bot-1") == 0
    assert await code(gateway, "cc/search_host", bk_username="bot-1") == 1306000
    clock.advance(60)
    refused = await gateway.call("cc/other", {**AUTH, "bk_username": "bot-1"})
    assert "`impersonate`" in refused["data"]["hint"]
    assert await code(gateway, "cc/other") == 0


async def test_plugins_and_others_read_what_else_is_known_of_an_app(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await add_shop(records, settings={"signature": "S", "list": [1]})
    async with records.writing() as write:
        await write.owners.add("shop", "zoe")
        await write.owners.add("shop", "anna")
        await write.callbacks.add("shop", "done", "https://shop.example/done")
    gateway = await open_sql_gateway()
    entry = sql_apps(gateway)._feed.snapshot.apps["shop"]  # type: ignore[union-attr]  # it is open
    app = entry.rights(NOW / SECOND)
    assert (app.owners, dict(app.callbacks)) == (("anna", "zoe"), {"done": "https://shop.example/done"})
    assert app.settings == {"signature": "S", "list": (1,)}


# Signatures


async def signed(gateway: Gateway, secret: str, nonce: int, clock: Clock, code: str = "shop") -> Any:
    path = "/api/c/compapi/cc/search_host/"
    query = claims(clock, bk_app_code=code, bk_username="anna", bk_nonce=str(nonce))
    return await fetch(gateway, "GET", path, with_signature(query, path=path, secret=secret))


async def test_an_app_signs_with_each_secret_that_has_not_ended(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records, "cc.*")
    async with records.writing() as write:
        new = await write.secrets.add("shop", "second-secret", retire_old=NOW + 60 * SECOND)
    gateway = await open_sql_gateway()
    assert (await signed(gateway, "first-secret", 1, clock))["code"] == 0
    assert (await signed(gateway, "second-secret", 1, clock))["code"] == 1306000  # the nonce was used
    assert (await signed(gateway, "second-secret", 2, clock))["code"] == 0
    numbers = [event.secret_number for event in gateway.events if isinstance(event, CallFinished) and not event.source]
    assert numbers[1] == new != numbers[0]
    clock.advance(60)
    assert "verification failed" in (await signed(gateway, "first-secret", 3, clock))["message"]
    assert (await signed(gateway, "second-secret", 4, clock))["code"] == 0


async def test_a_secret_that_was_copied_to_another_app_signs_for_none(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records, "cc.*")
    async with records.writing() as write:
        await write.apps.create("other", secrets=["others-secret"])
    gateway = await open_sql_gateway()
    await signed(gateway, "others-secret", 1, clock, code="other")
    async with records.writing() as write:
        others = select(APP_SECRET.c.sealed).where(APP_SECRET.c.app == "other")
        sealed = (await write.transaction.connection.execute(others)).scalar_one()
        shops = update(APP_SECRET).where(APP_SECRET.c.app == "shop")
        await write.transaction.connection.execute(shops.values(sealed=sealed))
        await write.owners.add("shop", "anna")
    await sql_apps(gateway)._feed.refresh()
    assert (await signed(gateway, "others-secret", 2, clock))["code"] == 1306201


async def test_an_app_of_which_only_digests_are_kept_cannot_sign_and_is_told_so(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock
) -> None:
    await add_shop(records, "cc.*", hash_only=True)
    gateway = await open_sql_gateway()
    assert await code(gateway) == 0
    refused = await signed(gateway, "first-secret", 1, clock)
    assert refused["message"] == (
        "Signature [bk_signature] of APP [bk_app_code=shop] cannot be verified: its secrets are kept as digests only,"
        " please send bk_app_secret instead"
    )


# While the database is away


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let no database answer from now on, until it is undone."""

    def reading(database: Database) -> NoReturn:
        raise DatabaseAway("the database does not answer")

    return lambda: monkeypatch.setattr(Database, "reading", reading)


async def degraded(gateway: Gateway) -> Any:
    gateway.app[GATEWAY]._health = Lookup(ttl=0, refusal=EsbError, refusal_ttl=0, clock=gateway.app[GATEWAY].clock)
    return (await (await gateway.request("GET", "/api/c/healthz/")).json())["message"]


async def test_the_last_apps_go_on_and_health_tells_how_old_they_are(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock, outage: Callable[[], None]
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    assert "degraded" not in await degraded(gateway)
    outage()
    clock.advance(STALE_SECONDS - 0.1)
    assert "degraded" not in await degraded(gateway)
    clock.advance(86400)
    assert await code(gateway) == 0
    assert "apps: they are as they were 86405 s ago" in await degraded(gateway)
    assert SingleProcess(gateway.app[GATEWAY], Tally()).status().apps_age == pytest.approx(86405, abs=1)


async def test_apps_end_by_the_clock_while_the_database_is_away(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock, outage: Callable[[], None]
) -> None:
    await add_shop(records, "cc.*", expires=NOW + 60 * SECOND)
    gateway = await open_sql_gateway()
    outage()
    clock.advance(59.9)
    assert await code(gateway) == 0
    clock.advance(0.1)
    assert await code(gateway) == 1306403


async def test_apps_that_are_older_than_they_may_be_are_refused_and_come_back(
    records: Registered,
    open_sql_gateway: OpenSqlGateway,
    clock: Clock,
    outage: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway("  apps: {use: sql, config: {max_age: 60}}")
    outage()
    clock.advance(60)
    assert await code(gateway) == 0
    clock.advance(0.1)
    refused = await gateway.call("cc/search_host", AUTH)
    assert (refused["code"], "the apps cannot be read now" in refused["message"]) == (1306201, True)
    assert "60 s ago, and so refused" in await degraded(gateway)
    last = [event for event in gateway.events if isinstance(event, CallFinished)][-1]
    assert last.reason == Reason.STORE

    monkeypatch.undo()
    await sql_apps(gateway)._feed.refresh()
    assert await code(gateway) == 0
    assert "degraded" not in await degraded(gateway)


async def test_a_reload_while_the_database_is_away_goes_on_with_the_last_apps(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock, outage: Callable[[], None], tmp_path: Path
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    outage()
    clock.advance(30)
    chain = "{use: chain, config: {backends: [{use: static, config: {apps: []}}, {use: sql, config: {max_age: 60}}]}}"
    file = tmp_path / "esb.yaml"
    text = file.read_text()
    for stanza in ("{use: sql, config: {max_age: 60}}", "{use: sql, config: {max_age: 90}}", chain):
        file.write_text(text.replace("apps: {use: sql}", f"apps: {stanza}"))
        await gateway.app[GATEWAY].reload(load(file, {}))
        assert await code(gateway) == 0
    clock.advance(30.1)
    assert await code(gateway) == 1306201


async def test_a_gateway_that_starts_before_its_database_is_served_as_soon_as_that_answers(
    records: Registered, open_sql_gateway: OpenSqlGateway, outage: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_shop(records, "cc.*")
    outage()
    gateway = await open_sql_gateway()
    assert await code(gateway) == 1306201
    assert "apps: they could not be read yet" in await degraded(gateway)
    assert (await links(gateway))["app_auth"]["verdict"] == "unknown"
    assert (await links(gateway))["permission"]["verdict"] == "not reached"
    monkeypatch.undo()
    while await code(gateway) != 0:
        pass
    assert "degraded" not in await degraded(gateway)


# Explanations


async def test_explain_tells_who_gave_a_right_when_and_why(
    records: Registered, open_sql_gateway: OpenSqlGateway
) -> None:
    await add_shop(records)
    async with records.writing() as write:
        await write.grants.add("shop", "cc.*", Terms(until=NOW + 60 * SECOND, reason="ticket 42"))
    gateway = await open_sql_gateway()

    said = await links(gateway)

    assert {name: link["verdict"] for name, link in said.items()} == dict.fromkeys(said, "allowed")
    assert said["permission"]["where"].startswith("grant ")
    assert said["permission"]["where"].endswith(
        " in the database, given by cli:root at 2027-01-15T08:16:40Z: ticket 42"
    )
    assert said["permission"]["until"] == "2027-01-15T08:17:40Z"
    assert said["user_auth"]["where"].startswith("impersonation ")
    assert said["user_auth"]["where"].endswith(" in the database, given by cli:root at 2027-01-15T08:16:40Z")
    assert said["app_auth"]["where"] == "app shop in the database"
    assert "without an end" in said["app_auth"]["why"]


@pytest.mark.parametrize(
    ("asked", "link", "why", "where"),
    [
        ({"at": "2027-01-15T08:18:00Z"}, "permission", "the right for cc.* ended at 2027-01-15T08:17:40Z", "grant "),
        ({"component": "cc.other"}, "permission", "the right for cc.other begins at 2027-01-15T08:17:10Z", "grant "),
        ({"component": "cmsi.secret"}, "permission", "shop has no right for cmsi.secret", "app shop in the database"),
        ({"user": "bot-1"}, "user_auth", "the right to name bot-* ended at 2027-01-15T08:16:10Z", "impersonation "),
        ({"user": "eve"}, "user_auth", "needs `impersonate`", "app shop in the database"),
        ({"app": "ship"}, "app_auth", "Invalid APP Code [bk_app_code=ship]", ""),
    ],
)
async def test_explain_tells_which_right_has_ended_or_is_to_begin(
    records: Registered, open_sql_gateway: OpenSqlGateway, clock: Clock, asked: Any, link: str, why: str, where: str
) -> None:
    clock.advance(-60)
    await add_shop(records)
    async with records.writing() as write:
        await write.grants.add("shop", "cc.search_*", Terms(until=NOW + 60 * SECOND))
        await write.grants.add("shop", "cc.other", Terms(since=NOW + 30 * SECOND))
        await write.impersonations.add("shop", "bot-*", "*", Terms(until=NOW - 30 * SECOND))
    clock.advance(60)
    found = (await links(await open_sql_gateway(), **asked))[link]
    assert found["verdict"] == "refused"
    assert why.replace("cc.*", "cc.search_*") in found["why"]
    assert found["where"].startswith(where)
    assert bool(found["where"]) == bool(where)


async def test_explain_tells_the_right_alone_while_nobody_can_be_asked_who_gave_it(
    records: Registered, open_sql_gateway: OpenSqlGateway, outage: Callable[[], None]
) -> None:
    await add_shop(records, "cc.*")
    gateway = await open_sql_gateway()
    outage()
    found = (await links(gateway))["permission"]
    assert (found["verdict"], found["where"]) == ("allowed", "grant of cc.* in the database")
