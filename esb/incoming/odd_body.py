"""Bodies that are not what callers are asked for: said what they are and where, and read as far as that is safe."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from esb.core import json_codec
from esb.core.errors import BadBody, EsbError, Message, RequestError, template
from esb.core.json_bounds import exceeded
from esb.core.limits import DEFAULT_LIMITS, Limits
from esb.core.reasons import Reason
from esb.incoming.parameter_warnings import LONGEST_NAME, MOST_NAMED, warning

NEEDED = template("a JSON object in UTF-8, or a form")
MOST_ESCAPES = 50_000
"""Backslashes of a body that is mended, or bytes of a form that is looked at: nobody is known who would pay for more.
"""
_ESCAPE = re.compile(
    rb"\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""An escape of JSON: of a character, of a surrogate pair, or of half of one."""
_REPLACEMENT = "\ufffd".encode()
_BOMS = (b"\xff\xfe", b"\xfe\xff")


class OddParameters(dict[str, Any]):
    """Parameters of a body that is not quite as it should be.

    `body` is what errors tell of it as `data.body`, `warnings` are for `data.warnings`. `refusal` is what is raised if
    they are for a component that takes parameters, instead of the body as it is.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        body: Mapping[str, Any] | None = None,
        warnings: tuple[Mapping[str, Any], ...] = (),
        refusal: RequestError | None = None,
    ) -> None:
        super().__init__(parameters)
        self.body = body
        self.warnings = warnings
        self.refusal = refusal


def foreign(body: bytes) -> RequestError | None:
    """Return what is told of a body that nobody could take for a form or for JSON with parameters; None for others."""
    if body.startswith(_BOMS) or b"\x00" in body[:2]:
        return _foreign(_wide(body))
    if body.startswith(b"\x1f\x8b"):
        return _foreign(template("gzip without the header Content-Encoding"))
    if body.startswith(b"<"):
        return _foreign("XML")
    return _foreign(template("a JSON string")) if body.startswith(b'"') and isinstance(_json(body), str) else None


def foreign_form(body: bytes) -> RequestError | None:
    """Return what is told of a form whose names or values are GBK; None for others, and for large ones."""
    if len(body) > MOST_ESCAPES:
        return None
    raw = unquote_to_bytes(body)
    return _foreign("GBK") if _is(raw, "gb18030") and not _is(raw, "utf-8") else None


def without_object(body: bytes, parameters: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Return the parameters that a form has in a body that is no JSON object, or what it is if it is no form."""
    if (refusal := foreign(body)) is not None:
        return OddParameters({}, refusal=refusal)
    value = _json(body, limits) if body.startswith(b"[") or not parameters else None
    if isinstance(value, list):
        return OddParameters({}, _told(template("a JSON array")))
    if not parameters:
        return OddParameters({}, _told(_found(body, value)))
    return parameters


def mended(body: bytes, error: ValueError, limits: Limits) -> OddParameters:
    """Return the parameters of a JSON object in which only halves of surrogate pairs are wrong. `error`: its decoder's.

    Raises EsbError with the place of what is wrong, or RequestError if it is another encoding.
    """
    if b"\x00" in body[:2]:
        raise _foreign(_wide(body))
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        if (paired := _paired(body)) is not None and isinstance(parameters := _json(paired, limits), dict):
            return _replaced(parameters) if _REPLACEMENT in paired else OddParameters(parameters)
        if _is_gbk_object(body, limits):
            raise _foreign("GBK") from None
        before = body[: wrong.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _malformed(template("bytes that are not UTF-8"), line, column) from None
    if b"\\u" in body and body.count(b"\\") <= MOST_ESCAPES:
        whole = _ESCAPE.sub(_whole, body)
        if whole != body and isinstance(parameters := _json(whole, limits), dict):
            return _replaced(parameters)
    if isinstance(error, json.JSONDecodeError):
        raise _malformed(error.msg.removesuffix(" at"), error.lineno, error.colno) from None
    raise _malformed(template("what JSON has no place for")) from None


def _is(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _wide(body: bytes) -> str:
    return "UTF-32" if b"\x00\x00" in body[:4] else "UTF-16"


def _paired(body: bytes) -> bytes | None:
    """Return the UTF-8 of a text whose surrogates were encoded one by one, as Java and Oracle do; None for others."""
    try:
        text = body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _replaced(parameters: dict[str, Any]) -> OddParameters:
    """Return parameters in which U+FFFD stands for halves of surrogate pairs, and a warning for each of them."""
    what = Message("half of a surrogate pair is no character: U+FFFD stands in its place")
    return OddParameters(parameters, None, tuple(warning(name, what) for name in _named(parameters)))


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["half"] else escape[0]


def _named(parameters: Mapping[str, Any]) -> list[str]:
    """Return the names of those texts that hold U+FFFD, of parameters and of the objects that they are."""
    names = []
    for name, value in parameters.items():
        if isinstance(value, dict):
            inner = [each for each, text in value.items() if isinstance(text, str) and "\ufffd" in text]
            names += [f"{name[:LONGEST_NAME]}.{each[:LONGEST_NAME]}" for each in inner[:MOST_NAMED]]
        elif isinstance(value, str) and "\ufffd" in value:
            names.append(name[:LONGEST_NAME])
        if len(names) >= MOST_NAMED:
            break
    return names[:MOST_NAMED] or ["body"]


def _is_gbk_object(body: bytes, limits: Limits) -> bool:
    try:
        text = body.decode("gb18030")
    except UnicodeDecodeError:
        return False
    # Bounded once more: as UTF-8, what it holds may have counted as text.
    return isinstance(_json(text.encode(), limits), dict)


def _json(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the JSON value of a body; None if it is none, or beyond the limits."""
    if exceeded(body, limits.json_nodes, limits.nesting) is not None:
        return None
    try:
        return json_codec.decode(body)
    except ValueError:
        return None


def _found(body: bytes, value: Any) -> str:
    """Return what a body is that holds no parameters. `value`: as JSON, None if it is none."""
    if value is not None or body.strip() == b"null":
        return template("a JSON value that is no object")
    try:
        body.decode()
    except UnicodeDecodeError:
        return template("bytes that are not UTF-8")
    return template("text")


def _told(found: str) -> dict[str, Any]:
    return {"found": Message(found), "needed": Message(NEEDED)}


def _foreign(found: str) -> RequestError:
    return BadBody(
        "Parameters error, the body cannot be read: it is {found}, and must be {needed}",
        {"body": _told(found)},
        found=Message(found),
        needed=Message(NEEDED),
    )


def _malformed(found: str, line: int | None = None, column: int | None = None) -> EsbError:
    """Make the error of JSON that is wrong at a place, both counted from 1; None if nobody knows where."""
    body = {**_told(found), "line": line, "column": column}
    return EsbError(
        "Request JSON string is wrong in format, which cannot be analyzed.", {"body": body}, call_reason=Reason.BODY
    )
