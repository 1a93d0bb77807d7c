"""Texts in which the platforms know a tag or two. All else is text, also what looks like HTML.

WeCom and official accounts: `<a href>` in texts (developer.work.weixin.qq.com/document/path/90236), and `<div class>`
and `<br>` in the description of a text card (likewise).
"""

import re
from collections.abc import Callable
from html import escape, unescape

from esb.sandbox.pages.links import anchor

LINKS = re.compile(
    r"""<a\s[^<>]{0,100}?href\s*=\s*(?P<quote>["'])(?P<href>[^"'<>]{1,2048})(?P=quote)[^<>]{0,200}>(?P<text>[^<>]{0,500})</a>"""
    r"""|(?P<bare>https?://[^\s<>"'`，。、；：！？）】」』]{1,2048})""",
    re.IGNORECASE,
)
CARD = re.compile(
    r"""<div\s+class=["'](?P<shade>gray|normal|highlight)["']\s*>(?P<text>[^<]{0,512})</div>|(?P<br><br\s*/?>)"""
)
TRAILING = ".,;:!?)"
"""Characters that end a sentence rather than an address."""


def with_links(text: str) -> str:
    """Return a text as HTML, its addresses of web pages as links."""
    return replaced(LINKS, text, _link)


def card_description(text: str) -> str:
    """Return the description of a text card as HTML, in WeCom's three shades."""
    return replaced(CARD, text, _shade)


def replaced(pattern: re.Pattern[str], text: str, made: Callable[[re.Match[str]], str]) -> str:
    """Return a text as HTML, with what is `made`, HTML too, in the place of each match."""
    pieces: list[str] = []
    end = 0
    for found in pattern.finditer(text):
        pieces += [escape(text[end : found.start()]), made(found)]
        end = found.end()
    return "".join([*pieces, escape(text[end:])])


def _link(found: re.Match[str]) -> str:
    if found["href"] is not None:
        return anchor(unescape(found["href"].strip()), escape(found["text"]))
    address = found["bare"].rstrip(TRAILING)
    return anchor(address, escape(address)) + escape(found["bare"][len(address) :])


def _shade(found: re.Match[str]) -> str:
    if found["br"]:
        return "<br>"
    return f'<span class="shade-{found["shade"]}">{escape(found["text"])}</span>'
