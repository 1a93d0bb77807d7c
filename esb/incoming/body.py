"""The parameters of a request, from its query string or its body, by the rules of the old ESB.

Whoever sends them is not known yet: what is read here is bounded, and costs no more than its length.
"""

import asyncio
from collections.abc import Collection, Iterator
from typing import Any

from esb.core import json_codec
from esb.core.errors import BadBody, Message, RequestError
from esb.core.files import File
from esb.core.json_bounds import AS_RUNS, LEAST, LONG_RUN, MOST, WINDOW, exceeded, has_long_integer
from esb.core.limits import DEFAULT_LIMITS, Limits
from esb.incoming import odd_body, repeated_names
from esb.incoming.multipart_form import parts
from esb.incoming.percent_encoding import decoded

BOM = b"\xef\xbb\xbf"
"""The mark before UTF-8 that Windows writes, and that means nothing."""
AT_ONCE = 2**17
"""The bytes of a body that are read at once: in a few milliseconds, whatever they hold."""


class Fields(dict[str, Any]):
    """The parameters of a query string or a form: of a name that is repeated, the last value.

    `repeated` has all values of the names that came more than once. `files` has the names of a multipart form's files,
    each with those of them that are kept, and `content_type` is its own: with the body it tells what is in them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repeated: dict[str, list[str]] = {}
        self.files: dict[str, tuple[File, ...]] = {}
        self.content_type = ""

    def add(self, name: str, value: str) -> None:
        """Take one field; a name that is there already becomes a repeated one."""
        if name in self:
            self.repeated.setdefault(name, [self[name]]).append(value)
        self[name] = value

    def without(self, names: Collection[str]) -> "Fields":
        """Return the same parameters but for these."""
        fields = Fields()
        fields.update((name, value) for name, value in self.items() if name not in names)
        fields.repeated = {name: values for name, values in self.repeated.items() if name not in names}
        fields.files, fields.content_type = self.files, self.content_type
        return fields


def from_query(query: str, limits: Limits = DEFAULT_LIMITS) -> Fields:
    """Read the parameters of a query string."""
    if not query:
        return Fields()
    try:
        return _form(query.encode(), limits.form_fields)  # bytes that are no UTF-8 come as lone surrogates
    except ValueError:
        raise not_readable(Message("query string"), limits.form_fields) from None


def from_body(
    body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS, upload_names: Collection[str] = ()
) -> dict[str, Any]:
    """Read the parameters of a body: JSON if its first byte says so, whatever the Content-Type, or else a form.

    Anything else, a JSON list too, holds no parameters: OddParameters say what it is. Of a form, the files under
    `upload_names` are kept.
    """
    stripped = body.lstrip()
    if stripped.startswith(BOM):
        body = stripped = stripped[len(BOM) :].lstrip()
    if stripped.startswith(b"{"):
        large = len(stripped) > limits.json_nodes or stripped.count(b"{") + stripped.count(b"[") > limits.nesting
        if large and (bound := exceeded(stripped, limits.json_nodes, limits.nesting)) is not None:
            raise _beyond(bound, limits)
        try:
            parameters: dict[str, Any] = json_codec.decode(stripped)
        except ValueError as error:
            parameters = odd_body.mended(stripped, error, limits)
        asks = len(stripped) > WINDOW or stripped.translate(AS_RUNS).find(LONG_RUN) >= 0  # hardly ever; bench: send
        if asks and has_long_integer(stripped):
            raise BadBody(
                "Parameters error, a whole number in the JSON body is beyond 64 bits, "
                "the limits are {least} and {most}: please send it as text",
                least=LEAST,
                most=MOST,
            )
        if stripped.find(b"\n") >= 0 or not content_type.endswith("/json"):  # a hand wrote it, perhaps; bench: send
            return repeated_names.noted(parameters, stripped)
        return parameters
    if not stripped:
        return {}
    from multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    if kind == "multipart/form-data":
        return _multipart(body, content_type, options.get("boundary", ""), limits.parts, upload_names)
    is_form = kind == "application/x-www-form-urlencoded"
    if is_form and not odd_body.foreign(stripped):
        try:
            form = _form(body, limits.form_fields)
        except ValueError:
            raise odd_body.foreign_form(body) or not_readable(Message("form"), limits.form_fields) from None
        return odd_body.without_object(stripped, form, limits)
    return odd_body.without_object(stripped, {}, limits)


async def from_large_body(
    body: bytes, content_type: str, limits: Limits, upload_names: Collection[str]
) -> dict[str, Any]:
    """Read what `from_body` reads, in a thread: for more than AT_ONCE bytes, for which everybody else would wait."""
    return await asyncio.to_thread(from_body, body, content_type, limits, upload_names)


def form_pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a query or a form, in their order. ValueError if one is no UTF-8."""
    start = 0
    while start < len(raw):  # by positions: a large value is copied only once
        end = raw.find(b"&", start)
        end = len(raw) if end < 0 else end
        if start < end:
            sign = raw.find(b"=", start, end)
            sign = end if sign < 0 else sign
            yield decoded(raw, start, sign), decoded(raw, min(sign + 1, end), end)
        start = end + 1


def _form(raw: bytes, most: int) -> Fields:
    """Read a query or a form. ValueError if it has more than so many fields, or is no UTF-8."""
    if raw.count(b"&") >= most:
        raise ValueError("too many fields")
    parameters = Fields()
    for name, value in form_pairs(raw):
        parameters.add(name, value)
    return parameters


def _multipart(body: bytes, content_type: str, boundary: str, most: int, upload_names: Collection[str]) -> Fields:
    parameters = Fields()
    parameters.content_type = content_type
    try:
        for name, content in parts(body, boundary, most, upload_names):
            if isinstance(content, str):
                parameters.add(name, content)
            else:
                kept = parameters.files.get(name, ())
                parameters.files[name] = kept if content is None else (*kept, content)
    except ValueError:
        raise not_readable(Message("multipart form"), most) from None
    return parameters


def not_readable(where: Message, most: int) -> RequestError:
    """Return the refusal of what has more fields than these, or is no UTF-8. `where` is what it is called."""
    return BadBody(
        "Parameters error, the {where} cannot be read: it must be UTF-8 and have at most {most} fields",
        where=where,
        most=most,
    )


def _beyond(bound: str, limits: Limits) -> RequestError:
    if bound == "nesting":
        return BadBody(
            "Parameters error, the JSON body is nested too deep, the limit is {most} levels", most=limits.nesting
        )
    return BadBody(
        "Parameters error, the JSON body is too large, the limit is {most} values and names", most=limits.json_nodes
    )
