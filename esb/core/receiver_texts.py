"""Texts that name several receivers, and where one ends and the next begins."""

from collections.abc import Callable

_MOST_WORDS = 100
"""Words that are looked at to tell whether they are receivers: what as many are, the rest will be."""


def separated(text: str, most: int) -> list[str]:
    """Split a text at every separator and at white space; into one more than `most` at most."""
    return _with_commas(text).replace(",", " ").split(None, most)


def separated_by_kind(text: str, is_one: Callable[[str], bool], most: int) -> list[str]:
    """Split a text that names receivers of a kind that may hold blanks, likewise: `is_one` knows one of them.

    At blanks it is split only where each word is one, and all together are none. What is none stays whole.
    """
    found: list[str] = []
    lines = _with_commas(text).replace("\r", ",").replace("\n", ",")
    for item in filter(None, map(str.strip, lines.split(","))):
        words = item.split(maxsplit=most)
        are_several = len(words) > 1 and not is_one(item) and all(map(is_one, words[:_MOST_WORDS]))
        found += words if are_several else [item]
        if len(found) > most:
            break
    return found


def _with_commas(text: str) -> str:
    """Return the text with a comma for each mark that separates receivers."""
    text = text.replace(";", ",")  # a regular expression would take ten times as long
    return text if text.isascii() else text.replace("，", ",").replace("；", ",").replace("、", ",")
