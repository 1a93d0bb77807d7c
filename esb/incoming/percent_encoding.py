"""Percent-encoding of forms, decoded in a time that grows with the length only, and little of it.

The standard library takes seconds for 10 MB of it.
"""

from binascii import a2b_qp
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

FEW = 1000
"""The escapes up to which the standard library is left to it."""
MOST_SIGNS = 100_000
"""The equals signs that a text with more than FEW escapes may hold unescaped: each takes three bytes meanwhile."""
WINDOW = 2**18
"""The bytes of a text with more than FEW escapes that are decoded in one go: copies of them stay small."""

_BLANKS = bytes.maketrans(b"+", b" ")
_SIGNS = bytes.maketrans(b"+%", b" =")


def decoded(raw: bytes, start: int = 0, end: int | None = None) -> str:
    """Return the text of a name or a value, which stands from `start` to `end`. ValueError if it is no UTF-8.

    A percent sign that begins no escape stands for itself, in a text that has few of them.
    """
    end = len(raw) if end is None else end
    escapes = raw.count(b"%", start, end)
    if escapes > FEW:
        if 3 * escapes > end - start or raw.count(b"=", start, end) > MOST_SIGNS:
            raise ValueError("not a percent-encoded text")
        return _joined(map(_unescaped, _windows(raw, start, end)))
    if not escapes and raw.find(b"+", start, end) < 0:
        return str(memoryview(raw)[start:end], "utf-8")
    if end - start > WINDOW and not escapes:
        return _joined(piece.translate(_BLANKS) for piece in _windows(raw, start, end))
    raw = raw[start:end].translate(_BLANKS)
    return unquote(raw.decode(), errors="strict") if escapes else raw.decode()


def _joined(pieces: Iterable[bytes]) -> str:
    """Return the text of these pieces. CPython lets it grow in its place, `join` would hold all of it twice."""
    decoder = getincrementaldecoder("utf-8")()
    text = ""
    for piece in pieces:
        text += decoder.decode(piece)
    text += decoder.decode(b"", final=True)
    return text


def _windows(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield this part of the bytes piece by piece, and no escape in two of them."""
    while start < end:
        cut = start + WINDOW
        if cut < end and (sign := raw.find(b"%", cut - 2, cut)) >= 0:
            cut = sign
        yield raw[start : min(cut, end)]
        start = cut


def _unescaped(raw: bytes) -> bytes:
    """Undo escapes and blanks. ValueError if a percent sign begins no escape.

    Quoted-printable is the same with another sign, but for its soft line breaks, which are no escapes.
    """
    if b"%\r" in raw or b"%\n" in raw:
        raise ValueError("a percent sign that begins no escape")
    size = len(raw) - 2 * raw.count(b"%")
    done = a2b_qp(raw.replace(b"=", b"%3D").translate(_SIGNS))
    if len(done) != size:
        raise ValueError("a percent sign that begins no escape")
    return done
