"""The apps that somebody owns, and what an owner may see of them: no secret, nothing of those who run the gateway."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from esb.config import Config, Stanza
from esb.core.redaction import REDACTED
from esb.gateway import plugin_loader
from esb.portal.page import Refused
from esb.portal.parts import Operators
from esb.services.apps._rights import AppRights

MOST_ROWS = 300
"""Rows of calls by day that a page shows, the newest first."""
READER = "developer"
"""The name of whoever reads here, for operations that want one; nothing is written in it."""


class OwnedApps:
    """The apps of the configuration of the moment, and of the database, by their owners."""

    def __init__(self, config: Callable[[], Config], operators: Operators) -> None:
        self._config = config
        self._operators = operators
        self._read: tuple[Config, Mapping[str, AppRights]] | None = None

    async def all(self, owner: str) -> list[dict[str, Any]]:
        """Return the apps of this user, in a line each. Refused if the database cannot be asked."""
        mine = {code: _line(app) for code, app in self._static.items() if owner in app.owners}
        if self._has_database:
            for row in (await self._asked("/-/apps", {}))["apps"]:
                if owner in row["owners"] and row["code"] not in self._static:
                    mine[row["code"]] = {key: row[key] for key in ("code", "disabled", "expires", "last_used")}
        return [mine[code] for code in sorted(mine)]

    async def one(self, owner: str, code: str) -> dict[str, Any]:
        """Return what the owner of an app may see of it. Refused, as for one that is not there, if it is another's."""
        app = self._static.get(code)
        if app is not None and owner in app.owners:
            return _of_configuration(app)
        if app is None and self._has_database:
            found = await self._asked("/-/apps/{code}", {"code": code})
            if found is not None and owner in found["owners"]:
                use = await self._asked("/-/apps/{code}/use", {"code": code})
                return _of_database(found, [] if use is None else use["use"])
        raise Refused(404, "There is no app of yours with this code.")

    @property
    def _stanzas(self) -> tuple[Stanza, ...]:
        stanza = self._config().services.get("apps")
        return () if stanza is None else stanza.asked

    @property
    def _has_database(self) -> bool:
        return any(stanza.use == "sql" for stanza in self._stanzas)

    @property
    def _static(self) -> Mapping[str, AppRights]:
        """The apps that stand in esb.yaml and the files it includes."""
        config = self._config()
        if self._read is None or self._read[0] is not config:
            self._read = config, {app.code: app for stanza in reversed(self._stanzas) for app in _apps(stanza)}
        return self._read[1]

    async def _asked(self, path: str, variables: Mapping[str, str]) -> Any:
        """Return the answer of an operation; None if there is no such app."""
        answer = await self._operators.ask("GET", path, READER, {}, variables)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise Refused(503, "The apps cannot be read now. Try again in a moment.")
        return answer.value


def _apps(stanza: Stanza) -> Iterator[AppRights]:
    """Yield the apps that a stanza of services.apps holds itself, of whatever back end."""
    if stanza.use in ("static", "bk_auth"):
        _, config = plugin_loader.configured("services", stanza, "apps")
        yield from getattr(config, "apps", ())


def _line(app: AppRights) -> dict[str, Any]:
    expires = None if app.expires is None else app.expires.isoformat()
    return {"code": app.code, "disabled": app.disabled, "expires": expires, "last_used": None}


def _of_configuration(app: AppRights) -> dict[str, Any]:
    grants = [
        {"pattern": glob, "until": None if grant.until is None else grant.until.isoformat()}
        for grant in app.grants
        for glob in grant.components
    ]
    always = app.components if "components" in app.model_fields_set or not app.grants else ()
    secrets = getattr(app, "secrets", ())
    return {
        **_line(app),
        "owners": list(app.owners),
        "grants": [*({"pattern": glob, "until": None} for glob in always), *grants],
        "impersonations": [{"users": glob, "components": "*", "until": None} for glob in app.impersonate],
        "callbacks": [_callback(name, url.get_secret_value()) for name, url in app.callbacks.items()],
        "secrets": [{"id": number, "until": None, "last_used": None} for number, _ in enumerate(secrets, 1)],
        "use": [],
        "is_counted": False,
    }


def _of_database(app: Mapping[str, Any], use: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **{key: app[key] for key in ("code", "disabled", "expires", "last_used", "owners")},
        "grants": [{key: each[key] for key in ("pattern", "until")} for each in app["grants"]],
        "impersonations": [
            {key: each[key] for key in ("users", "components", "until")} for each in app["impersonations"]
        ],
        "callbacks": [{key: each.get(key) for key in ("name", "url", "off")} for each in app["callbacks"]],
        "secrets": [{key: each[key] for key in ("id", "until", "last_used")} for each in app["secrets"]],
        "use": _by_day(use),
        "is_counted": True,
    }


def _by_day(use: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls of each day by component, of whatever secret, the newest day first."""
    counts: dict[tuple[str, str], int] = {}
    for row in use:
        key = (row["day"], row["component"] or "")
        counts[key] = counts.get(key, 0) + row["calls"]
    rows = [{"day": day, "component": component, "calls": calls} for (day, component), calls in counts.items()]
    return rows[:MOST_ROWS]


def _callback(name: str, url: str) -> dict[str, str | None]:
    """Return a callback; a query of its address may be a key, and is not shown."""
    address, question, _ = url.partition("?")
    return {"name": name, "url": f"{address}?{REDACTED}" if question else address, "off": None}
