"""Percent-encoding of forms, decoded in a time that grows with the length only, and little of it.

The standard library takes seconds for 10 MB of it.
"""

from binascii import a2b_qp
from urllib.parse import unquote

FEW = 1000
"""The escapes up to which the standard library is left to it."""
MOST_SIGNS = 100_000
"""The equals signs that a text with more than FEW escapes may hold unescaped: each takes three bytes meanwhile."""

_BLANKS = bytes.maketrans(b"+", b" ")
_EQUALS = bytes.maketrans(b"%", b"=")


def decoded(raw: bytes) -> str:
    """Return the text of a name or a value. ValueError if it is no UTF-8.

    A percent sign that begins no escape stands for itself, in a text that has few of them.
    """
    if b"+" in raw:
        raw = raw.translate(_BLANKS)
    escapes = raw.count(b"%")
    if escapes <= FEW:
        return unquote(raw.decode(), errors="strict") if escapes else raw.decode()
    signs = raw.count(b"=")
    if 3 * escapes > len(raw) or signs > MOST_SIGNS or b"%\r" in raw or b"%\n" in raw:
        raise ValueError("not a percent-encoded text")
    # Quoted-printable is the same with another sign, but for its soft line breaks: there are none by now. One step a
    # line, so that what a step began with is given back.
    size = len(raw) - 2 * escapes
    raw = raw.replace(b"=", b"%3D")
    raw = raw.translate(_EQUALS)
    raw = a2b_qp(raw)
    if len(raw) != size:
        raise ValueError("a percent sign that begins no escape")
    return raw.decode()
