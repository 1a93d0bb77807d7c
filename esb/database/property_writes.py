"""Writes about the people behind an app and its addresses: who answers for it, and where it is called back."""

from sqlalchemy import delete, insert, select, update

from esb.core.messages import template
from esb.database import accepted, app_views
from esb.database.apps import APP_CALLBACK, APP_OWNER
from esb.database.deliveries import CALLBACK_OFF
from esb.database.registry_errors import NotAcceptable, missing
from esb.database.transaction import Transaction


class OwnerWrites:
    """The writes about the owners of an app, user names, in a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, username: str) -> bool:
        """Let somebody own an app. Return False if it is so already. AppUnknown, NotAcceptable."""
        accepted.name(username)
        if username in await self._owners(code):
            return False
        await self._transaction.connection.execute(insert(APP_OWNER).values(app=code, username=username))
        self._transaction.record("owner.add", code, None, {"owner": username})
        return True

    async def remove(self, code: str, username: str) -> None:
        """Take an owner away from an app. AppUnknown, Missing."""
        owners = await self._owners(code)
        if username not in owners:
            raise missing(template("{code} has no owner {named!r}"), code, username, owners)
        named = APP_OWNER.c.app == code, APP_OWNER.c.username == username
        await self._transaction.connection.execute(delete(APP_OWNER).where(*named))
        self._transaction.record("owner.remove", code, {"owner": username}, None)

    async def _owners(self, code: str) -> list[str]:
        await self._transaction.require(code)
        rows = await self._transaction.connection.execute(select(APP_OWNER.c.username).where(APP_OWNER.c.app == code))
        return list(rows.scalars())


class CallbackWrites:
    """The writes about the addresses at which an app is called back, each under a name, in a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, code: str, name: str, url: str) -> bool:
        """Give an app a callback, or another address of one. Return False if it is so already.

        The history has no query of an address: it may be a key. AppUnknown, NotAcceptable: also for an app of whose
        secrets only digests are kept, since nothing could be signed for it.
        """
        accepted.callback_name(name)
        accepted.url(url)
        if (await self._transaction.app(code)).hash_only:
            raise NotAcceptable(
                "{code} is hash-only: its secrets are kept as digests, so no callback could be signed", code=code
            )
        before = (await self._callbacks(code)).get(name)
        if before == url:
            return False
        connection = self._transaction.connection
        if before is None:
            await connection.execute(insert(APP_CALLBACK).values(app=code, name=name, url=url))
        else:
            named = APP_CALLBACK.c.app == code, APP_CALLBACK.c.name == name
            await connection.execute(update(APP_CALLBACK).where(*named).values(url=url))
        await self._forget_off(code, name)
        views = (None if each is None else app_views.callback(name, each) for each in (before, url))
        self._transaction.record("callback.add", code, *views)
        return True

    async def remove(self, code: str, name: str) -> None:
        """Take a callback away from an app. AppUnknown, Missing."""
        known = await self._callbacks(code)
        if name not in known:
            raise missing(template("{code} has no callback {named!r}"), code, name, known)
        named = APP_CALLBACK.c.app == code, APP_CALLBACK.c.name == name
        await self._transaction.connection.execute(delete(APP_CALLBACK).where(*named))
        await self._forget_off(code, name)
        self._transaction.record("callback.remove", code, app_views.callback(name, known[name]), None)

    async def resume(self, code: str, name: str) -> None:
        """Switch a callback on again whose receiver had said that it is gone. Missing if it is not switched off.

        The app may stand in esb.yaml.
        """
        found = select(CALLBACK_OFF.c.callback, CALLBACK_OFF.c.reason).where(CALLBACK_OFF.c.app == code)
        rows = await self._transaction.connection.execute(found)
        off = {row.callback: row.reason for row in rows}
        if name not in off:
            raise missing(template("{code} has no callback that is switched off {named!r}"), code, name, off)
        await self._forget_off(code, name)
        self._transaction.record("callback.on", code, {"name": name, "reason": off[name]}, {"name": name})

    async def _forget_off(self, code: str, name: str) -> None:
        is_it = CALLBACK_OFF.c.app == code, CALLBACK_OFF.c.callback == name
        await self._transaction.connection.execute(delete(CALLBACK_OFF).where(*is_it))

    async def _callbacks(self, code: str) -> dict[str, str]:
        await self._transaction.require(code)
        columns = APP_CALLBACK.c.name, APP_CALLBACK.c.url
        rows = await self._transaction.connection.execute(select(*columns).where(APP_CALLBACK.c.app == code))
        return {row.name: row.url for row in rows}
