"""Writes about rights: what an app may call, and in whose name. A right that is given anew has the new terms."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Table, delete, insert, select, update

from esb.core.messages import template
from esb.database import accepted, app_views
from esb.database.apps import APP_GRANT, IMPERSONATION
from esb.database.registry_errors import NotAcceptable, missing
from esb.database.transaction import Transaction
from esb.database.writer import ALWAYS, Action, Terms

_LACKS = {
    "grant": template("{code} has no grant {named!r}"),
    "impersonation": template("{code} has no impersonation {named!r}"),
}


class _Wanted(NamedTuple):
    """A right: the columns that tell it from others of its app, and those of its terms."""

    key: dict[str, str]
    values: dict[str, Any]


class GrantWrites:
    """The writes about what an app may call, in a transaction. A pattern is a glob over system.component."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, pattern: str, terms: Terms = ALWAYS) -> bool:
        """Let an app call what the pattern names. Return False if it may already, by these terms.

        AppUnknown, NotAcceptable.
        """
        return bool(await self.add_all(code, {pattern: terms}))

    async def add_all(self, code: str, grants: Mapping[str, Terms]) -> int:
        """Let an app call what all these patterns name, each by its terms. Return how many differed. Likewise."""
        wanted = [
            _Wanted({"pattern": accepted.pattern(pattern)}, {**_terms(terms), "not_before": terms.since})
            for pattern, terms in grants.items()
        ]
        return await _put(self._transaction, APP_GRANT, code, "grant.add", wanted)

    async def terms(self, code: str, pattern: str) -> Terms:
        """Return the terms of what exactly this pattern gives. AppUnknown, Missing."""
        row = await _named(self._transaction, APP_GRANT, code, "grant", {"pattern": pattern})
        return Terms(row.not_before, row.not_after, row.reason)

    async def revoke(self, code: str, pattern: str) -> None:
        """Take away what exactly this pattern gives. AppUnknown, Missing."""
        await _take(self._transaction, APP_GRANT, code, "grant.revoke", {"pattern": pattern})


class ImpersonationWrites:
    """The writes about users in whose name an app may call, in a transaction: globs over users, and over components."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, users: str, components: str = "*", terms: Terms = ALWAYS) -> bool:
        """Let an app name these users without proof. Return False if it may already, by these terms.

        AppUnknown, NotAcceptable.
        """
        return bool(await self.add_all(code, {(users, components): terms}))

    async def add_all(self, code: str, impersonations: Mapping[tuple[str, str], Terms]) -> int:
        """Let an app name users of all these pairs of globs, each by its terms. Return how many differed. Likewise."""
        if any(terms.since is not None for terms in impersonations.values()):
            raise NotAcceptable("an impersonation begins at once")
        wanted = [
            _Wanted({"users": accepted.users(users), "components": accepted.pattern(components)}, _terms(terms))
            for (users, components), terms in impersonations.items()
        ]
        return await _put(self._transaction, IMPERSONATION, code, "impersonation.add", wanted)

    async def terms(self, code: str, users: str, components: str = "*") -> Terms:
        """Return the terms of the right with exactly these globs. AppUnknown, Missing."""
        key = {"users": users, "components": components}
        row = await _named(self._transaction, IMPERSONATION, code, "impersonation", key)
        return Terms(None, row.not_after, row.reason)

    async def revoke(self, code: str, users: str, components: str = "*") -> None:
        """Take away the right with exactly these globs. AppUnknown, Missing."""
        key = {"users": users, "components": components}
        await _take(self._transaction, IMPERSONATION, code, "impersonation.revoke", key)


def _terms(terms: Terms) -> dict[str, Any]:
    begins = terms.since or 0
    if terms.until is not None and terms.until <= begins:
        raise NotAcceptable("a right ends after it has begun")
    return {"not_after": terms.until, "reason": accepted.reason(terms.reason)}


async def _put(transaction: Transaction, table: Table, code: str, action: Action, wanted: Sequence[_Wanted]) -> int:
    """Write rights, or the new terms of those that are there. Return how many differed."""
    await transaction.require(code)
    rows = (await transaction.connection.execute(select(table).where(table.c.app == code))).mappings()
    known = {tuple(row[name] for name in wanted[0].key): row for row in rows} if wanted else {}
    made, changed = [], 0
    for key, values in wanted:
        found = known.get(tuple(key.values()))
        if found is not None and all(found[name] == value for name, value in values.items()):
            continue
        given = {**key, **values, "granted_by": transaction.actor.name, "created": transaction.at}
        if found is None:
            made.append({"app": code, **given})
        else:
            await transaction.connection.execute(update(table).where(table.c.id == found["id"]).values(given))
        transaction.record(action, code, None if found is None else app_views.terms(found), app_views.terms(given))
        changed += 1
    if made:
        await transaction.connection.execute(insert(table), made)
    return changed


async def _take(transaction: Transaction, table: Table, code: str, action: Action, key: dict[str, str]) -> None:
    found = await _named(transaction, table, code, action.partition(".")[0], key)
    await transaction.connection.execute(delete(table).where(table.c.id == found.id))
    transaction.record(action, code, app_views.terms(found._mapping), None)


async def _named(transaction: Transaction, table: Table, code: str, what: str, key: dict[str, str]) -> Row[Any]:
    """Return the right that an operator names. AppUnknown, Missing."""
    await transaction.require(code)
    found = await _row(transaction, table, code, key)
    if found is None:
        rows = (await transaction.connection.execute(select(table).where(table.c.app == code))).all()
        known = [" ".join(getattr(row, name) for name in key) for row in rows]
        raise missing(_LACKS[what], code, " ".join(key.values()), known)
    return found


async def _row(transaction: Transaction, table: Table, code: str, key: dict[str, str]) -> Row[Any] | None:
    if not all(map(accepted.can_be_found, key.values())):
        return None
    named: list[ColumnElement[bool]] = [table.c[name] == value for name, value in key.items()]
    found: Row[Any] | None = (
        await transaction.connection.execute(select(table).where(table.c.app == code, *named))
    ).first()
    return found
