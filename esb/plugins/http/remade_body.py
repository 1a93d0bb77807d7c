"""The caller's raw body made anew, with the fixed parameters in it: what an upstream reads is what was written here."""

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from io import BytesIO
from typing import Any

from esb.core import json_codec
from esb.core.errors import BadBody, Message, RequestError, TooLarge
from esb.incoming.body import form_pairs, from_body, not_readable
from esb.outgoing.multipart import part
from esb.plugins.http.form_texts import encoded_form, pairs_of

MOST = 10 * 2**20
"""The bytes of a body that is made anew, whatever `max_body` lets in: it is held as a whole."""
MOST_FIELDS = 1000
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
Passes = Callable[[str], bool]
"""Function that tells whether a parameter of this name goes on."""
Remake = Callable[[bytes, str, Mapping[str, Any], Passes], tuple[bytes, str]]
"""Function that returns body and Content-Type, made of body, Content-Type and the fixed parameters."""


def remake_of(content_type: str) -> Remake | None:
    """Return the function that makes a body of this type anew; None if such a body holds no parameters."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {JSON, "text/json", "application/x-json"} or kind.endswith("+json"):
        return _json
    return {FORM: _form, MULTIPART: remake_multipart}.get(kind)


async def collected(body: bytes | AsyncIterator[bytes]) -> bytes:
    """Return the whole body. TooLarge if it is larger than MOST."""
    if isinstance(body, bytes):
        return body
    chunks, size = [], 0
    async for chunk in body:
        size += len(chunk)
        if size > MOST:
            raise TooLarge("The request body is too large, the limit is {limit} bytes", limit=MOST)
        chunks.append(chunk)
    return b"".join(chunks)


def _json(body: bytes, content_type: str, fixed: Mapping[str, Any], passes: Passes) -> tuple[bytes, str]:
    if not body.lstrip().startswith(b"{"):
        raise _no_object()
    args = {name: value for name, value in from_body(body, content_type).items() if passes(name)}
    return json_codec.encode({**args, **fixed}), JSON


def _form(body: bytes, content_type: str, fixed: Mapping[str, Any], passes: Passes) -> tuple[bytes, str]:
    if body.count(b"&") >= MOST_FIELDS:
        raise not_readable(Message("form"), MOST_FIELDS)
    try:
        pairs = [pair for pair in form_pairs(body) if passes(pair[0])]
    except ValueError:
        raise not_readable(Message("form"), MOST_FIELDS) from None
    return encoded_form([*pairs, *pairs_of(fixed)]), FORM


def remake_multipart(body: bytes, content_type: str, fixed: Mapping[str, Any], passes: Passes) -> tuple[bytes, str]:
    """Make a multipart form anew, files and all, and its Content-Type."""
    from multipart import MultipartError, MultipartParser, parse_options_header

    boundary = secrets.token_hex(16)
    written = []
    try:
        limit = len(body) + 1  # in memory as the body is: a large part must not go to a file
        parser = MultipartParser(
            BytesIO(body),
            parse_options_header(content_type)[1].get("boundary", ""),
            len(body),
            strict=True,
            part_limit=MOST_FIELDS,
            memory_limit=limit,
            spool_limit=limit,
        )
        for piece in parser:
            if passes(piece.name):
                kind = piece.headers.get("Content-Type")
                written.append(part(boundary, piece.name, piece.file.getvalue(), piece.filename, kind))
    except (MultipartError, ValueError):
        raise not_readable(Message("multipart form"), MOST_FIELDS) from None
    written += [part(boundary, name, text.encode()) for name, text in pairs_of(fixed)]
    return b"".join([*written, b"--%b--\r\n" % boundary.encode()]), f"{MULTIPART}; boundary={boundary}"


def _no_object() -> RequestError:
    return BadBody("Parameters error, the body must be a JSON object, since this component sets parameters in it")
