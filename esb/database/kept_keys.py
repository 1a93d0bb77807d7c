"""Idempotency keys in the database, where they outlive every process, and nonces: keys without an answer."""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Insert

from esb.core.clock import Clock
from esb.database.apps import LONGEST_CODE
from esb.database.deliveries import KEPT_KEY
from esb.database.engine import Database, DatabaseAway
from esb.database.group_commit import GroupCommit
from esb.database.insertions import insert_or_lock, insert_or_update
from esb.database.time_of_day import time_of_day
from esb.store.kept_keys import Found, Held, Wanted
from esb.store.keyspaces import app_of
from esb.store.protocol import StoreAway

VERSION_BYTES = 8
COLUMNS = (*KEPT_KEY.columns,)


@dataclass(frozen=True, slots=True)
class _Claim:
    key: bytes
    held: Held


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a claim: its sealed answer, or None if it is released."""

    key: bytes
    held: Held
    sealed: bytes | None


class DatabaseKeptKeys:
    """Keys in the database. Those that come at the same time share a transaction. Leases are by the database's time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writes: GroupCommit[_Claim | _End, Found | None] = GroupCommit(database, self._write)

    async def claim(self, wanted: Wanted) -> Held | Found:
        held = Held(wanted, secrets.token_hex(VERSION_BYTES))
        found = await self._submit("claim", lambda: _Claim(self._key(wanted.entry), held))
        return held if found is None else found

    async def find(self, entry: str) -> Found | None:
        try:
            async with self._database.reading() as connection:
                key = self._key(entry)
                row = (await connection.execute(select(*COLUMNS).where(KEPT_KEY.c.key == key))).mappings().first()
                if row is None:
                    return None
                now = await time_of_day(connection, self._clock)
                return self._found(row, now) if row["expires"] > now else None
        except DatabaseAway as away:
            raise _away("find", away) from away

    async def settle(self, held: Held, answer: bytes) -> None:
        await self._submit("settle", lambda: self._answered(held, answer))

    async def release(self, held: Held) -> None:
        await self._submit("release", lambda: _End(self._key(held.wanted.entry), held, None))

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._writes.close()

    async def _submit(self, doing: str, make: Callable[[], _Claim | _End]) -> Found | None:
        try:
            return await self._writes.submit(make())
        except DatabaseAway as away:
            raise _away(doing, away) from away

    def _key(self, entry: str) -> bytes:
        return self._database.keys.digest_of(entry)

    def _answered(self, held: Held, answer: bytes) -> _End:
        key = self._key(held.wanted.entry)
        return _End(key, held, self._database.keys.seal_at(_place(key), answer))

    def _found(self, row: Mapping[Any, Any], now: int) -> Found:
        """Return what this row keeps. An answer that none of the keys decrypts is as good as none."""
        sealed = row["answer"]
        answer = None if sealed is None else self._database.keys.unseal_at(_place(bytes(row["key"])), bytes(sealed))
        lease, seconds = (row["lease"] - now) / 1000, (row["expires"] - now) / 1000
        return Found(row["content"], answer, lease, seconds, row["version"])

    async def _write(self, connection: AsyncConnection, items: Sequence[_Claim | _End]) -> Sequence[Found | None]:
        now = await time_of_day(connection, self._clock)
        ends = [item for item in items if isinstance(item, _End)]
        claims = {item.held.version: item for item in items if isinstance(item, _Claim)}
        rows: dict[bytes, dict[str, Any]] = {}
        for claim in claims.values():
            rows.setdefault(claim.key, _row(claim.key, claim.held, None, now))
        locked = await _locked(connection, ends, rows, now)
        await _end(connection, ends, now)
        given_up = {end.key for end in ends if end.sealed is None}
        await _insert(connection, {key: row for key, row in rows.items() if key not in locked or key in given_up})
        found = await self._claimed(connection, claims, rows, now) if claims else {}
        return [found.get(item.held.version) if isinstance(item, _Claim) else None for item in items]

    async def _claimed(
        self, connection: AsyncConnection, claims: Mapping[str, _Claim], rows: Mapping[bytes, dict[str, Any]], now: int
    ) -> Mapping[str, Found]:
        """Return what was there for those claims, by version, that came too late. Their rows are there, and locked."""
        there = select(*COLUMNS).where(KEPT_KEY.c.key.in_(rows))
        kept = {bytes(row["key"]): row for row in (await connection.execute(there)).mappings()}
        late: dict[str, Found] = {}
        for version, claim in claims.items():
            row: Mapping[Any, Any] = kept[claim.key]
            if row["expires"] <= now:
                row = rows[claim.key]
                await connection.execute(update(KEPT_KEY).where(KEPT_KEY.c.key == claim.key).values(row))
            if row["version"] != version:
                late[version] = self._found(row, now)
        return late


async def _insert(connection: AsyncConnection, rows: Mapping[bytes, dict[str, Any]]) -> None:
    """Insert these rows, or lock those that are there: in their order, or two processes wait for each other."""
    if rows:
        insertion = insert_or_lock(KEPT_KEY, KEPT_KEY.c.key, connection.dialect.name)
        await connection.execute(insertion, [rows[key] for key in sorted(rows)])


async def _locked(
    connection: AsyncConnection, ends: Sequence[_End], rows: Mapping[bytes, dict[str, Any]], now: int
) -> Collection[bytes]:
    """Lock all that is to be written, in one order, and return its keys; nothing where one statement does it anyway."""
    kinds = {end.sealed is None for end in ends}
    if len(kinds) + bool(rows) < 2 or connection.dialect.name == "sqlite":  # which has one writer at a time
        return ()
    ordered = sorted(ends, key=lambda end: end.sealed is not None)  # no answer is lost, whatever comes with it
    every = {**rows, **{end.key: _row(end.key, end.held, None, now) for end in ordered}}
    await _insert(connection, every)
    return every.keys()


async def _end(connection: AsyncConnection, ends: Sequence[_End], now: int) -> None:
    """Put answers in the place of their claims, or of nothing if one is gone; and delete the claims without one."""
    answered = {end.key: _row(end.key, end.held, end.sealed, now) for end in ends if end.sealed is not None}
    if answered:
        await connection.execute(_answering(connection.dialect.name), [answered[key] for key in sorted(answered)])
    gone = sorted((end.key, end.held.version) for end in ends if end.sealed is None)
    if gone:
        is_it = (KEPT_KEY.c.key == bindparam("old_key")) & (KEPT_KEY.c.version == bindparam("old_version"))
        rows = [{"old_key": key, "old_version": version} for key, version in gone]
        await connection.execute(delete(KEPT_KEY).where(is_it), rows)


def _row(key: bytes, held: Held, sealed: bytes | None, now: int) -> dict[str, Any]:
    wanted = held.wanted
    return {
        "key": key,
        "app": app_of(wanted.entry)[:LONGEST_CODE],
        "content": wanted.content,
        "version": held.version,
        "lease": now + int(wanted.lease * 1000),
        "expires": now + int(max(wanted.seconds, 0.0 if sealed else wanted.lease) * 1000),
        "answer": sealed,
    }


def _answering(dialect: str) -> Insert:
    """Return the insertion of answered keys that changes, of those which are there, only a claim of this version."""
    columns = KEPT_KEY.c
    if dialect == "mysql":
        answer = mysql.insert(KEPT_KEY)
        is_it = columns.version == answer.inserted.version
        changes = {name: case((is_it, answer.inserted[name]), else_=columns[name]) for name in ("answer", "expires")}
        return answer.on_duplicate_key_update(**changes)
    conflict = insert_or_update(KEPT_KEY, dialect)
    new = conflict.excluded
    return conflict.on_conflict_do_update(
        index_elements=[columns.key],
        set_={"answer": new.answer, "expires": new.expires},
        where=columns.version == new.version,
    )


def _place(key: bytes) -> str:
    return f"answer/{key.hex()}"


def _away(doing: str, away: DatabaseAway) -> StoreAway:
    return StoreAway("database", doing, str(away), sent=False)
