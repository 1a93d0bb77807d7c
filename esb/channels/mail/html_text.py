"""Html as plain text: the alternative for those whose mail client shows no Html, and for those who search mails."""

import html
import re
from collections.abc import Callable

MOST_CHARACTERS = 2**18
"""Html beyond this is left out of the alternative, which says so: nobody reads more, and it costs time."""
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<attributes>[^<>]*)>")
_ATTRIBUTE = re.compile(
    r"""\b(?P<name>href|alt)\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'>]+))""", re.IGNORECASE
)
_HIDDEN = frozenset({"head", "script", "style", "title"})
_BLOCKS = re.compile(
    r"address|article|blockquote|br|center|div|dl|dt|dd|footer|form|h[1-6]|header|hr|li|ol|p|pre|section|table|tbody"
    r"|thead|tr|ul"
)
_BLANKS = re.compile(r"[^\S\xa0]+")
_GAPS = re.compile(r"\n{3,}")


def text_of(markup: str, go_on: Callable[[], None] = lambda: None) -> str:
    """Return the text that this Html shows, a line for each block, with the addresses of its links.

    It reads each character once, whatever is wrong with the markup. `go_on` is called now and then, and may raise.
    """
    rest = "\n…" if len(markup) > MOST_CHARACTERS else ""
    return _Reader(markup[:MOST_CHARACTERS], go_on).text() + rest


class _Reader:
    """The parts of the text so far, and the link that is open."""

    def __init__(self, markup: str, go_on: Callable[[], None]) -> None:
        self._markup = markup
        self._go_on = go_on
        self._parts: list[str] = []
        self._link = ""
        self._linked_from = 0

    def text(self) -> str:
        markup, position = self._markup, 0
        while position < len(markup):
            start = markup.find("<", position)
            if start < 0:
                start = len(markup)
            self._words(markup[position:start])
            position = self._markup_at(start) if start < len(markup) else start
        lines = (line.strip() for line in "".join(self._parts).split("\n"))
        return _GAPS.sub("\n\n", "\n".join(lines)).replace("\xa0", " ").strip()

    def _words(self, text: str) -> None:
        if text:
            self._parts.append(_BLANKS.sub(" ", html.unescape(text)))

    def _markup_at(self, start: int) -> int:
        """Take the tag or the comment that begins here; return where it ends."""
        self._go_on()
        markup = self._markup
        if markup.startswith("<!", start) or markup.startswith("<?", start):
            mark = "-->" if markup.startswith("<!--", start) else ">"
            end = markup.find(mark, start)
            return len(markup) if end < 0 else end + len(mark)
        tag = _TAG.match(markup, start)
        if tag is None:
            self._words("<")
            return start + 1
        name = tag["name"].lower()
        if name in _HIDDEN and not tag["end"]:
            closing = re.compile(f"</{name}", re.IGNORECASE).search(markup, tag.end())
            return len(markup) if closing is None else closing.start()
        self._tag(name, bool(tag["end"]), tag["attributes"])
        return tag.end()

    def _tag(self, name: str, ends: bool, attributes: str) -> None:
        if _BLOCKS.fullmatch(name):
            self._parts.append("\n")
        if name == "li" and not ends:
            self._parts.append("- ")
        elif name in {"td", "th"} and not ends:
            self._parts.append(" ")
        elif name == "img":
            self._words(_attribute(attributes, "alt"))
        elif name == "a" and not ends:
            self._link, self._linked_from = _attribute(attributes, "href"), len(self._parts)
        elif name == "a" and self._link:
            shown = "".join(self._parts[self._linked_from :])
            if self._link.lower().startswith(("http://", "https://", "mailto:")) and self._link not in shown:
                self._parts.append(f" <{self._link}>" if shown.strip() else self._link)
            self._link = ""


def _attribute(attributes: str, name: str) -> str:
    """Return the value of an attribute; "" if the tag has none of this name."""
    for found in _ATTRIBUTE.finditer(attributes):
        if found["name"].lower() == name:
            return html.unescape(found["double"] or found["single"] or found["bare"] or "")
    return ""
