"""A moving window over a text of any length: regular expressions match in it, and what was passed is forgotten."""

import re
from typing import TextIO

CHUNK = 1 << 20
"""Characters that are read at once, at least."""
NEAR = 4096
"""Characters that must be seen before a token that is not there is believed to be missing."""


class TextWindow:
    """The part of a text that is being read. `line` is the line of its next character, from 1."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0
        self._lines = 1
        self._has_ended = False

    @property
    def line(self) -> int:
        return self._lines + self._text.count("\n", 0, self._at)

    def peek(self, length: int = 1) -> str:
        """Return the next characters, fewer at the end."""
        while len(self._text) - self._at < length and self._more():
            pass
        return self._text[self._at : self._at + length]

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Pass what matches here, and return it; None if nothing does within the next characters."""
        while (found := pattern.match(self._text, self._at)) is None or found.end() == len(self._text):
            if (found is None and len(self._text) - self._at >= NEAR) or not self._more():
                break
        return self._passed(found)

    def take_long(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Pass what matches here, however long it is, and return it; None if the text ends before."""
        while (found := pattern.match(self._text, self._at)) is None or found.end() == len(self._text):
            if not self._more():
                break
        return self._passed(found)

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Pass what matches in what has been read; it may go on behind that."""
        self._passed(pattern.match(self._text, self._at))

    def skip_past(self, mark: str) -> str | None:
        """Pass the text up to this mark, the mark too; return the beginning of it, None if the mark never comes."""
        beginning = ""
        while (place := self._text.find(mark, self._at)) < 0:
            cut = max(self._at, len(self._text) - len(mark) + 1)
            beginning = (beginning + self._text[self._at : cut])[:NEAR]
            self._at = cut
            if not self._more():
                self._at = len(self._text)
                return None
        beginning = (beginning + self._text[self._at : place])[:NEAR]
        self._at = place + len(mark)
        return beginning

    def _passed(self, found: re.Match[str] | None) -> re.Match[str] | None:
        if found is not None:
            self._at = found.end()
        return found

    def _more(self) -> bool:
        """Read on, and forget what was passed. False at the end of the text."""
        if self._has_ended:
            return False
        read = self._stream.read(max(CHUNK, len(self._text) - self._at))  # a long token is looked at a few times only
        self._has_ended = not read
        self._lines += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + read
        self._at = 0
        return not self._has_ended
