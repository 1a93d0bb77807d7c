"""The way of all writes: one transaction, with the number of its change and a row of history for each thing it does.

    async with registry.writing(Actor("cli:root", "cli")) as write:
        secret = new_secret()
        await write.apps.create("monitor", secrets=[secret])
        await write.grants.add("monitor", "cmsi.*", Terms(reason="alerts"))

An exception undoes all of it. What an operator asked for and cannot have is a RegistryError.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from esb.database import changes, metadata
from esb.database.app_views import AppViews
from esb.database.app_writes import AppWrites
from esb.database.engine import PATIENCE, Database
from esb.database.property_writes import CallbackWrites, OwnerWrites
from esb.database.right_writes import GrantWrites, ImpersonationWrites
from esb.database.secret_writes import SecretWrites
from esb.database.transaction import Transaction
from esb.database.writer import Actor as Actor
from esb.database.writer import Terms as Terms
from esb.database.writer import new_secret as new_secret


class Write:
    """A transaction that has begun, and what can be written in it, subject by subject."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.apps = AppWrites(transaction)
        self.secrets = SecretWrites(transaction)
        self.grants = GrantWrites(transaction)
        self.impersonations = ImpersonationWrites(transaction)
        self.owners = OwnerWrites(transaction)
        self.callbacks = CallbackWrites(transaction)


class _Undone(Exception):
    """The end of a transaction that only tries, or has changed nothing."""


class Registry:
    """The apps of a database, for those who change them."""

    def __init__(self, database: Database, now: Callable[[], int] = metadata.now) -> None:
        """Take the database; `now` is the time of day in milliseconds since 1970."""
        self._database = database
        self._now = now

    @asynccontextmanager
    async def writing(self, actor: Actor, seconds: float = PATIENCE) -> AsyncIterator[Write]:
        """Yield a transaction of this actor, which is committed at the end. Another writer waits until then.

        One that has changed nothing is undone, and not counted: no reader need look. DatabaseAway if it cannot be had,
        is lost, or takes more than so many `seconds`.
        """
        with suppress(_Undone):
            async with self._database.writing(seconds) as connection:
                number = await changes.counted(connection)
                transaction = Transaction(connection, self._database.keys, actor, self._now())
                yield Write(transaction)
                if not transaction.recorded:
                    raise _Undone
                await changes.note(connection, number, await transaction.finish(), transaction.at)

    @asynccontextmanager
    async def trying(self, actor: Actor, seconds: float = PATIENCE) -> AsyncIterator[Write]:
        """Yield a transaction likewise, and undo all of it: its `recorded` is what it would have done."""
        async with self.writing(actor, seconds) as write:
            yield write
            raise _Undone

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AppViews]:
        """Yield what is there, read in one transaction. DatabaseAway."""
        async with self._database.reading() as connection:
            yield AppViews(connection)
