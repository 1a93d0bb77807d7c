"""Apps of a database in the memory of a worker: all of them, as they were at one change. Nobody changes a snapshot."""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esb.contracts.explain import FOR_EVER, Grant
from esb.core.call import App
from esb.database.app_rows import AppRows, SecretRow
from esb.database.changes import Mark
from esb.database.keys import DatabaseKeys
from esb.services.apps._rights import Rights, frozen


class Entry:
    """An app of a snapshot: most apps call seldom, so what only calls need is made by the first of them.

    `proven` are the secrets that calls have proven to know: their digests need not be made again. Bench: send.
    """

    __slots__ = ("_rights", "proven", "rows")

    def __init__(self, rows: AppRows) -> None:
        self.rows = rows
        self.proven: dict[str, SecretRow] = {}
        self._rights: Rights | None = None

    def rights(self, now: float) -> App:
        """Return the app with the rights that it has now, in seconds since 1970. PermissionDenied."""
        rights = self._rights
        if rights is None:
            rights = self._rights = rights_of(self.rows)
        return rights.lasting or rights.at(now)

    def secret(self, secret: str, keys: DatabaseKeys) -> SecretRow | None:
        """Return what is known of this secret of the app; None if it is none of them."""
        offered = keys.digest(self.rows.code, secret)
        for row in self.rows.secrets:
            if hmac.compare_digest(row[1], offered):
                self.proven[secret] = row
                return row
        return None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All apps by code, as of the change `mark`, and the keys by which their secrets are verified."""

    apps: Mapping[str, Entry]
    mark: Mark
    keys: DatabaseKeys


def rights_of(rows: AppRows, told: Callable[..., str] = "{} of {} in the database".format) -> Rights:
    """Return the rights that these rows give. `told` describes a right by its kind and its globs, for explanations."""
    grants = [
        Grant((pattern,), _end(until), told("grant", pattern), -FOR_EVER if since is None else since / 1000)
        for pattern, since, until in rows.grants
    ]
    impersonations = [
        Grant((components,), _end(until), told("impersonation", f"{users} {components}"), users=users)
        for users, components, until in rows.impersonations
    ]
    app = App(
        rows.code,
        settings=frozen(json.loads(rows.settings)),
        opens_restricted=True,
        owners=rows.owners,
        callbacks=frozen(dict(rows.callbacks)),
    )
    place = f"app {rows.code} in the database"
    return Rights(app, grants, _end(rows.expires), impersonations=impersonations, disabled=rows.disabled, place=place)


def _end(milliseconds: int | None) -> float:
    return FOR_EVER if milliseconds is None else milliseconds / 1000
