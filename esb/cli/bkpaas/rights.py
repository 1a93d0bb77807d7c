"""Apps of the old ESB with their secrets, what they may call, and who may call in others' names."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from esb.cli.bkpaas.channels import Channels
from esb.cli.bkpaas.parts import AppPart, Left, Secret
from esb.cli.bkpaas.tables import Tables
from esb.cli.bkpaas.values import Row, as_end, as_flag, as_moment, as_text, as_whole
from esb.config import name_of, path_fault
from esb.database.writer import is_secret

CONTROLLER = "esb_function_controller"
SKIP_USER_AUTH = "user_auth::skip_user_auth"
GATEWAY = "bk-esb"
"""The name that the dashboard has for the old ESB among its gateways."""
SECRETS = (("paas_app", "code", "auth_token"), ("esb_app_account", "app_code", "app_token"))
PERM, PERMISSION, RESOURCE = "esb_app_component_perm", "esb_app_component_permission", "permission_app_resource"
_UNKNOWN_APP = "neither paas_app nor esb_app_account knows this app"


@dataclass(slots=True)
class Right:
    """A right for one component, and the tables that know it."""

    end: datetime | None
    sources: dict[str, None]
    last_used: datetime | None


class Rights:
    """All apps and their rights. `left`: what cannot be had here."""

    def __init__(self, tables: Tables, channels: Channels, zone: tzinfo) -> None:
        self.left: list[Left] = []
        self.rights: dict[tuple[str, str], Right] = {}
        """By app and component."""
        self.numbers: dict[str, set[int]] = {}
        """The numbers of the channels that an app has a right to."""
        self.used: dict[int, datetime] = {}
        """The last use of a channel, by its number, as far as it is known."""
        self._tables = tables
        self._channels = channels
        self._zone = zone
        self._codes: dict[str, str] = {}
        """The code of an app, by how MySQL compares codes: case and blanks at the end do not count there."""
        self._other_spellings: set[str] = set()
        self._secrets: dict[str, dict[str, Secret]] = {}
        for table, code, secret in SECRETS:
            for row in tables.rows(table):
                self._add_secret(table, as_text(row[code]), secret, as_text(row[secret]))
        self._is_closed = "paas_app" in tables.seen
        self._add_rights(PERM, "app_code")
        self._add_rights(PERMISSION, "bk_app_code")
        self._add_resources()
        self.impersonators = self._impersonators()

    @property
    def apps(self) -> list[AppPart]:
        return [AppPart(code, tuple(secrets.values())) for code, secrets in sorted(self._secrets.items())]

    def _app(self, table: str, written: str, *, is_known: bool = False) -> str | None:
        """Return the code of an app as it is written first; None if there is no such app.

        Where bkauth has the secrets, an app is what any table names.
        """
        key = written.strip().casefold()
        code = self._codes.get(key)
        if code is not None and code != written and written not in self._other_spellings:
            self._other_spellings.add(written)
            text = f"is the app {code} by MySQL's rules; here a code counts as it is written, in its case too"
            self.left.append(Left("app", table, written, text))
        if code is None and (is_known or not self._is_closed):
            code = written.strip()
            if not code or re.search(r"\s", code) or not code.isprintable():
                return None
            self._codes[key] = code
            self._secrets[code] = {}
        return code

    def _add_secret(self, table: str, written: str, column: str, secret: str) -> None:
        code = self._app(table, written, is_known=True)
        if code is None:
            self.left.append(Left("app", table, written, "not carried over: its code has blanks in it, or none"))
        if code is None or not secret:
            return
        if not is_secret(secret):
            text = f"{column} is not carried over: it is too long, or has blanks at an end, or control characters"
            self.left.append(Left("secret", table, code, text))
            return
        self._secrets[code].setdefault(secret, Secret(f"{table}.{column}", secret))

    def _add_rights(self, table: str, column: str) -> None:
        for row in self._tables.rows(table):
            number = as_whole(row["component_id"])
            channel = self._channels.by_id.get(number) if number is not None else None
            written, last_used = as_text(row[column]), as_moment(row.get("last_accessed_time"), self._zone)
            if number is not None and last_used is not None:
                self.used[number] = max(self.used.get(number, last_used), last_used)
            if channel is None:
                self._leave(table, f"{written} -> component {number}", "there is no channel of this number", last_used)
            else:
                self._add(table, written, channel.name, {channel.number}, row, last_used)

    def _add_resources(self) -> None:
        """Add the rights that the dashboard keeps: a gateway's resource is bound to a component, by number or path."""
        bound = {as_whole(row["resource_id"]): row for row in self._tables.rows("esb_component_resource_binding")}
        own = {as_whole(row["id"]) for row in self._tables.rows("core_api") if as_text(row["name"]) == GATEWAY}
        for row in self._tables.rows(RESOURCE):
            resource, gateway = as_whole(row["resource_id"]), as_whole(row.get("api_id", row.get("gateway_id")))
            if own and gateway is not None and gateway not in own:
                continue  # another gateway's
            written = as_text(row["bk_app_code"])
            if (binding := bound.get(resource)) is None:
                if own:
                    self._leave(RESOURCE, f"{written} -> resource {resource}", "no component is bound to it", None)
                continue
            name, numbers = self._bound(binding)
            if name:
                self._add(RESOURCE, written, name, numbers, row, None)
            else:
                self._leave(RESOURCE, f"{written} -> resource {resource}", "its component has no channel", None)
        for row in self._tables.rows("permission_app_api"):
            if own and as_whole(row.get("api_id", row.get("gateway_id"))) in own:
                text = f"a right to the whole gateway {GATEWAY}: give the app a grant by hand"
                self.left.append(Left("grant", "permission_app_api", as_text(row.get("bk_app_code")), text))

    def _bound(self, binding: Row) -> tuple[str, set[int]]:
        """Return the component that a resource is bound to, "" for none, and the numbers of its channels."""
        number = as_whole(binding["component_id"]) or 0
        if (channel := self._channels.by_id.get(number)) is not None:
            return channel.name, {channel.number}
        if number or not (path := as_text(binding.get("component_path")).strip().strip("/")):
            return "", set()
        channels = self._channels.by_path.get(f"/{path}/")
        if channels:
            return channels[0].name, {channel.number for channel in channels}
        return ("", set()) if path_fault(f"/{path}/") else (name_of(f"/{path}/"), set())

    def _add(
        self, table: str, written: str, name: str, numbers: set[int], row: Row, last_used: datetime | None
    ) -> None:
        code = self._app(table, written)
        if code is None:
            self._leave(table, f"{written} -> {name}", _UNKNOWN_APP, last_used)
            return
        self.numbers.setdefault(code, set()).update(numbers)
        end = as_end(row["expires"], self._zone)
        known = self.rights.get((code, name))
        if known is None:
            self.rights[code, name] = Right(end, {table: None}, last_used)
            return
        if table == RESOURCE and RESOURCE not in known.sources:
            known.end = end  # the dashboard is right
        else:
            known.end = None if known.end is None or end is None else max(known.end, end)
        known.sources[table] = None
        known.last_used = max(filter(None, (known.last_used, last_used)), default=None)

    def _leave(self, table: str, name: str, text: str, last_used: datetime | None) -> None:
        self.left.append(Left("grant", table, name, f"not carried over: {text}", last_used))

    def _impersonators(self) -> list[str]:
        """Return the apps that may name any user without proof."""
        found: dict[str, None] = {}
        for row in self._tables.rows(CONTROLLER):
            if as_text(row["func_code"]).strip() != SKIP_USER_AUTH:
                continue
            names = [*_names(as_text(row["wlist"]))]
            if not as_flag(row["switch_status"]):
                text = f"switched off, so it opens nothing: {', '.join(names) or 'nobody is on it'}"
                self.left.append(Left("impersonation", CONTROLLER, SKIP_USER_AUTH, text))
                continue
            for name in names:
                if (code := self._app(CONTROLLER, name)) is not None:
                    found[code] = None
                else:
                    self.left.append(Left("impersonation", CONTROLLER, name, f"not carried over: {_UNKNOWN_APP}"))
        return sorted(found)


def _names(wlist: str) -> Iterator[str]:
    """Yield the names of a list: JSON, or separated by commas and semicolons."""
    try:
        listed = json.loads(wlist)
    except ValueError:
        listed = None
    names = listed if isinstance(listed, list) else re.split(r"[,;\n]+", wlist)
    yield from dict.fromkeys(name for each in names if (name := str(each).strip(" \t\r\"'[]")))
