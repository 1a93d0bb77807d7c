"""Rate limits of channels: {"app_ratelimit": {"__default": {"token": 100, "minute": 1}, "APP": …}}."""

from collections.abc import Callable, Iterator
from typing import Any

from esb.cli.bkpaas.parts import Limit, Limits
from esb.cli.bkpaas.values import as_whole

DEFAULT = "__default"
MINUTES = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": 1440, "days": 1440}
MOST, LONGEST = 100_000, 1440
"""The calls and the minutes that a limit may have here."""


def limits_of(written: Any, note: Callable[[str], None]) -> Limits | None:
    """Return the limits of a channel; None if it has none. `note` hears of those that there are not here."""
    if not written:
        return None
    rates = written.get("app_ratelimit") if isinstance(written, dict) else None
    if not isinstance(rates, dict):
        note("rate_limit_conf is not carried over: it is not of the form {app_ratelimit: {APP: {token, minute}}}")
        return None
    found = {str(app): tuple(_limits(str(app), rules, note)) for app, rules in rates.items()}
    default = found.pop(DEFAULT, ())
    apps = {app: limits for app, limits in found.items() if limits}
    return Limits("", default, apps, is_written=False) if default or apps else None


def _limits(app: str, rules: Any, note: Callable[[str], None]) -> Iterator[Limit]:
    """Yield the rules of an app: one or a list, each with one or several windows."""
    for rule in rules if isinstance(rules, list) else [rules]:
        windows = {key: as_whole(value) for key, value in rule.items()} if isinstance(rule, dict) else {}
        tokens = windows.pop("tokens", None) or windows.pop("token", None)
        windows.pop("token", None)
        sound = {key: length * MINUTES[key] for key, length in windows.items() if length and key in MINUTES}
        if tokens is None or not windows or len(sound) < len(windows):
            note(f"a limit of {app} is not carried over: it needs a token, and a window of minutes, hours or days")
            continue
        for minutes in sound.values():
            if 1 <= tokens <= MOST and minutes <= LONGEST:
                yield Limit(tokens, minutes)
            else:
                note(f"a limit of {app} is not carried over: at most {MOST} calls and {LONGEST} minutes are counted")
