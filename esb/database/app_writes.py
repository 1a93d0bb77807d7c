"""Writes about an app itself: made, switched off and on, changed, deleted."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from esb.database import accepted, app_views
from esb.database.apps import APP
from esb.database.deliveries import CALLBACK_OFF
from esb.database.registry_errors import AlreadyThere, NotAcceptable
from esb.database.secret_writes import insert_secret
from esb.database.transaction import Transaction, moment
from esb.database.writer import Action

LONGEST_SETTINGS = 64 * 1024
"""Characters of an app's settings as JSON: each worker keeps all of them in memory."""
DEEPEST_SETTINGS = 100
"""Levels of an app's settings, as of a call's parameters: who shows or freezes them, goes down by calls."""


class AppWrites:
    """The writes about an app itself, in a transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def create(
        self,
        code: str,
        *,
        secrets: Sequence[str] = (),
        hash_only: bool = False,
        expires: int | None = None,
        settings: Mapping[str, Any] | None = None,
        disabled: bool = False,
    ) -> None:
        """Make an app with these secrets, and no right. `expires`: milliseconds since 1970, None for never.

        hash_only: its secrets cannot be had back, so it can never sign. AlreadyThere, NotAcceptable.
        """
        transaction = self._transaction
        accepted.code(code)
        if (await transaction.connection.execute(select(APP.c.code).where(APP.c.code == code))).first() is not None:
            raise AlreadyThere("there is an app {code!r} already", code=code)
        row = {
            "code": code,
            "disabled": disabled,
            "hash_only": hash_only,
            "expires": expires,
            "settings": _text(settings or {}),
            "created": transaction.at,
            "created_by": transaction.actor.name,
        }
        await transaction.connection.execute(insert(APP).values(row))
        transaction.existing.add(code)
        numbers = [await insert_secret(transaction, code, secret, hash_only=hash_only) for secret in secrets]
        after = app_views.properties(disabled, hash_only, expires, settings or {})
        transaction.record("app.create", code, None, {**after, "secrets": numbers})

    async def set_disabled(self, code: str, disabled: bool) -> bool:
        """Switch an app off, or on again. Return False if it is so already. AppUnknown."""
        before = {"disabled": (await self._transaction.app(code)).disabled}
        await self._update(code, disabled=disabled)
        action: Action = "app.disable" if disabled else "app.enable"
        return self._transaction.record_change(action, code, before, {"disabled": disabled})

    async def set_expires(self, code: str, expires: int | None) -> bool:
        """Let an app end at this moment, None for never. Return False if that is its end already. AppUnknown."""
        before = (await self._transaction.app(code)).expires
        await self._update(code, expires=expires)
        changed = {"expires": moment(before)}, {"expires": moment(expires)}
        return self._transaction.record_change("app.set", code, *changed)

    async def set_settings(self, code: str, settings: Mapping[str, Any], unset: Sequence[str] = ()) -> bool:
        """Give an app these settings besides those it has, and take away others. Return False if nothing changes.

        The history has the names of those that changed, and no value that sounds secret. AppUnknown, NotAcceptable.
        """
        before = json.loads((await self._transaction.app(code)).settings)
        after = {name: value for name, value in (before | dict(settings)).items() if name not in unset}
        await self._update(code, settings=_text(after))
        names = [name for name in before | after if before.get(name, ...) != after.get(name, ...)]
        if names:
            changed = ({name: each[name] for name in names if name in each} for each in (before, after))
            views = ({"settings": app_views.masked(each)} for each in changed)
            self._transaction.record("app.set", code, *views)
        return bool(names)

    async def delete(self, code: str) -> None:
        """Delete an app with its secrets, rights, owners and callbacks. Its history and its use stay. AppUnknown."""
        before = await app_views.AppViews(self._transaction.connection).app(code)
        await self._transaction.connection.execute(delete(APP).where(APP.c.code == code))
        await self._transaction.connection.execute(delete(CALLBACK_OFF).where(CALLBACK_OFF.c.app == code))
        self._transaction.existing.discard(code)
        self._transaction.record("app.delete", code, before, None)

    async def _update(self, code: str, **values: Any) -> None:
        await self._transaction.connection.execute(update(APP).where(APP.c.code == code).values(values))


def _text(settings: Mapping[str, Any]) -> str:
    """Return settings as the database keeps them. NotAcceptable if they are no JSON, or too long."""
    if _is_deeper(settings, DEEPEST_SETTINGS):
        raise NotAcceptable("the settings of an app nest at most {most} levels deep", most=DEEPEST_SETTINGS)
    try:
        text = json.dumps(dict(settings), ensure_ascii=False, allow_nan=False)
        text.encode()  # which half a character does not survive
    except (TypeError, ValueError):
        raise NotAcceptable("settings are a JSON object, of texts and numbers that UTF-8 and JSON can write") from None
    if len(text) > LONGEST_SETTINGS:
        raise NotAcceptable("the settings of an app have at most {most} characters as JSON", most=LONGEST_SETTINGS)
    return text


def _is_deeper(value: Any, levels: int) -> bool:
    """Return True if objects and lists nest in this value on more than so many levels."""
    if not isinstance(value, Mapping | list | tuple):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)
