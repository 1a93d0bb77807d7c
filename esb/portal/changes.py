"""Rows of the history as people read them: what was, and what is, key by key."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Changed(NamedTuple):
    """A key of an app, a secret or a right, before and after; "" for nothing."""

    key: str
    before: str
    after: str


def with_changes(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, each with what it has changed."""
    return [{**row, "changed": changed(row["before"], row["after"])} for row in rows]


def changed(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Changed]:
    """Return what differs, and what was made or taken away with all that it had."""
    old, new = before or {}, after or {}
    keys = dict.fromkeys([*new, *old])
    every = [Changed(key, _text(old.get(key)), _text(new.get(key))) for key in keys]
    if before is None or after is None:  # where "false" is how everything begins
        return [each for each in every if {each.before, each.after} - {"", "false"}]
    return [each for each in every if each.before != each.after]


def _text(value: Any) -> str:
    if value is None or value in ([], {}, ""):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
