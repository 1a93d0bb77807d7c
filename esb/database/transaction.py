"""The common ground of the writes of one transaction: its connection, its actor, its moment, and its history."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.core.clock import utc_text
from esb.database import accepted
from esb.database.apps import APP
from esb.database.history import HISTORY
from esb.database.keys import DatabaseKeys
from esb.database.registry_errors import AppUnknown
from esb.database.writer import Action, Actor

MOST_COMPARED = 500
"""Codes among which the one is looked for that somebody meant."""
View = Mapping[str, Any]
"""Something as history and listings show it: JSON, its times as RFC 3339, and without any secret."""


class Recorded(NamedTuple):
    """Something that was done: its action, its app, and what was before and after it; None for nothing."""

    action: Action
    app: str
    before: View | None
    after: View | None


@dataclass(slots=True)
class Transaction:
    """A transaction that has drawn the number of its change, so that no other one writes meanwhile.

    `at` is its moment, in milliseconds since 1970; `recorded` is what will stand in the history;
    `existing` are apps of which it is known that they are there.
    """

    connection: AsyncConnection
    keys: DatabaseKeys
    actor: Actor
    at: int
    recorded: list[Recorded] = field(default_factory=list)
    existing: set[str] = field(default_factory=set)

    def record(self, action: Action, app: str, before: View | None, after: View | None) -> None:
        """Note for the history: what was there and what is, each None if it is nothing. No secret in either."""
        self.recorded.append(Recorded(action, app, before, after))

    def record_change(self, action: Action, app: str, before: View, after: View) -> bool:
        """Note for the history the keys alone whose values differ. Return False, and note nothing, if none do."""
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        if keys:
            self.record(action, app, _only(before, keys), _only(after, keys))
        return bool(keys)

    async def finish(self) -> set[str]:
        """Write the history of all that was recorded, and return the apps that it concerns."""
        who = {"at": self.at, "actor": self.actor.name, "via": self.actor.via}
        rows = [
            {**who, "action": each.action, "app": each.app, "before": _text(each.before), "after": _text(each.after)}
            for each in self.recorded
        ]
        if rows:
            await self.connection.execute(insert(HISTORY), rows)
        return {each.app for each in self.recorded}

    async def app(self, code: str) -> Row[Any]:
        """Return the row of this app; AppUnknown if there is none."""
        row = await app_row(self.connection, code)
        self.existing.add(code)
        return row

    async def require(self, code: str) -> None:
        """Raise AppUnknown unless there is this app. Nobody else deletes one meanwhile, so that it is asked once."""
        if code not in self.existing:
            await self.app(code)


async def app_row(connection: AsyncConnection, code: str) -> Row[Any]:
    """Return the row of this app. AppUnknown if there is none, which names one that is meant perhaps."""
    if accepted.is_storable(code):
        found = (await connection.execute(select(APP).where(APP.c.code == code))).one_or_none()
        if found is not None and found.code == code:  # not so where MySQL finds `monitor` for `monitor `
            return found
        alike = select(APP.c.code).where(APP.c.code.startswith(code[:1], autoescape=True)).limit(MOST_COMPARED)
        raise AppUnknown(code, list((await connection.execute(alike)).scalars()))
    raise AppUnknown(code)


def moment(milliseconds: int | None) -> str | None:
    """Return a moment of the database as RFC 3339; None for never."""
    return None if milliseconds is None else utc_text(milliseconds / 1000)


def _only(view: View, keys: list[str]) -> View:
    return {key: view[key] for key in keys if key in view}


def _text(view: View | None) -> str:
    return json.dumps(view, ensure_ascii=False, sort_keys=True)
