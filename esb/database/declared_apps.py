"""Apps as a file declares them, brought about by the writes that are needed, and by no others.

What the file does not name stays as it is, unless all else is to be pruned: then an app that it names loses the rights,
owners, callbacks and settings that it does not name, and an app that it does not name is disabled.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Row, select

from esb.database.apps import APP, APP_CALLBACK, APP_GRANT, APP_OWNER, IMPERSONATION
from esb.database.registry import Write
from esb.database.writer import Terms

K = TypeVar("K", str, tuple[str, str])
EXPIRES = "expires"
DISABLED = "disabled"
SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class DeclaredApp:
    """An app as it should be. A right without a reason keeps the one that it has.

    `properties` are those of DISABLED, EXPIRES (milliseconds since 1970, None for never) and SETTINGS that are said.
    """

    code: str
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    owners: Sequence[str] = ()
    callbacks: Mapping[str, str] = field(default_factory=dict, repr=False)
    grants: Mapping[str, Terms] = field(default_factory=dict)
    impersonations: Mapping[tuple[str, str], Terms] = field(default_factory=dict)


async def bring_about(write: Write, apps: Sequence[DeclaredApp], *, prune: bool) -> None:
    """Write whatever differs from these apps. RegistryError."""
    known = await _known(write)
    nothing = _Known(None)
    for app in apps:
        await _App(write, app, known.get(app.code, nothing), prune).bring_about()
    named = {app.code for app in apps}
    for code in sorted(known.keys() - named) if prune else ():
        await write.apps.set_disabled(code, True)


@dataclass(slots=True)
class _Known:
    """An app as the database has it; a row of None: it has none."""

    row: Row[Any] | None
    owners: set[str] = field(default_factory=set)
    callbacks: dict[str, str] = field(default_factory=dict)
    grants: dict[str, Terms] = field(default_factory=dict)
    impersonations: dict[tuple[str, str], Terms] = field(default_factory=dict)


async def _known(write: Write) -> dict[str, _Known]:
    """Return all apps that there are: a few reads for all, since most of what a file says is so already."""
    connection = write.transaction.connection
    known = {row.code: _Known(row) for row in await connection.execute(select(APP))}
    for row in await connection.execute(select(APP_OWNER)):
        known[row.app].owners.add(row.username)
    for row in await connection.execute(select(APP_CALLBACK)):
        known[row.app].callbacks[row.name] = row.url
    for row in await connection.execute(select(APP_GRANT)):
        known[row.app].grants[row.pattern] = Terms(row.not_before, row.not_after, row.reason)
    for row in await connection.execute(select(IMPERSONATION)):
        known[row.app].impersonations[row.users, row.components] = Terms(None, row.not_after, row.reason)
    return known


@dataclass(frozen=True, slots=True)
class _App:
    """One app on its way from what is known to what is wanted."""

    write: Write
    wanted: DeclaredApp
    known: _Known
    prune: bool

    async def bring_about(self) -> None:
        await self._properties()
        await self._people()
        code, write = self.wanted.code, self.write
        await write.grants.add_all(code, dict(_differing(self.wanted.grants, self.known.grants)))
        for pattern in self._superfluous(self.known.grants, self.wanted.grants):
            await write.grants.revoke(code, pattern)
        impersonations = dict(_differing(self.wanted.impersonations, self.known.impersonations))
        await write.impersonations.add_all(code, impersonations)
        for users, components in self._superfluous(self.known.impersonations, self.wanted.impersonations):
            await write.impersonations.revoke(code, users, components)

    async def _properties(self) -> None:
        code, said, row, apps = self.wanted.code, self.wanted.properties, self.known.row, self.write.apps
        if row is None:
            await apps.create(code, **said)
            return
        if DISABLED in said and said[DISABLED] != row.disabled:
            await apps.set_disabled(code, said[DISABLED])
        if EXPIRES in said and said[EXPIRES] != row.expires:
            await apps.set_expires(code, said[EXPIRES])
        settings = said.get(SETTINGS, {})
        superfluous = self._superfluous(json.loads(row.settings), settings)
        if settings or superfluous:
            await apps.set_settings(code, settings, superfluous)

    async def _people(self) -> None:
        code, write = self.wanted.code, self.write
        for name in sorted(set(self.wanted.owners) - self.known.owners):
            await write.owners.add(code, name)
        for name in self._superfluous(self.known.owners, self.wanted.owners):
            await write.owners.remove(code, name)
        for name, url in self.wanted.callbacks.items():
            if self.known.callbacks.get(name) != url:
                await write.callbacks.add(code, name, url)
        for name in self._superfluous(self.known.callbacks, self.wanted.callbacks):
            await write.callbacks.remove(code, name)

    def _superfluous(self, known: Collection[K], wanted: Collection[K]) -> list[K]:
        """Return what is to be taken away, in order."""
        return sorted(set(known) - set(wanted)) if self.prune else []


def _differing(wanted: Mapping[K, Terms], known: Mapping[K, Terms]) -> Iterator[tuple[K, Terms]]:
    for key, terms in wanted.items():
        before = known.get(key)
        if before is not None and not terms.reason:
            terms = replace(terms, reason=before.reason)
        if terms != before:
            yield key, terms
