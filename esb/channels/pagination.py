"""Long text in pages: some platforms cut what is too long without a word. Limits are in bytes of UTF-8."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from esb.channels.cutting import Cutter
from esb.core.errors import ParameterError

MOST_PAGES = 20
"""Nobody reads more messages of one call, they come one after another, and a robot may not send more in a minute."""


def pages(text: str, limit: int, most: int = MOST_PAGES) -> list[str]:
    """The text in pages of at most `limit` bytes, each begun with its number: "(1/3)" and a line break.

    Text within the limit is one page without a number. Without the numbers the pages join to the text. ParameterError
    for text that needs more than `most` of them.
    """
    return [text] if _size(text) <= limit else _numbered(_cut, text, limit, most)


def markdown_pages(text: str, limit: int, most: int = MOST_PAGES) -> list[str]:
    """The same for markdown: a code fence or a font that a page leaves open is closed there, and opened on the next."""
    return [text] if _size(text) <= limit else _numbered(_cut_markdown, text, limit, most)


def _numbered(cut: Callable[[str, int], list[str]], text: str, limit: int, most: int) -> list[str]:
    total = 9
    while _size(text) <= limit * most:
        parts = cut(text, limit - _size(f"({total}/{total})\n"))
        if len(parts) > most:
            break
        if len(parts) <= total:
            return [f"({number}/{len(parts)})\n{part}" for number, part in enumerate(parts, 1)]
        total = total * 10 + 9  # the numbers need one digit more
    raise ParameterError(
        "The text is too long: it has {size} bytes, and at most {most} messages of {limit} bytes are sent",
        size=_size(text),
        most=most,
        limit=limit,
    )


def _size(text: str) -> int:
    return len(text.encode())


def _cut(text: str, room: int) -> list[str]:
    """Return parts of at most `room` bytes."""
    cutter = Cutter(text)
    parts = []
    start = 0
    while start < len(text):
        end = cutter.end(start, room)
        parts.append(text[start:end])
        start = end
    return parts


_MARKUP = re.compile(r"^[ \t]{0,9}```[^\n`]{0,60}(?:\n|\Z)|<font\b[^<>\n]{0,60}>|</font>", re.MULTILINE)
"""Not longer than this, so that what is repeated on every page leaves room for the text."""
CLOSING = "</font>\n```"
"""The most that a page needs at its end to close what is open."""


@dataclass(frozen=True, slots=True)
class _Open:
    """The markup that is open at some place: a fence by its first line, and a font by its tag."""

    fence: str = ""
    font: str = ""

    def after(self, piece: str) -> "_Open":
        """Return the markup that is still open behind this piece."""
        if piece.lstrip().startswith("```"):
            return replace(self, fence="" if self.fence else piece.strip())
        if self.fence:
            return self
        if piece.startswith("<font"):
            return replace(self, font=piece)
        return replace(self, font="") if piece == "</font>" else self

    @property
    def opening(self) -> str:
        return (f"{self.fence}\n" if self.fence else "") + self.font

    @property
    def closing(self) -> str:
        return ("</font>" if self.font else "") + ("\n```" if self.fence else "")


def _cut_markdown(text: str, room: int) -> list[str]:
    """Return parts of at most `room` bytes, each with what it leaves open closed, and opened again by the next."""
    marks = [*_MARKUP.finditer(text)]
    cutter = Cutter(text, [mark.span() for mark in marks])
    parts: list[str] = []
    state, start, passed = _Open(), 0, 0
    room -= len(CLOSING) if marks else 0
    while start < len(text):
        opening = state.opening
        end = cutter.end(start, room - _size(opening))
        while passed < len(marks) and marks[passed].end() <= end:
            state = state.after(marks[passed].group())
            passed += 1
        parts.append(opening + text[start:end] + state.closing)
        start = end
    return parts
