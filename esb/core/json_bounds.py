"""Bounds of JSON, found before it is parsed: parsed, a few bytes become a hundred times as many.

Linear in the length, and over early for what is over the bounds. Nothing is checked that a parser checks.
"""

from itertools import accumulate
from typing import Literal

WINDOW = 2**16
"""The bytes looked at in one go: copies of them stay small."""
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


def _counted(raw: bytes, nodes: int, nesting: int) -> Literal["json_nodes", "nesting"] | None:
    """Count what stands outside of texts, window by window."""
    count, depth, quotes = 1, 0, 0
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
        outside = b"".join(pieces[in_text::2])
        in_text ^= not len(pieces) % 2
        quotes += len(pieces) - 1
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
