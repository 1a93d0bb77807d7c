"""Writes about secrets: added, and given an end. None is deleted but with its app: its use is told by its number."""

from typing import Any

from sqlalchemy import Row, insert, or_, select, update

from esb.core.messages import template
from esb.database import accepted
from esb.database.apps import APP_SECRET
from esb.database.registry_errors import AlreadyThere, missing
from esb.database.transaction import Transaction, moment

HINT = 4
"""Characters of a secret that tell people which one it is."""
HINTED = 4 * HINT
"""Characters from which on a secret has a hint: of a shorter one it would tell too much."""


async def insert_secret(
    transaction: Transaction, code: str, secret: str, *, hash_only: bool, until: int | None = None
) -> int:
    """Write a secret of an app, and no history. Return its number. AlreadyThere, NotAcceptable."""
    digest = transaction.keys.digest(code, accepted.secret(secret))
    known = select(APP_SECRET.c.id).where(APP_SECRET.c.app == code, APP_SECRET.c.digest == digest)
    if (same := (await transaction.connection.execute(known)).scalar()) is not None:
        raise AlreadyThere("{code} has this secret already, as its secret {same}", code=code, same=same)
    row = {
        "app": code,
        "sealed": None if hash_only else transaction.keys.seal(secret, code),
        "digest": digest,
        "hint": secret[-HINT:] if len(secret) >= HINTED else "",
        "created": transaction.at,
        "created_by": transaction.actor.name,
        "not_after": until,
    }
    await transaction.connection.execute(insert(APP_SECRET).values(row))
    number: int = (await transaction.connection.execute(known)).scalar_one()
    return number


class SecretWrites:
    """The writes about the secrets of an app, in a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, secret: str, *, until: int | None = None, retire_old: int | None = None) -> int:
        """Give an app one secret more, and return its number. Moments are milliseconds since 1970.

        `until`: its end, None for never. `retire_old`: the end of all others that would last longer. AppUnknown,
        AlreadyThere, NotAcceptable.
        """
        hash_only = (await self._transaction.app(code)).hash_only
        old = [] if retire_old is None else await self._lasting(code, retire_old)
        number = await insert_secret(self._transaction, code, secret, hash_only=hash_only, until=until)
        for row in old:
            await self._end(row.id, retire_old)
        before = {"retired": {str(row.id): moment(row.not_after) for row in old}} if old else None
        retired = {"retired": {str(row.id): moment(retire_old) for row in old}} if old else {}
        after = {"secret": number, "until": moment(until), **retired}
        self._transaction.record("secret.add", code, before, after)
        return number

    async def retire(self, code: str, number: int, at: int | None = None) -> bool:
        """Let a secret end at this moment, None for now. Return False if that changes nothing. AppUnknown, Missing."""
        await self._transaction.app(code)
        rows = (await self._transaction.connection.execute(_of(code))).all()
        found = next((row for row in rows if row.id == number), None)
        if found is None:
            raise missing(template("{code} has no secret {named!r}"), code, str(number), [str(row.id) for row in rows])
        end = self._transaction.at if at is None else at
        if at is None and found.not_after is not None and found.not_after <= end:
            return False
        await self._end(number, end)
        before, after = ({"secret": number, "until": moment(each)} for each in (found.not_after, end))
        if before == after:
            return False
        self._transaction.record("secret.retire", code, before, after)
        return True

    async def _lasting(self, code: str, end: int) -> list[Row[Any]]:
        """Return the secrets that last beyond this moment."""
        lasting = or_(APP_SECRET.c.not_after.is_(None), APP_SECRET.c.not_after > end)
        return list(await self._transaction.connection.execute(_of(code).where(lasting)))

    async def _end(self, number: int, at: int | None) -> None:
        ended = update(APP_SECRET).where(APP_SECRET.c.id == number).values(not_after=at)
        await self._transaction.connection.execute(ended)


def _of(code: str) -> Any:
    return select(APP_SECRET.c.id, APP_SECRET.c.not_after).where(APP_SECRET.c.app == code).order_by(APP_SECRET.c.id)
