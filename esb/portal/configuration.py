"""The configuration, its warnings, and what the last reload changed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from esb.introspect.config_lines import ConfigLines, Line, config_lines
from esb.introspect.per_config import PerConfig
from esb.portal.entry import see_other
from esb.portal.page import Page
from esb.portal.parts import Access, Parts, Route
from esb.portal.rendering import wants_json
from esb.portal.visitor import Visitor

SHOWN = "/config"
PAGE = 50
"""Components of one page."""
MOST_ROWS = 100
"""Changes, warnings and mistakes that the page shows, of each; JSON has more."""
LONGEST_VALUE = 300
"""Characters of a changed value that the page shows; JSON has all of it."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [
        Route("GET", SHOWN, pages.show, Access.READ),
        Route("POST", f"{SHOWN}/reload", pages.reload, Access.WRITE),
    ]


class _Excerpt(NamedTuple):
    """The components that one page shows, and how to come to others."""

    components: Sequence[tuple[str, Sequence[Line]]]
    wanted: str
    found: int
    first: int

    @property
    def last(self) -> int:
        return self.first + len(self.components)


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lines: PerConfig[ConfigLines] = PerConfig(config_lines)

    async def show(self, request: web.Request, visitor: Visitor) -> Page:
        return await self._page(request, visitor, reloaded="reloaded" in request.query)

    async def reload(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Let the gateway read its files again. Where it refuses, the page tells the mistakes, of the last time."""
        answered = await self._parts.operators.ask("POST", "/-/reload", visitor.name, {}, {})
        if answered.ok:
            return see_other(f"{SHOWN}?reloaded=1")
        if "mistakes" not in answered.value:
            raise answered.refused()
        return await self._page(request, visitor, status=answered.status) if wants_json(request) else see_other(SHOWN)

    async def _page(self, request: web.Request, visitor: Visitor, *, reloaded: bool = False, status: int = 200) -> Page:
        lines = await self._lines.of(self._parts.config())
        loaded = await self._asked("/-/config/changes", visitor)
        warned = await self._asked("/-/config/warnings", visitor)
        data = {**loaded, **warned, "config": lines.view}
        shown = {
            "lines": lines.shared,
            "excerpt": _excerpt(lines, request.query),
            "changed": [_changed(each) for each in loaded["changes"][:MOST_ROWS]],
            "most": MOST_ROWS,
            "reloaded": reloaded,
        }
        return Page("config.html", data, shown, status)

    async def _asked(self, path: str, visitor: Visitor) -> Mapping[str, Any]:
        answered = await self._parts.operators.ask("GET", path, visitor.name, {}, {})
        if not answered.ok:
            raise answered.refused()
        found: Mapping[str, Any] = answered.value
        return found


def _excerpt(lines: ConfigLines, query: Mapping[str, str]) -> _Excerpt:
    """Return the components whose name contains what is wanted, from the one on with which the page begins."""
    wanted, begin = query.get("component", "").strip(), query.get("from", "")
    found = [each for each in lines.components if wanted in each[0]]
    first = min(int(begin), len(found)) if begin.isascii() and begin.isdecimal() and len(begin) < PAGE else 0
    return _Excerpt(found[first : first + PAGE], wanted, len(found), first)


def _changed(change: Mapping[str, Any]) -> dict[str, str]:
    """Return a change as texts; "" for what is not there."""
    before, after = (_text(change[side]) for side in ("before", "after"))
    return {"kind": "+" if not before else "-" if not after else "~", "key": change["key"]} | {
        "before": before,
        "after": after,
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"
