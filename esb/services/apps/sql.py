"""services.apps, use: sql: apps, secrets and rights that `esb app`, `esb grant` and others write into the database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from esb.config import ConfigModel
from esb.contracts.explain import Decision, Question, refused, unknown
from esb.contracts.services import NumberedSecrets, ProcessServices, Service
from esb.core.call import App, Call
from esb.core.clock import utc_text
from esb.core.errors import Message, UpstreamError
from esb.core.lru import Recent
from esb.core.reasons import Reason
from esb.database.app_rows import AppRows
from esb.database.app_views import AppViews
from esb.database.engine import DatabaseAway
from esb.database.registry_errors import AppUnknown
from esb.services._refusals import bad_secret, cannot_sign, unknown_app
from esb.services.apps._feed import AppFeed
from esb.services.apps._snapshot import Entry, Snapshot, rights_of

MOST_UNSEALED = 1000
"""The most secrets of apps that sign which are kept unsealed: to unseal one takes as long as ten signatures."""
STALE_SECONDS = 5.0
"""The age of the apps that is told as trouble: some looks for changes have failed by then."""


class SqlAppsConfig(ConfigModel):
    """The time for which apps count while the database is away."""

    max_age: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="seconds for which the apps that were read last count while the database is away; then every call"
        " is refused. Left out: for ever",
    )


class SqlApps(Service[SqlAppsConfig]):
    """The apps of `services.database`, all of them in memory: no call waits for the database."""

    service = "apps"
    config_type = SqlAppsConfig

    def __init__(self, config: SqlAppsConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._feed = AppFeed(services)
        self._max_age = config.max_age
        self._unsealed: Recent[tuple[str, bytes], bytes] = Recent(MOST_UNSEALED)  # by app: another's opens nothing

    async def open(self) -> None:
        await self._feed.open()

    @property
    def snapshot_age(self) -> float:
        """The seconds since the database last confirmed the apps."""
        return self._feed.age

    async def health(self) -> str:
        feed = self._feed
        if feed.snapshot is None:
            return "they could not be read yet"
        if feed.age < STALE_SECONDS:
            return ""
        return f"they are as they were {feed.age:.0f} s ago" + (", and so refused" if self._is_too_old() else "")

    async def close(self) -> None:
        await self._feed.close()

    async def verify(self, call: Call, code: str, secret: str) -> App:
        snapshot = self._feed.snapshot
        if snapshot is None or self._max_age is not None:
            snapshot = self._snapshot()
        entry = snapshot.apps.get(code)
        if entry is None:
            raise unknown_app(code)
        row = entry.proven.get(secret) or entry.secret(secret, snapshot.keys)
        if row is None:
            raise bad_secret(code)
        number, _, _, ends = row
        now = self.services.clock.since_1970()
        if ends is not None and ends <= now * 1000:
            raise bad_secret(code, ended=ends / 1000)
        call.record.secret_number = call.record.secret_id = number
        return entry.rights(now)

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        snapshot = self._snapshot()
        rows = _entry(snapshot, code).rows
        if rows.hash_only:
            raise cannot_sign(code)
        now = self.services.clock.since_1970() * 1000
        found = {
            number: self._unseal(snapshot, code, sealed)
            for number, _, sealed, ends in rows.secrets
            if sealed is not None and (ends is None or now < ends)
        }
        return NumberedSecrets(found)

    async def rights(self, call: Call, code: str) -> App:
        return _entry(self._snapshot(), code).rights(self.services.clock.since_1970())

    async def explain(self, question: Question) -> Decision:
        """Return what becomes of a call of this app; each right tells who gave it, when and why, if that is known."""
        code, snapshot = question.app_code, self._feed.snapshot
        try:
            entry = await self._feed.one(code) if snapshot is None else snapshot.apps.get(code)
        except DatabaseAway as away:
            return unknown(str(away))
        if entry is None:
            return refused(unknown_app(code))
        rights = rights_of(entry.rows, await self._told(code))
        return rights.explained(question, _secrets_told(entry.rows, question.at))

    def _snapshot(self) -> Snapshot:
        """Return the newest snapshot; UpstreamError if there is none, or none that still counts."""
        snapshot = self._feed.snapshot
        if snapshot is None or self._is_too_old():
            raise UpstreamError(
                "database",
                "apps",
                Message("the apps cannot be read now"),
                sent=False,
                transient=True,
                call_reason=Reason.STORE,
            )
        return snapshot

    def _is_too_old(self) -> bool:
        return self._max_age is not None and self._feed.age > self._max_age

    def _unseal(self, snapshot: Snapshot, code: str, sealed: bytes) -> bytes:
        secret = self._unsealed.used((code, sealed))
        if secret is None:
            plain = snapshot.keys.unseal(sealed, code)
            if plain is None:
                raise UpstreamError(
                    "database",
                    "secrets",
                    Message("none of the keys opens a secret of this APP"),
                    sent=False,
                    call_reason=Reason.STORE,
                )
            secret = self._unsealed[code, sealed] = plain.encode()
        return secret

    async def _told(self, code: str) -> Callable[..., str]:
        """Return what tells of a right, by its kind and globs, who gave it, when and why."""
        told: dict[tuple[str, str], str] = {}
        try:
            async with self._feed.database.reading() as connection:
                views = AppViews(connection)
                for row in await views.grants(code):
                    told["grant", row["pattern"]] = _right_told("grant", row)
                for row in await views.impersonations(code):
                    told["impersonation", f"{row['users']} {row['components']}"] = _right_told("impersonation", row)
        except (AppUnknown, DatabaseAway):  # unknown: it was deleted a moment ago
            pass  # then the right alone is told
        return lambda kind, globs: told.get((kind, globs), f"{kind} of {globs} in the database")


def _entry(snapshot: Snapshot, code: str) -> Entry:
    try:
        return snapshot.apps[code]
    except KeyError:
        raise unknown_app(code) from None


def _right_told(kind: str, row: Mapping[str, Any]) -> str:
    reason = f": {row['reason']}" if row["reason"] else ""
    return f"{kind} {row['id']} in the database, given by {row['granted_by']} at {row['created']}{reason}"


def _secrets_told(rows: AppRows, now: float) -> str:
    """Say which of an app's secrets count at this moment, in seconds since 1970."""
    told = [
        f"secret {number} {'without an end' if ends is None else f'until {utc_text(ends / 1000)}'}"
        for number, _, _, ends in rows.secrets
        if ends is None or now * 1000 < ends
    ]
    kept = ", as digests only: it cannot sign" if rows.hash_only else ""
    return (", ".join(told) or "no secret counts now") + kept
