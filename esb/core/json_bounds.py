"""Bounds of JSON, found before it is parsed: parsed, a few bytes become a hundred times as many.

Linear in the length, and over early for what is over the bounds. Nothing is checked that a parser checks.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Literal

WINDOW = 2**16
"""The bytes looked at in one go: copies of them stay small."""
LEAST, MOST = -(2**63), 2**64 - 1
"""The whole numbers that every JSON parser reads as they are. Of others orjson makes the nearest float."""


def _beyond(limit: str) -> str:
    """Return a regular expression for the whole numbers above this one."""
    larger = [
        f"{limit[:at]}[{int(digit) + 1}-9][0-9]{{{len(limit) - at - 1}}}"
        for at, digit in enumerate(limit)
        if digit != "9"
    ]
    return "|".join([f"[0-9]{{{len(limit) + 1},}}+", *larger])


_SHORTEST = len(str(-LEAST))
"""The digits of the shortest whole number beyond these."""
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
LONG_RUN = b"0" * _SHORTEST
"""The digits of such a number after AS_RUNS."""
AS_RUNS = bytes.maketrans(b"123456789" + _NO_DIGITS, b"0" * 9 + b" " * len(_NO_DIGITS))
"""A table for `translate`: of every digit it makes 0, and of all else a blank."""
_SEPARATED = bytes.maketrans(b"[: \t\r\n", b",,,,,,")
_LONG = re.compile(rf",(?:-(?:{_beyond(str(-LEAST))})|{_beyond(str(MOST))})(?![0-9.eE])".encode())
"""A number beyond the limits behind a separator: a comma only, which is found fastest."""
_BRACKETS = b"{}[]"
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_STEPS = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


def exceeded(raw: bytes, nodes: int, nesting: int) -> Literal["json_nodes", "nesting"] | None:
    """Return the bound that this JSON exceeds; None for what is within both, or is no JSON.

    `nodes` bounds values and names, `nesting` the levels of objects and arrays. Bench: send.
    """
    size = len(raw)
    if size <= 2 * nesting and size <= nodes:
        return None  # a level takes two bytes, a value one
    commas = raw.count(b",") if size > nodes else 0
    if commas < nodes:
        opening = raw.count(b"{") + raw.count(b"[")
        if opening <= nesting and (size <= nodes or commas + opening + raw.count(b":") < nodes):
            return None  # nearly always, whatever stands in texts
    return _counted(raw, nodes, nesting)


def has_long_integer(raw: bytes) -> bool:
    """Return True if a whole number in this JSON object is beyond LEAST and MOST, and would come as another one.

    It has none if LONG_RUN is not found in `raw.translate(AS_RUNS)`. (By `find`: `in` makes and drops an error.)
    """
    for start in range(0, len(raw), WINDOW):
        if raw[start : start + WINDOW + _SHORTEST].translate(AS_RUNS).find(LONG_RUN) >= 0:
            outside = b"".join(piece for piece, _ in outside_texts(raw))
            return _LONG.search(outside.translate(_SEPARATED)) is not None
    return False


def _counted(raw: bytes, nodes: int, nesting: int) -> Literal["json_nodes", "nesting"] | None:
    """Count what stands outside of texts, window by window."""
    count, depth, quotes = 1, 0, 0
    for outside, more in outside_texts(raw):
        quotes += more
        opening = outside.count(b"{") + outside.count(b"[")
        count += opening + outside.count(b",") + outside.count(b":")
        if depth + opening > nesting:
            levels = [*accumulate(map(_STEPS.__getitem__, outside.translate(None, _NO_BRACKETS)), initial=depth)]
            if max(levels) > nesting:
                return "nesting"
            depth = levels[-1]
        else:
            depth += opening - outside.count(b"}") - outside.count(b"]")
        if count > nodes or quotes > 2 * nodes:
            return "json_nodes"
        if depth < 0:
            return None  # a parser comes no further
    return None


def outside_texts(raw: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield what stands outside of texts in each window, and the number of quotes there."""
    in_text = is_escaped = False
    for start in range(0, len(raw), WINDOW):
        window = raw[start + is_escaped : start + WINDOW]
        is_escaped = False
        if b"\\" in window:
            if b"\\\\" in window:
                window = window.replace(b"\\\\", b"xx")  # as long as before: that is faster
            if b"\\" in window:
                is_escaped = window.endswith(b"\\")
                window = window.replace(b'\\"', b"xx")
        pieces = window.split(b'"')
        yield b"".join(pieces[in_text::2]), len(pieces) - 1
        in_text ^= not len(pieces) % 2
