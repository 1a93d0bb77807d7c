"""Values as pages write them; each takes the language first."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from esb.core.messages import template
from esb.portal.language import translations

MILLISECONDS = 1000
SECONDS_OF = ((template("d"), 86400), (template("h"), 3600), (template("min"), 60), (template("s"), 1))


def moment(language: str, when: int | str | None) -> str:
    """Return a moment as `2026-11-30 18:04:23` in UTC; – for none.

    It is given in milliseconds since 1970, or as operations tell it: 2026-11-30T18:04:23Z.
    """
    return "–" if when is None else _time(when).strftime("%Y-%m-%d %H:%M:%S")


def ago(language: str, when: int | str | None) -> str:
    """Return how long ago a moment was, or how soon it is, in its largest unit: `3 h ago`, `in 2 d`; – for none."""
    if when is None:
        return "–"
    seconds = time.time() - _time(when).timestamp()
    unit, size = next(((unit, size) for unit, size in SECONDS_OF if abs(seconds) >= size), SECONDS_OF[-1])
    text = translations(language).gettext
    pattern = text("%(span)s ago") if seconds >= 0 else text("in %(span)s")
    return pattern % {"span": f"{abs(seconds) // size:.0f} {text(unit)}"}


def _time(when: int | str) -> datetime:
    return datetime.fromisoformat(when) if isinstance(when, str) else datetime.fromtimestamp(when / MILLISECONDS, UTC)


def as_json(language: str, value: Any) -> str:
    """Return a value as JSON that people read."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


FILTERS: dict[str, Callable[..., str]] = {"moment": moment, "ago": ago, "as_json": as_json}
