"""Apps that come from elsewhere: what is missing of them is written, and what is there stays as it is.

One app is one transaction, so that an import that was cut off is taken up by the next one. Another import changes
nothing but rights that the first one gave and that last longer now; a right that somebody has given anew is theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, select

from esb.database.apps import APP, APP_GRANT, APP_SECRET, IMPERSONATION
from esb.database.engine import Database
from esb.database.registry import Actor, Registry, Terms

IMPORTED = "imported: "
"""The beginning of the reason of each right that an import gives."""


@dataclass(frozen=True, slots=True)
class ImportedRight:
    """A right as it shall be. `until`: milliseconds since 1970, None for never. `why`: its origin.

    `goes_on`: its end is counted from now; one that has not ended yet needs no other.
    """

    until: int | None
    why: str
    goes_on: bool = False

    @property
    def terms(self) -> Terms:
        return Terms(until=self.until, reason=f"{IMPORTED}{self.why}")


@dataclass(frozen=True, slots=True)
class ImportedApp:
    """An app as it shall be: its secrets, what it may call by pattern, and the users that it may name."""

    code: str
    secrets: Sequence[str] = field(repr=False)
    grants: Mapping[str, ImportedRight]
    impersonations: Mapping[str, ImportedRight]


@dataclass(frozen=True, slots=True)
class Written:
    """The numbers of what was written of an app."""

    apps: int = 0
    secrets: int = 0
    grants: int = 0
    impersonations: int = 0


class AppImport:
    """The import of apps into a database, by one who is named in the history."""

    def __init__(self, database: Database, registry: Registry, actor: Actor, now: int) -> None:
        """`now`: milliseconds since 1970."""
        self._database = database
        self._registry = registry
        self._actor = actor
        self._now = now

    async def bring(self, app: ImportedApp) -> Written:
        """Write what is missing of an app. RegistryError: then nothing of it is written. DatabaseAway."""
        is_there, missing = await self._missing(app)
        done = Written(int(not is_there), len(missing.secrets), len(missing.grants), len(missing.impersonations))
        if not any((done.apps, done.secrets, done.grants, done.impersonations)):
            return done
        async with self._registry.writing(self._actor) as write:
            if not is_there:
                await write.apps.create(app.code, secrets=missing.secrets)
            else:
                for secret in missing.secrets:
                    await write.secrets.add(app.code, secret)
            await write.grants.add_all(app.code, {key: right.terms for key, right in missing.grants.items()})
            for users, right in missing.impersonations.items():
                await write.impersonations.add(app.code, users, terms=right.terms)
        return done

    async def _missing(self, app: ImportedApp) -> tuple[bool, ImportedApp]:
        """Return True if the app is there, and what of it is not."""
        async with self._database.reading() as connection:

            async def rows(table: Table) -> Sequence[Any]:
                return (await connection.execute(select(table).where(table.c.app == app.code))).all()

            is_there = (await connection.execute(select(APP.c.code).where(APP.c.code == app.code))).first() is not None
            digests = {row.digest for row in await rows(APP_SECRET)}
            grants = {row.pattern: row for row in await rows(APP_GRANT)}
            impersonations = {row.users: row for row in await rows(IMPERSONATION) if row.components == "*"}
        secrets = [each for each in app.secrets if self._database.keys.digest(app.code, each) not in digests]
        return is_there, ImportedApp(
            app.code, secrets, self._lacking(app.grants, grants), self._lacking(app.impersonations, impersonations)
        )

    def _lacking(self, wanted: Mapping[str, ImportedRight], there: Mapping[str, Any]) -> dict[str, ImportedRight]:
        return {key: right for key, right in wanted.items() if key not in there or self._outlasts(right, there[key])}

    def _outlasts(self, right: ImportedRight, row: Any) -> bool:
        if row.not_after is None or not row.reason.startswith(IMPORTED):
            return False
        if right.goes_on:
            return bool(row.not_after <= self._now)
        return right.until is None or bool(right.until > row.not_after)
