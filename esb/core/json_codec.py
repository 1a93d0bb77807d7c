"""JSON in and out: orjson where it is installed, the standard library elsewhere, with the same strictness.

Strict means: no NaN or Infinity, no lone surrogates, no bytes that are not UTF-8, no nesting without end.
"""

import json
import math
from collections.abc import Callable
from enum import Enum
from typing import Any
from uuid import UUID

from esb.core.json_bounds import has_long_integer

try:
    import orjson
except ImportError:  # pragma: no cover - tests/core/test_json_codec.py imports the module without orjson
    orjson = None  # type: ignore[assignment]  # the fallback below needs nothing of it
else:
    _NOTHING_FANCY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


class NestedTooDeep(TypeError):
    """A value with more levels than can be encoded, though it was decoded perhaps: at least 250 levels can be."""


def encode(value: Any, write: Callable[[Any], Any] | None = None) -> bytes:
    """Encode this value as UTF-8 JSON, not ASCII-escaped. TypeError if it is no JSON value, or NestedTooDeep.

    `write` gives the JSON value of what is none itself, or raises TypeError. What is JSON already never gets there.
    """
    if orjson is not None:
        try:
            return orjson.dumps(value, default=write, option=_NOTHING_FANCY)
        except TypeError:
            pass  # integers over 64 bits and keys that are no text: the standard library writes them
    return encode_plain(value, write)


def encode_to_keep(value: Any) -> bytes:
    """Encode what is kept while others are waited for: bytes of orjson's own hold 4 KB, however short the text is.

    Bench: inflight.py.
    """
    return b"".join((encode(value), b""))


def decode_lenient(raw: bytes) -> Any:
    """Decode JSON as far as it can be had: a BOM, control characters, broken UTF-8, lone surrogates are passed over.

    For answers of upstreams, who send all of these. ValueError if nothing can be had.
    """
    try:
        return decode(raw)
    except ValueError:
        pass
    try:
        value = json.loads(raw.decode("utf-8-sig", "replace"), strict=False)
        return _without_lone_surrogates(value) if b"\\u" in raw else value
    except RecursionError:
        raise ValueError("nested too deep") from None


def decode_exact(raw: bytes) -> Any:
    """Decode JSON of an upstream whose numbers and texts are passed on: whole numbers beyond 64 bits stay as they are.

    As `decode_lenient`, it passes over a BOM, control characters and lone surrogates. ValueError if it cannot be had,
    and for bytes that are no UTF-8, NaN and numbers beyond all floats: something else would stand in their place.
    """
    if not has_long_integer(b"[" + raw):
        try:
            return decode(raw)
        except ValueError:
            pass
    text = raw.decode("utf-8-sig")
    try:
        value = json.loads(text, strict=False, parse_constant=_refuse_constant, parse_float=_number)
        return _without_lone_surrogates(value) if b"\\u" in raw else value
    except RecursionError:
        raise ValueError("nested too deep") from None


def decode_plain(raw: bytes | str) -> Any:
    """Decode as `decode` does, with the standard library."""
    if isinstance(raw, str):
        raw = raw.encode()  # its UnicodeEncodeError is a ValueError
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant, parse_float=_number, parse_int=_integer)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if b"\\u" in raw:
        try:
            encode_plain(value)
        except TypeError:
            raise ValueError("an escaped lone surrogate has no UTF-8 form") from None
    return value


decode: Callable[[bytes | str], Any] = decode_plain if orjson is None else orjson.loads
"""Decode JSON, UTF-8 bytes or text. ValueError if it is not JSON, or not strictly so; text may hold what no UTF-8 can.

The very function, not one around it: each call decodes twice at least. Bench: send.
"""


def encode_plain(value: Any, write: Callable[[Any], Any] | None = None) -> bytes:
    """Encode as `encode` does, with the standard library."""
    encoder = _PLAIN if write is None else _plain(lambda other: _also_written(other, write))
    try:
        return encoder.encode(_finite(value)).encode()
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError) and _is_finite(value):
            raise NestedTooDeep("nested too deep") from None
        raise TypeError(f"not a JSON value: {type(error).__name__}") from None


def _is_finite(value: Any) -> bool:
    """Return False for a value that holds itself. No number of levels tells: how many are decoded, Python decides."""
    above, done = set[int](), set[int]()
    waiting = [(value, False)]
    while waiting:
        item, left = waiting.pop()
        if left:
            above.remove(id(item))
            done.add(id(item))
        elif id(item) in above:
            return False
        elif isinstance(item, dict | list | tuple) and id(item) not in done:
            above.add(id(item))
            waiting.append((item, True))
            waiting.extend((each, False) for each in (item.values() if isinstance(item, dict) else item))
    return True


def _without_lone_surrogates(value: Any) -> Any:
    """Put U+FFFD in the place of each half of a surrogate pair that stands alone: it has no UTF-8 form."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    return value


def _finite(value: Any) -> Any:
    """Put null in the place of each number that JSON has not, as orjson does."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _also_written(value: Any, write: Callable[[Any], Any] | None = None) -> Any:
    """Encode what orjson writes beyond JSON's own types and cannot be told not to; then what `write` makes of it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if write is not None:
        return write(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _plain(default: Callable[[Any], Any]) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default)


_PLAIN = _plain(_also_written)


def _integer(text: str) -> int | float:
    """Read a whole number; beyond 64 bits the nearest float, as in orjson and most of the world."""
    value = int(text)
    return value if -(2**63) <= value < 2**64 else _number(text)


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number beyond all floats")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
