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


def moment(language: str, milliseconds: int | None) -> str:
    """Return a moment, given in milliseconds since 1970, as `2026-11-30 18:04:23` in UTC; – for none."""
    if milliseconds is None:
        return "–"
    return datetime.fromtimestamp(milliseconds / MILLISECONDS, UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(language: str, milliseconds: int | None) -> str:
    """Return how long ago a moment was, or how soon it is, in its largest unit: `3 h ago`, `in 2 d`; – for none."""
    if milliseconds is None:
        return "–"
    seconds = time.time() - milliseconds / MILLISECONDS
    unit, size = next(((unit, size) for unit, size in SECONDS_OF if abs(seconds) >= size), SECONDS_OF[-1])
    text = translations(language).gettext
    pattern = text("%(span)s ago") if seconds >= 0 else text("in %(span)s")
    return pattern % {"span": f"{abs(seconds) // size:.0f} {text(unit)}"}


def as_json(language: str, value: Any) -> str:
    """Return a value as JSON that people read."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


FILTERS: dict[str, Callable[..., str]] = {"moment": moment, "ago": ago, "as_json": as_json}
