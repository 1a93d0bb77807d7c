"""The parameters of a request, from its query string or its body, by the rules of the old ESB."""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from esb.core import json_codec
from esb.core.errors import EsbError, Message, RequestError

MAX_FIELDS = 1000
"""The most fields a form may have."""


def from_query(query: str) -> dict[str, Any]:
    """Read the parameters of a query string. The last value of a repeated name wins."""
    if not query:
        return {}
    return _form(query, Message("query string"))


def from_body(body: bytes, content_type: str) -> dict[str, Any]:
    """Read the parameters of a body: JSON if its first byte says so, whatever the Content-Type, or else a form.

    Anything else, a JSON list too, holds no parameters.
    """
    stripped = body.lstrip()
    if stripped.startswith(b"{"):
        try:
            parameters: dict[str, Any] = json_codec.decode(stripped)
        except ValueError:
            raise EsbError("Request JSON string is wrong in format, which cannot be analyzed.") from None
        return parameters
    if not stripped:
        return {}
    from multipart import parse_options_header

    kind, options = parse_options_header(content_type)
    if kind == "application/x-www-form-urlencoded":
        try:
            return _form(body.decode(), Message("form"))
        except UnicodeDecodeError:
            raise _not_readable(Message("form")) from None
    if kind == "multipart/form-data":
        return _multipart(body, options.get("boundary", ""))
    return {}


def _form(text: str, where: Message) -> dict[str, Any]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:  # undecodable escapes are a ValueError too
        raise _not_readable(where) from None


def _multipart(body: bytes, boundary: str) -> dict[str, Any]:
    """Read the text fields; files are no parameters."""
    from multipart import MultipartError, MultipartParser

    try:
        in_memory = len(body) + 1  # as the body is already: a large part must not go to a file
        parser = MultipartParser(
            BytesIO(body),
            boundary,
            len(body),
            strict=True,
            part_limit=MAX_FIELDS,
            memory_limit=in_memory,
            spool_limit=in_memory,
        )
        return {part.name: part.value for part in parser if not part.filename}
    except (MultipartError, ValueError, LookupError):  # LookupError: a character set that Python does not know
        raise _not_readable(Message("multipart form")) from None


def _not_readable(where: Message) -> RequestError:
    return RequestError(
        "Parameters error, the {where} cannot be read: it must be UTF-8 and have at most {most} fields",
        where=where,
        most=MAX_FIELDS,
    )
