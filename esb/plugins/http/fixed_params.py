"""Parameters that no caller can change: found among a caller's own, however they are spelled."""

import re
from collections.abc import AsyncIterator, Collection

from esb.core.errors import BadBody, RequestError

_BRACKETS = re.compile(r"[\[\]]")
_UNDERSCORED = re.compile(r"[. \[]")
_READ_AS_UNDERSCORE = "_. +["
_BEFORE_JSON = b" \t\r\n\x00\xef\xbb\xbf\xfe\xff"
"""Blanks, the marks of UTF-8 and UTF-16, and the other half of ASCII in UTF-16."""
_WINDOW = 1024
"""The bytes of a piece that are looked at again with the next one: a spelling is hardly longer."""
STRIDE = 2**16
"""The bytes of a whole body that are looked at in one go."""


def readings(name: str) -> frozenset[str]:
    """Return all names, in one case, as which some upstream reads this one.

    PHP writes _ for dots, blanks and a lone bracket; `name[]` and `[name]` are lists of that name; a null ends it for
    some; and for Go and ASP.NET case is nothing.
    """
    text = name.strip().partition("\x00")[0]
    root = next(filter(None, _BRACKETS.split(text)), "")
    return frozenset(_UNDERSCORED.sub("_", part).casefold() for part in (text, root))


class FixedParams:
    """The names of one component's fixed parameters."""

    def __init__(self, names: Collection[str]) -> None:
        self._readings = frozenset(reading for name in names for reading in readings(name))
        spelled = b"|".join(map(_spellings, names))
        # Linear in the text: what stands before a name is looked at once.
        self._in_text = re.compile(rb"(?:[&;\s+\[]|%20|%5[Bb])(?:" + spelled + rb")(?=[=\[\]%&;\s\x00])", re.IGNORECASE)

    def __bool__(self) -> bool:
        return bool(self._readings)

    def hold(self, name: str) -> bool:
        """Return True if an upstream could take this name for that of a fixed parameter."""
        return bool(self._readings) and not self._readings.isdisjoint(readings(name))

    def check(self, body: bytes) -> None:
        """Raise RequestError if an upstream that asks for no type reads this as JSON, or as a form with such a name."""
        search = _Search(self._in_text)
        for start in range(0, len(body), STRIDE):  # an expression lets no other thread run before its end
            search.check(body[start : start + STRIDE])

    async def checked(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a body as it comes; RequestError, before the piece in question goes on, as `check`."""
        search = _Search(self._in_text)
        async for chunk in chunks:
            search.check(chunk)
            yield chunk


class _Search:
    """A search through one body, piece by piece."""

    def __init__(self, in_text: re.Pattern[bytes]) -> None:
        self._in_text = in_text
        self._seen = b"&"
        self._has_begun = False

    def check(self, piece: bytes) -> None:
        """Raise RequestError if what has come so far begins like JSON, or holds such a name."""
        if not self._has_begun and (text := piece.lstrip(_BEFORE_JSON)):
            self._has_begun = True
            if text[:1] in {b"{", b"["}:
                raise _undeclared()
        seen = self._seen + piece
        if self._in_text.search(seen) is not None:
            raise _undeclared()
        self._seen = seen[-_WINDOW:]


def _undeclared() -> RequestError:
    return BadBody(
        "Parameters error, this component sets parameters of its own: a body that holds parameters must be "
        "a JSON object or a form, and its Content-Type must say so"
    )


def _spellings(name: str) -> bytes:
    """Return a regular expression of all ways to write this name in a form, with or without percent-encoding."""
    return b"".join(map(_spelling, name))


def _spelling(character: str) -> bytes:
    same = (
        _READ_AS_UNDERSCORE if character in _READ_AS_UNDERSCORE else {character, character.lower(), character.upper()}
    )
    written = [each.encode() for each in same]
    encoded = [b"".join(b"%%%02X" % byte for byte in each) for each in written]
    return b"(?:" + b"|".join([*map(re.escape, written), *encoded]) + b")"
