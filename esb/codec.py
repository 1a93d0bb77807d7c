"""JSON in and out: orjson where it is installed, the standard library elsewhere, with the same strictness.

Strict means: no NaN or Infinity, no lone surrogates, no bytes that are not UTF-8, no nesting without end.
"""

import json
from typing import Any

try:
    import orjson
except ImportError:  # pragma: no cover - tests/test_codec.py imports the module without orjson
    orjson = None  # type: ignore[assignment]  # the fallback below needs nothing of it


def decode(raw: bytes) -> Any:
    """What this JSON says. ValueError if it is not JSON, or not strictly so."""
    if orjson is not None:
        return orjson.loads(raw)  # its JSONDecodeError is a ValueError
    return decode_plain(raw)


def encode(value: Any) -> bytes:
    """This value as UTF-8 JSON, not ASCII-escaped. TypeError if it is no JSON value."""
    if orjson is not None:
        try:
            return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            pass  # integers over 64 bits, which JSON allows: the standard library writes them
    return encode_plain(value)


def decode_lenient(raw: bytes) -> Any:
    """What this JSON says, as far as it can be had: a BOM, control characters and broken UTF-8 are passed over.

    For answers of upstreams, who send all of these. ValueError if nothing can be had.
    """
    try:
        return decode(raw)
    except ValueError:
        pass
    try:
        return json.loads(raw.decode("utf-8-sig", "replace"), strict=False)
    except RecursionError:
        raise ValueError("nested too deep") from None


def decode_plain(raw: bytes) -> Any:
    """The standard library's answer to `decode`."""
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if b"\\u" in raw:
        try:
            encode_plain(value)
        except TypeError:
            raise ValueError("an escaped lone surrogate has no UTF-8 form") from None
    return value


def encode_plain(value: Any) -> bytes:
    """The standard library's answer to `encode`."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise TypeError(f"not a JSON value: {type(error).__name__}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
