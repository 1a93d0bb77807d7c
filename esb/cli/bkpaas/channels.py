"""Channels of the old ESB: their paths, the names that rights give them here, and who may call them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from esb.cli.bkpaas.parts import Channel, Collision, Left
from esb.cli.bkpaas.tables import Tables
from esb.cli.bkpaas.values import Row, as_flag, as_json, as_text, as_whole
from esb.cli.component_names import Declared, distinct_names
from esb.config import METHODS, VARIABLE, name_of, path_fault

OPEN, NORMAL = 0, 1
LEVELS: Mapping[str, int] = {"": OPEN, "unlimited": OPEN, "normal": NORMAL, "sensitive": 2, "special": 3}


class Channels:
    """All channels, by their number and by their path. `left`: those that cannot be had here."""

    def __init__(self, tables: Tables, others: Sequence[Declared]) -> None:
        """Take the tables, and what else will have a path here, so that no two get one name."""
        self.left: list[Left] = []
        timeouts = timeouts_of(tables)
        found = [channel for row in tables.rows("esb_channel") if (channel := self._channel(row, timeouts)) is not None]
        declared = [Declared(each.path, each.declared_name, _apart(each)) for each in found]
        self.names = distinct_names([*declared, *others])
        named = [replace(each, name=self.names.get(each.path, name_of(each.path))) for each in found]
        self.by_id = {channel.number: channel for channel in named}
        self.by_path: dict[str, list[Channel]] = {}
        for channel in named:
            self.by_path.setdefault(channel.path, []).append(channel)

    def __iter__(self) -> Iterator[Channel]:
        return iter(self.by_id.values())

    @property
    def open(self) -> set[str]:
        """The components that every app may call."""
        return {channel.name for channel in self} - self.closed

    @property
    def closed(self) -> set[str]:
        """The components that need a right."""
        return {channel.name for channel in self if channel.level != OPEN}

    def collisions(self, rights: Mapping[str, set[int]]) -> Iterator[Collision]:
        """Yield the names that several channels have, or that not their path gives.

        `rights`: the numbers of the channels that each app has a right to.
        """
        groups: dict[str, list[Channel]] = {}
        for channel in self:
            groups.setdefault(channel.name, []).append(channel)
        for name, group in sorted(groups.items()):
            numbers = {channel.number for channel in group}
            if len(group) > 1:
                gains = sorted(app for app, has in rights.items() if 0 < len(has & numbers) < len(numbers))
                is_open = all(channel.level == OPEN for channel in group)
                yield Collision(name, tuple(group), "one right opens all of them", () if is_open else tuple(gains))
            elif name != name_of(group[0].path):
                usual = name_of(group[0].path)
                text = f"its path gives the name {usual}, which others have too: say `name:`"
                yield Collision(name, tuple(group), text)

    def _channel(self, row: Row, timeouts: Mapping[tuple[int | None, int], int]) -> Channel | None:
        number, path = as_whole(row["id"]), _path(row)
        fault = path_fault(path)
        if number is None or fault is not None:
            self.left.append(Left("channel", "esb_channel", path, f"not carried over: {fault or 'it has no number'}"))
            return None
        kind = as_whole(row.get("type")) or 2
        system = as_whole(row.get("component_system_id", row.get("system_id")))
        own = as_whole(row.get("timeout_time", row.get("timeout")))
        is_limited = as_flag(row.get("rate_limit_required"), default=False)
        return Channel(
            number=number,
            path=path,
            name="",
            methods=_methods(as_text(row.get("method"))),
            codename=as_text(row["component_codename"]).strip(),
            is_active=as_flag(row.get("is_active")),
            level=_level(row),
            timeout=own or timeouts.get((system, kind)) or None,
            config=_config(row),
            limits=as_json(row.get("rate_limit_conf")) if is_limited else None,
            declared_name=as_text(row.get("component_name") or row.get("name")).strip(),
        )


def routes_of(tables: Tables) -> set[tuple[str, str]]:
    """Return the routes that channels have: paths without the names of variables, and methods."""
    return {
        (VARIABLE.sub("{}", _path(row)), method)
        for row in tables.rows("esb_channel")
        for method in _methods(as_text(row.get("method"))) or ("GET", "POST")
    }


def _path(row: Row) -> str:
    return f"/{as_text(row['path']).strip().strip('/')}/"


def _apart(channel: Channel) -> str:
    """Return what keeps versions of a component apart: one right for both would open what was closed."""
    return "open" if channel.level == OPEN else ""


def timeouts_of(tables: Tables) -> dict[tuple[int | None, int], int]:
    """Return the seconds of systems, by their number and the type of the channel; 0 if none are set."""
    timeouts = {}
    for row in tables.rows("esb_component_system"):
        number = as_whole(row["id"])
        for kind, key in ((1, "execute_timeout"), (2, "query_timeout")):
            timeouts[number, kind] = as_whole(row.get(key, row.get("timeout"))) or 0
    return timeouts


def _level(row: Row) -> int:
    level = row["perm_level"] if "perm_level" in row else row.get("permission_level")
    number = as_whole(level)
    return LEVELS.get(as_text(level).strip().lower(), NORMAL) if number is None else number


def _methods(text: str) -> tuple[str, ...]:
    words = re.findall(r"[A-Za-z]+", text.upper())
    return tuple(dict.fromkeys(word for word in words if word in METHODS))


def _config(row: Row) -> dict[str, Any]:
    """Return the configuration of a channel: a JSON object, or a list of pairs in JSON or Python; {} if it is none."""
    found = as_json(row.get("config") or row.get("comp_conf"))
    try:
        return {str(key): value for key, value in dict(found or {}).items()}
    except (TypeError, ValueError):
        return {}
