"""The place where a long text is cut: at a line, else at a blank, else between two characters as people see them.

Never inside a tag, a link or an address, unless it fills a page alone.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Any

_URL = r"[!#-&(-;=?-_a-~]"  # no quotes, no angle brackets
_HAN = r"[\u4e00-\u9fff]"
_WHOLE = re.compile(
    rf"""<a\b[^<>]*>(?:[^<]|<(?!/?a\b))*+</a>         # a link with its words, and what colours them
      | </?[a-z!][^<>]*>                            # another tag
      | !?\[(?:[^][\n]|\[[^][\n]*\])*+\]\((?:[^()\s]|\([^()\s]*\))*+(?:[ ]"[^"\n]{{0,200}}")?\)  # a link of markdown
      | (?:[a-z][a-z0-9+.-]{{1,15}}://|www\.|mailto:){_URL}+(?:{_HAN}{{1,20}}{_URL}+)*{_HAN}{{0,20}}
      | [a-z0-9_.+-]{{1,64}}@[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}})+
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BLANKS = (" ", "\t", "\u3000")
_SIMPLE = re.compile(r"[\n -~\u3001-\u3029\u4e00-\u9fff\uff01-\uff5e]{2}")
"""Two characters that never are one for people: ASCII, Han, and their punctuation."""
_WORD = re.compile(r"[0-9A-Za-z_]{2}")
LONGEST_CLUSTER = 64
"""Code points that are looked at as one character for people; what is longer is no writing."""


class Cutter:
    """The places of one text at which it may be cut. `whole`: further stretches that have to stay whole."""

    def __init__(self, text: str, whole: Sequence[tuple[int, int]] = ()) -> None:
        self._text = text
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in sorted([*whole, *(found.span() for found in _WHOLE.finditer(text))]):
            if self._ends and begin < self._ends[-1]:  # one lies in the other, or they overlap
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def end(self, start: int, room: int) -> int:
        """Return where a page ends that begins at `start` and has room for so many bytes of UTF-8; at least one on."""
        text = self._text
        limit = start + len(text[start : start + room].encode()[:room].decode(errors="ignore"))
        if limit >= len(text):
            return len(text)
        least = start + (limit - start) // 2  # a page is half full at least, where there is a choice
        for marks in (("\n",), _BLANKS):
            if (end := self._after_last(marks, least, limit)) > least:
                return end
        end = self._outside(limit)
        if end <= start:
            end = limit
        return self._between_characters(start, self._between_words(least, end)) or max(limit, start + 1)

    def _outside(self, position: int) -> int:
        """Return the position, or where the stretch begins that has to stay whole and that it lies in."""
        number = bisect_left(self._begins, position) - 1
        return self._begins[number] if number >= 0 and position < self._ends[number] else position

    def _after_last(self, marks: Sequence[str], least: int, limit: int) -> int:
        """Return the place behind the last of these marks that is in no stretch; 0 if there is none."""
        while True:
            end = 1 + max(self._text.rfind(mark, least, limit) for mark in marks)
            if (limit := self._outside(end)) == end:
                return end

    def _between_words(self, least: int, end: int) -> int:
        """Return where the word begins that this place is in the middle of; the place itself if the word is long."""
        begin = end
        while begin > least and _WORD.match(self._text, begin - 1):
            begin -= 1
        return begin if begin > least and self._outside(begin) == begin else end

    def _between_characters(self, start: int, end: int) -> int:
        """Return the last place, up to this one, between two grapheme clusters; 0 if there is none."""
        if _SIMPLE.match(self._text, end - 1):
            return end
        page = self._text[start : end + LONGEST_CLUSTER]  # it looks back, and would do so to the very beginning
        places = (start + cluster.end() for cluster in _clusters().finditer(page))
        return max((place for place in places if place <= end), default=0)


@cache
def _clusters() -> Any:
    """Return the pattern of a grapheme cluster. Its library is loaded by the first long text that needs it."""
    import regex

    return regex.compile(r"\X")
