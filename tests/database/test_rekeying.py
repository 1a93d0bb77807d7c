"""New encryption of all secrets, and what becomes of a key that is not there."""

from typing import Any

import pytest
from sqlalchemy import insert, select

from esb.database.apps import APP, APP_SECRET
from esb.database.deliveries import CALLBACK_EVENT, CONTENT, KEPT_KEY
from esb.database.delivery_views import DeliveryViews
from esb.database.engine import Database
from esb.database.keys import DATABASE_KEY
from esb.database.metadata import Sealed
from esb.database.rekeying import BATCH, rekey
from esb.database.schema import DatabaseMismatch
from esb.database.sealed_columns import SEALED
from esb.database.tables import tables
from tests.support.databases import open_database
from tests.support.delivery_rows import add_delivery
from tests.support.servers.databases import KEY, OTHER_KEY

SECRETS = BATCH + 5


async def fill(database: Database, first: int = 0, number: int = SECRETS) -> None:
    async with database.writing() as connection:
        if not first:
            app: dict[str, Any] = {"code": "shop", "disabled": False, "hash_only": False, "settings": "{}"}
            await connection.execute(insert(APP).values(**app, created=7, created_by="cli:root"))
        keys = database.keys
        rows = [
            {
                "app": "shop",
                "sealed": keys.seal(f"secret-{each}", "shop"),
                "digest": keys.digest("shop", f"secret-{each}"),
                "hint": "cret",
                "created": 1,
                "created_by": "cli:root",
            }
            for each in range(first, first + number)
        ]
        await connection.execute(insert(APP_SECRET), rows)
        await connection.execute(
            insert(APP_SECRET).values(app="shop", digest=f"h{first}", hint="h", created=1, created_by="cli:root")
        )


async def secrets_of(database: Database) -> list[str | None]:
    async with database.reading(None) as connection:
        has_one = APP_SECRET.c.sealed.is_not(None)
        rows = await connection.execute(select(APP_SECRET.c.sealed).where(has_one).order_by(APP_SECRET.c.id))
        return [database.keys.unseal(sealed, "shop") for sealed in rows.scalars()]


async def test_after_a_new_key_was_put_first_the_old_one_may_go(database_url: str) -> None:
    async with open_database(database_url, KEY) as database:
        await fill(database)
        digest = database.keys.digest("shop", "secret-1")
    async with open_database(database_url, OTHER_KEY, KEY) as database:
        await fill(database, SECRETS, 1)
        assert await rekey(database) == SECRETS
        assert await rekey(database) == 0
    async with open_database(database_url, OTHER_KEY) as database:
        assert await secrets_of(database) == [f"secret-{each}" for each in range(SECRETS + 1)]
        assert database.keys.digest("shop", "secret-1") == digest  # by which it is found
    with pytest.raises(DatabaseMismatch):
        await open_database(database_url, KEY).__aenter__()


async def test_a_key_that_encrypted_one_secret_is_missed_although_the_others_are_read(database_url: str) -> None:
    async with open_database(database_url, KEY) as database:
        await fill(database, 0, 1)
    async with open_database(database_url, OTHER_KEY, KEY) as database:
        await fill(database, 1, 1)
    for keys in ([KEY], [OTHER_KEY]):
        with pytest.raises(DatabaseMismatch, match="put the key back"):
            await open_database(database_url, *keys).__aenter__()
    async with open_database(database_url, KEY, OTHER_KEY) as database:
        assert await secrets_of(database) == ["secret-0", "secret-1"]


async def test_a_key_that_was_first_and_encrypted_nothing_may_go_again(database_url: str) -> None:
    async with open_database(database_url, KEY) as database:
        await fill(database, 0, 1)
    async with open_database(database_url, OTHER_KEY, KEY) as database:
        assert await secrets_of(database) == ["secret-0"]
    async with open_database(database_url, KEY) as database:
        assert await secrets_of(database) == ["secret-0"]


async def test_one_that_was_cut_off_is_taken_up_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_database(database_url, KEY) as database:
        await fill(database)
    async with open_database(database_url, OTHER_KEY, KEY) as database:
        real, seen = database.keys.resealed, []

        def until_cut_off(sealed: bytes, app: str) -> bytes | None:
            seen.append(sealed)
            if len(seen) > BATCH + 2:
                raise RuntimeError("cut off")
            return real(sealed, app)

        monkeypatch.setattr(database.keys, "resealed", until_cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            await rekey(database)
    async with open_database(database_url, OTHER_KEY, KEY) as database:
        assert await secrets_of(database) == [f"secret-{each}" for each in range(SECRETS)]
        assert await rekey(database) == SECRETS - BATCH
    async with open_database(database_url, OTHER_KEY) as database:
        assert await secrets_of(database) == [f"secret-{each}" for each in range(SECRETS)]


async def test_a_secret_is_another_apps_for_nobody(database: Database) -> None:
    sealed = database.keys.seal("secret", "shop")
    assert (database.keys.unseal(sealed, "shop"), database.keys.unseal(sealed, "bank")) == ("secret", None)
    assert database.keys.digest("shop", "secret") != database.keys.digest("bank", "secret")
    with pytest.raises(DatabaseMismatch):
        database.keys.resealed(sealed, "bank")


async def test_nothing_that_is_kept_shows_a_key_or_a_secret(database: Database) -> None:
    await fill(database, 0, 3)
    async with database.reading() as connection:
        rows = [*map(tuple, await connection.execute(select(APP_SECRET)))]
        rows += [*map(tuple, await connection.execute(select(DATABASE_KEY)))]
    assert not [row for row in rows if "secret-" in str(row) or KEY[:20] in str(row)]


async def test_what_is_sealed_of_deliveries_and_kept_keys_is_encrypted_anew(database_url: str) -> None:
    key = b"\xff" * 32
    kept = {"app": "shop", "content": "c", "version": "v", "lease": 0, "expires": 0}
    event = {"app": "a", "callback": "c", "event": "e", "state": 0, "due": 0, "lease": 0, "owner": "", "fence": 0}
    async with open_database(database_url, KEY) as database:
        keys = database.keys
        identity = await add_delivery(database)
        async with database.writing() as connection:
            content = keys.seal_at(f"content/{identity}", b"content")
            await connection.execute(insert(CONTENT).values(delivery=identity, sealed=content, purge=0))
            body = keys.seal_at(f"event/{identity}", b"event")
            row = {"id": identity, "delivery": identity, "attempts": 0, "created": 0, "body": body, **event}
            await connection.execute(insert(CALLBACK_EVENT).values(row))
            answer = keys.seal_at(f"answer/{key.hex()}", b"answer")
            await connection.execute(insert(KEPT_KEY).values(key=key, answer=answer, **kept))
            await connection.execute(insert(KEPT_KEY).values(key=b"\0" * 32, answer=None, **kept))
    async with open_database(database_url, OTHER_KEY, KEY) as database:
        assert await rekey(database) == len(SEALED)
        assert await rekey(database) == 0
    async with open_database(database_url, OTHER_KEY) as database, database.reading() as connection:
        view = await DeliveryViews(connection, database.keys).delivery(identity)
        assert view is not None
        assert view["accepted"] == ["zhangsan"]
        for sealed, place, plain in (
            (CONTENT.c.sealed, f"content/{identity}", b"content"),
            (CALLBACK_EVENT.c.body, f"event/{identity}", b"event"),
            (KEPT_KEY.c.answer, f"answer/{key.hex()}", b"answer"),
        ):
            found = (await connection.execute(select(sealed).where(sealed.is_not(None)))).scalar_one()
            assert database.keys.unseal_at(place, found) == plain


async def test_each_sealed_column_of_the_schema_is_known_to_who_encrypts_anew() -> None:
    known = {each.sealed for each in SEALED} | {APP_SECRET.c.sealed, DATABASE_KEY.c.sealed}
    assert {column for table in tables() for column in table.c if column.type is Sealed} == known
