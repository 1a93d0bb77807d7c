"""Time zones, as esb.yaml and the environment variable TZ name them."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

_RULE = re.compile(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?[0-9].*")
"""A rule instead of a name, such as CST-8 (POSIX.1, section 8.3)."""


def known_zone(name: str) -> str:
    """Return the name of a time zone. ValueError for what is none."""
    try:
        ZoneInfo(name)
    except KeyError:  # ZoneInfoNotFoundError, which pydantic would not report
        raise ValueError("there is no such time zone; expected a name such as Asia/Shanghai or UTC") from None
    except (OSError, ValueError):
        raise ValueError("expected the name of a time zone, such as Asia/Shanghai or UTC") from None
    return name


def is_known_tz(value: str) -> bool:
    """Return True for a value of TZ that the C library understands: any other it takes for UTC without a word."""
    name = value.removeprefix(":")
    if not name or _RULE.fullmatch(name):
        return True
    if name.startswith("/"):
        return Path(name).is_file()
    try:
        known_zone(name)
    except ValueError:
        return False
    return True
