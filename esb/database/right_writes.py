"""Writes about rights: what an app may call, and in whose name. A right that is given anew has the new terms."""

from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, insert, select, update

from esb.database import accepted, app_views
from esb.database.apps import APP_GRANT, IMPERSONATION
from esb.database.registry_errors import NotAcceptable, missing
from esb.database.transaction import Transaction
from esb.database.writer import ALWAYS, Terms


class GrantWrites:
    """The writes about what an app may call, in a transaction. A pattern is a glob over system.component."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, pattern: str, terms: Terms = ALWAYS) -> bool:
        """Let an app call what the pattern names. Return False if it may already, by these terms.

        AppUnknown, NotAcceptable.
        """
        key = {"pattern": accepted.pattern(pattern)}
        values = {**_terms(terms), "not_before": terms.since}
        return await _put(self._transaction, APP_GRANT, code, "grant.add", key, values)

    async def terms(self, code: str, pattern: str) -> Terms:
        """Return the terms of what exactly this pattern gives. AppUnknown, Missing."""
        row = await _named(self._transaction, APP_GRANT, code, "grant", {"pattern": pattern})
        return Terms(row.not_before, row.not_after, row.reason)

    async def revoke(self, code: str, pattern: str) -> None:
        """Take away what exactly this pattern gives. AppUnknown, Missing."""
        await _take(self._transaction, APP_GRANT, code, "grant", {"pattern": pattern})


class ImpersonationWrites:
    """The writes about users in whose name an app may call, in a transaction: globs over users, and over components."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, users: str, components: str = "*", terms: Terms = ALWAYS) -> bool:
        """Let an app name these users without proof. Return False if it may already, by these terms.

        AppUnknown, NotAcceptable.
        """
        if terms.since is not None:
            raise NotAcceptable("an impersonation begins at once")
        key = {"users": accepted.pattern(users), "components": accepted.pattern(components)}
        return await _put(self._transaction, IMPERSONATION, code, "impersonation.add", key, _terms(terms))

    async def terms(self, code: str, users: str, components: str = "*") -> Terms:
        """Return the terms of the right with exactly these globs. AppUnknown, Missing."""
        key = {"users": users, "components": components}
        row = await _named(self._transaction, IMPERSONATION, code, "impersonation", key)
        return Terms(None, row.not_after, row.reason)

    async def revoke(self, code: str, users: str, components: str = "*") -> None:
        """Take away the right with exactly these globs. AppUnknown, Missing."""
        key = {"users": users, "components": components}
        await _take(self._transaction, IMPERSONATION, code, "impersonation", key)


def _terms(terms: Terms) -> dict[str, Any]:
    begins = terms.since or 0
    if terms.until is not None and terms.until <= begins:
        raise NotAcceptable("a right ends after it has begun")
    return {"not_after": terms.until, "reason": accepted.reason(terms.reason)}


async def _put(
    transaction: Transaction, table: Table, code: str, action: str, key: dict[str, str], values: dict[str, Any]
) -> bool:
    """Write a right, or the new terms of one that is there."""
    await transaction.app(code)
    found = await _row(transaction, table, code, key)
    if found is not None and all(getattr(found, name) == value for name, value in values.items()):
        return False
    values = {**values, "granted_by": transaction.actor.name, "created": transaction.at}
    if found is None:
        await transaction.connection.execute(insert(table).values({"app": code, **key, **values}))
    else:
        await transaction.connection.execute(update(table).where(table.c.id == found.id).values(values))
    made = await _row(transaction, table, code, key)
    before = None if found is None else app_views.terms(found)
    await transaction.record(action, code, before, app_views.terms(made))
    return True


async def _take(transaction: Transaction, table: Table, code: str, what: str, key: dict[str, str]) -> None:
    found = await _named(transaction, table, code, what, key)
    await transaction.connection.execute(delete(table).where(table.c.id == found.id))
    await transaction.record(f"{what}.revoke", code, app_views.terms(found), None)


async def _named(transaction: Transaction, table: Table, code: str, what: str, key: dict[str, str]) -> Row[Any]:
    """Return the right that an operator names. AppUnknown, Missing."""
    await transaction.app(code)
    found = await _row(transaction, table, code, key)
    if found is None:
        rows = (await transaction.connection.execute(select(table).where(table.c.app == code))).all()
        known = [" ".join(getattr(row, name) for name in key) for row in rows]
        raise missing(f"{code} has no {what}", " ".join(key.values()), known)
    return found


async def _row(transaction: Transaction, table: Table, code: str, key: dict[str, str]) -> Row[Any] | None:
    if not all(map(accepted.is_storable, key.values())):
        return None
    named: list[ColumnElement[bool]] = [table.c[name] == value for name, value in key.items()]
    found: Row[Any] | None = (
        await transaction.connection.execute(select(table).where(table.c.app == code, *named))
    ).first()
    return found
