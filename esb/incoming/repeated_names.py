"""Names that stand more than once in one object of a JSON body. Of their values the last one counts, as ever.

They are looked for in bodies that somebody may have written by hand, or by a template: in several lines, or with
another Content-Type than that of JSON. Programs that write a dictionary repeat no name, and looking costs more than a
hundredth of a send. Bench: send.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from esb.core.errors import Message
from esb.core.json_bounds import outside_texts
from esb.incoming.odd_body import OddParameters
from esb.incoming.parameter_warnings import LONGEST_NAME, MOST_NAMED, SEVERAL_VALUES, warning

LONGEST = 2**16
"""Bytes of a body in which they are looked for: nobody writes a longer one by hand, and nothing else repeats a name."""


class _Pairs(list[tuple[str, Any]]):
    """The names and values of an object, in their order."""


def noted(parameters: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Return the parameters of a JSON object, with a warning for each name that is repeated in `body`."""
    if len(body) > LONGEST or type(parameters) is not dict:
        return parameters
    outside = b"".join(piece for piece, _ in outside_texts(body))
    if outside.count(b":") == _number_of_names(parameters):
        return parameters
    what = Message(SEVERAL_VALUES)
    names = islice(_repeated(json.loads(body, object_pairs_hook=_Pairs)), MOST_NAMED)
    return OddParameters(parameters, None, tuple(warning(name, what) for name in names))


def _number_of_names(parameters: Mapping[str, Any]) -> int:
    number = 0
    waiting: list[Any] = [parameters]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            number += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return number


def _repeated(value: Any, at: str = "") -> Iterator[str]:
    """Yield the names that are repeated in an object, and in those that it holds, each with its place."""
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        told: set[str] = set()
        for name, inner in value:
            place = f"{at}{name[:LONGEST_NAME]}"
            if name in seen and name not in told:
                told.add(name)
                yield place
            seen.add(name)
            yield from _repeated(inner, f"{place}.")
    elif isinstance(value, list):
        for item in value:
            yield from _repeated(item, at)
