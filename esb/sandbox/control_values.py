"""Readers of the control API's JSON; every mistake says where it is, what was expected and what was found."""

from collections.abc import Collection
from difflib import get_close_matches


class BadControl(Exception):
    """The control API was called with something it does not understand."""


def wrong(value: object, where: str, expected: str) -> BadControl:
    return BadControl(f"{where}: expected {expected}, found {value!r}")


def mapping(value: object, where: str, allowed: Collection[str] | None = None) -> dict[str, object]:
    """Return an object; with `allowed`, one that has no other keys. BadControl if it is none."""
    if not isinstance(value, dict):
        raise wrong(value, where, "an object")
    if allowed is not None:
        for key in value:
            if key not in allowed:
                raise BadControl(f"{where}: unknown key {key!r}{suggestion(key, allowed)}")
    return value


def suggestion(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else f"; known: {', '.join(known)}"


def items(value: object, where: str) -> list[tuple[object, str]]:
    """Yield the items of a list, each with its own place."""
    if not isinstance(value, list):
        raise wrong(value, where, "a list")
    return [(item, f"{where}[{index}]") for index, item in enumerate(value)]


def text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise wrong(value, where, "a non-empty string")
    return value


def texts(value: object, where: str) -> list[str]:
    return [text(item, place) for item, place in items(value, where)]


def flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(value, where, "true or false")
    return value


def whole(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong(value, where, "a whole number, 0 or more")
    return value


def amount(value: object, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise wrong(value, where, "a number, 0 or more")
    return value


def probability(value: object, where: str) -> float:
    if amount(value, where) > 1:
        raise wrong(value, where, "a probability between 0 and 1")
    return amount(value, where)


def one_of(value: object, where: str, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise wrong(value, where, " or ".join(repr(choice) for choice in choices))
    return value
