"""Texts that name several receivers, and where one ends and the next begins."""

import re
from collections.abc import Callable, Iterable

_ITEM = re.compile(r'(?:[^",;，；、\r\n]++|"(?:[^"\\]|\\.)*+"?)+', re.DOTALL)
"""One receiver, with quoted strings as mail has them before an address (RFC 5322, 3.2.4); one may never end."""
_MOST_WORDS = 100
"""Words that are looked at to tell whether they are receivers: what as many are, the rest will be."""


def separated(text: str, most: int) -> list[str]:
    """Split a text at every separator and at white space; into one more than `most` at most."""
    return _with_commas(text).replace(",", " ").split(None, most)


def separated_by_kind(text: str, is_one: Callable[[str], bool], most: int) -> list[str]:
    """Split a text that names receivers of a kind that may hold blanks, likewise: `is_one` knows one of them.

    At blanks it is split only where each word is one, and all together are none. What is none stays whole. What stands
    in quotes separates nothing.
    """
    found: list[str] = []
    for item in filter(None, map(str.strip, _by_marks(text))):
        words = item.split(maxsplit=most)
        are_several = len(words) > 1 and not is_one(item) and all(map(is_one, words[:_MOST_WORDS]))
        found += words if are_several else [item]
        if len(found) > most:
            break
    return found


def _by_marks(text: str) -> Iterable[str]:
    """Split a text at each line, and at each mark that separates receivers; but not in a quoted string."""
    if '"' in text:
        return (item[0] for item in _ITEM.finditer(text))
    return _with_commas(text).replace("\r", ",").replace("\n", ",").split(",")


def _with_commas(text: str) -> str:
    """Return the text with a comma for each mark that separates receivers."""
    text = text.replace(";", ",")  # a regular expression would take ten times as long
    return text if text.isascii() else text.replace("，", ",").replace("；", ",").replace("、", ",")
