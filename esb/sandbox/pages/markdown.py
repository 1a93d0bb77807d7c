"""WeCom's two kinds of markdown as HTML: small subsets, made of escaped text, and nothing besides them.

Source: developer.work.weixin.qq.com/document/path/99110, "markdown" and "markdown_v2". Pictures are not loaded, for
that would tell others who reads; they are links.
"""

import re
from collections.abc import Callable, Iterator
from html import escape
from itertools import groupby

from esb.sandbox.pages.links import anchor, web_address
from esb.sandbox.pages.plain_text import replaced

DEEPEST = 3
"""Levels of styles inside of styles."""
CODE = r"`(?P<code>[^`\n]+)`"
LINK = r"(?P<picture>!?)\[(?P<label>[^\[\]\n]*)\]\((?P<url>[^()\s]*)\)"
BOLD = r"\*\*(?P<bold>[^*\n]+)\*\*"
ITALIC = r"(?<!\*)\*(?P<italic>[^*\s][^*\n]*)\*(?!\*)"
FONT = r"""<font\s+color=["'](?P<color>info|comment|warning)["']\s*>(?P<colored>[^\n]{0,2048}?)</font>"""
MENTION = r"<@(?P<mention>[\w.@-]{1,64})>"
INLINE = re.compile("|".join((CODE, LINK, BOLD, FONT, MENTION)))
INLINE_V2 = re.compile("|".join((CODE, LINK, BOLD, ITALIC)))

HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
QUOTE = re.compile(r">+[ \t]?(.*)")
ITEM = re.compile(r"([ \t]*)([-*+]|\d{1,9}\.)[ \t]+(.*)")
RULE = re.compile(r"[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*")
FENCE = re.compile(r"[ \t]*```.*")
ROW = re.compile(r"[ \t]*\|(.*)\|[ \t]*")
UNDERLINE = re.compile(r"[ \t:|-]*-[ \t:|-]*")

Inline = Callable[[str], str]


def markdown(text: str) -> str:
    """Return WeCom's markdown as HTML: headings, quotes, bold, links, code, three colours and mentions."""
    return "".join(_quoted(text, _inline(INLINE), _lines))


def markdown_v2(text: str) -> str:
    """Return WeCom's markdown_v2 as HTML: also lists, tables, blocks of code, rules and italics; no colours."""
    inline, pieces = _inline(INLINE_V2), []
    for fenced, lines in _fences(text):
        if fenced:
            pieces.append(f'<pre class="md-code">{escape(lines)}</pre>')
        else:
            pieces += _quoted(lines, inline, _blocks)
    return "".join(pieces)


def _inline(pattern: re.Pattern[str], depth: int = 0) -> Inline:
    """Return what makes HTML of a line."""

    def made(found: re.Match[str]) -> str:
        parts = {name: value for name, value in found.groupdict().items() if value is not None}
        inner = _inline(pattern, depth + 1) if depth < DEEPEST else escape
        if "code" in parts:
            return f"<code>{escape(parts['code'])}</code>"
        if "bold" in parts:
            return f"<strong>{inner(parts['bold'])}</strong>"
        if "italic" in parts:
            return f"<em>{inner(parts['italic'])}</em>"
        if "colored" in parts:
            return f'<span class="md-{parts["color"]}">{inner(parts["colored"])}</span>'
        if "mention" in parts:
            return f'<span class="md-mention">@{escape(parts["mention"])}</span>'
        return _linked(found, inner)

    return lambda line: replaced(pattern, line, made)


def _linked(found: re.Match[str], inner: Inline) -> str:
    if not web_address(found["url"]):
        return escape(found[0])
    label = escape(found["label"] or found["url"]) if found["picture"] else inner(found["label"])
    mark = '<span class="md-picture" aria-hidden="true"></span>' if found["picture"] else ""
    return anchor(found["url"], mark + label)


def _fences(text: str) -> Iterator[tuple[bool, str]]:
    """Yield blocks of code and what lies between, each with whether it is code. One that is not closed is none."""
    lines, start = text.split("\n"), 0
    marks = [number for number, line in enumerate(lines) if FENCE.fullmatch(line)]
    for first, last in zip(marks[::2], marks[1::2], strict=False):
        yield False, "\n".join(lines[start:first])
        yield True, "\n".join(lines[first + 1 : last])
        start = last + 1
    yield False, "\n".join(lines[start:])


def _quoted(text: str, inline: Inline, blocks: Callable[[list[str], Inline], Iterator[str]]) -> Iterator[str]:
    """Yield the blocks of a text, those of its quotes as quotes."""
    for quoted, lines in groupby(text.split("\n"), lambda line: QUOTE.fullmatch(line) is not None):
        if quoted:
            inner = [QUOTE.sub(r"\1", line) for line in lines]
            yield f"<blockquote>{''.join(blocks(inner, inline))}</blockquote>"
        else:
            yield from blocks(list(lines), inline)


def _lines(lines: list[str], inline: Inline) -> Iterator[str]:
    """Yield headings, and paragraphs whose lines stay lines."""
    for heading, group in groupby(lines, lambda line: HEADING.fullmatch(line) is not None):
        if heading:
            yield from (_heading(line, inline) for line in group)
        else:
            paragraph = "\n".join(group).strip("\n")
            if paragraph.strip():
                yield f"<p>{'<br>'.join(inline(line) for line in paragraph.split(chr(10)))}</p>"


def _heading(line: str, inline: Inline) -> str:
    marks, _, words = line.partition(" ")
    return f'<p class="md-heading md-h{len(marks)}">{inline(words.strip())}</p>'


def _blocks(lines: list[str], inline: Inline) -> Iterator[str]:
    """Yield lists, tables, rules, and all that `_lines` knows."""
    for kind, group in groupby(lines, _kind):
        block = list(group)
        if kind == "item":
            yield f'<ul class="md-list">{"".join(_item(line, inline) for line in block)}</ul>'
        elif kind == "row" and len(block) > 1 and UNDERLINE.fullmatch(block[1]):
            yield _table(block, inline)
        elif kind == "rule":
            yield "<hr>" * len(block)
        else:
            yield from _lines(block, inline)


def _kind(line: str) -> str:
    if RULE.fullmatch(line):
        return "rule"
    if ITEM.fullmatch(line):
        return "item"
    return "row" if ROW.fullmatch(line) else "line"


def _item(line: str, inline: Inline) -> str:
    indent, mark, words = ITEM.sub(lambda found: "\0".join(found.groups()), line).split("\0", 2)
    depth = min(len(indent.replace("\t", "    ")) // 2, 3)
    shown = mark if mark[0].isdigit() else "•"
    return f'<li class="md-depth{depth}"><span class="md-mark">{shown}</span><span>{inline(words)}</span></li>'


def _table(lines: list[str], inline: Inline) -> str:
    head, _, *rows = lines
    body = "".join(f"<tr>{_cells(row, 'td', inline)}</tr>" for row in rows)
    return f"<table><thead><tr>{_cells(head, 'th', inline)}</tr></thead><tbody>{body}</tbody></table>"


def _cells(line: str, tag: str, inline: Inline) -> str:
    cells = ROW.sub(r"\1", line).split("|")
    return "".join(f"<{tag}>{inline(cell.strip())}</{tag}>" for cell in cells)
