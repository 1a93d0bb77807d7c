"""The catalogue: which components there are."""

from collections.abc import Sequence

from aiohttp import web

from esb.introspect import config_view
from esb.portal.page import Page
from esb.portal.parts import Parts, Route
from esb.portal.visitor import Visitor


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [Route("GET", "/", pages.all)]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def all(self, request: web.Request, visitor: Visitor) -> Page:
        return Page("catalogue.html", {"components": config_view.components(self._parts.config())})
