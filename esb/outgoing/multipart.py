"""Multipart forms for other systems: texts and files, as browsers write them."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from esb.core.errors import PluginMistake
from esb.core.files import File

Files = Mapping[str, File | Sequence[File]]
"""Name of a field -> its file, or its files."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def as_form(headers: Mapping[str, str], body: Any, files: Files) -> tuple[Mapping[str, str], bytes]:
    """Return headers and body of a request that sends these files; `body` maps the other fields to texts, or is None.

    PluginMistake for what a form cannot hold.
    """
    form, kind = encoded({} if body is None else body, files)
    return {**headers, "Content-Type": kind}, form


def encoded(fields: Any, files: Files) -> tuple[bytes, str]:
    """Return body and content type of a form with these texts, by name, and these files.

    A text may be a number or a boolean (true, false), and a list of them a field that is repeated; None is left out.
    PluginMistake for what a form cannot hold.
    """
    if not isinstance(fields, Mapping):
        raise PluginMistake(f"with files=, body maps names of fields to texts, and is: {type(fields).__name__}")
    boundary = secrets.token_hex(16)
    parts = [part(boundary, name, text) for name, value in fields.items() for text in _texts(name, value)]
    for name, value in files.items():
        for file in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(file, File):
                raise PluginMistake(f"files[{name!r}] is no esb.File, but: {type(file).__name__}")
            parts.append(part(boundary, name, file.content, file.name, file.content_type))
    return b"".join([*parts, b"--%b--\r\n" % boundary.encode()]), f"multipart/form-data; boundary={boundary}"


def part(boundary: str, name: str, content: bytes, filename: str | None = None, kind: str | None = None) -> bytes:
    """Return one part of a form. PluginMistake if its content type would break out of its line."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if kind is not None:
        if _CONTROL.search(kind):
            raise PluginMistake("the content type of a file has a control character")
        head += f"\r\nContent-Type: {kind}"
    return b"%b\r\n\r\n%b\r\n" % (head.encode(), content)


def _texts(name: str, value: Any) -> Sequence[bytes]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(name, item)]
    if isinstance(value, bool):
        return [b"true" if value else b"false"]
    if isinstance(value, str | int | float):
        return [str(value).encode()]
    raise PluginMistake(f"a form cannot hold the field {name!r}: {type(value).__name__}")


def _quoted(text: str) -> str:
    """Write a name as browsers do (WHATWG's form-data encoding)."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
