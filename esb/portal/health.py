"""The health of the gateway: in one glance whether all is well, and then part by part."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from esb.introspect.troubles import TEXTS
from esb.portal.language import translations
from esb.portal.page import Page
from esb.portal.parts import Access, Parts, Route
from esb.portal.visitor import Visitor

MOST_ROWS = 200
"""Components that the page shows; JSON has all."""
PLACES = {
    "store": "store",
    "database": "database",
    "apps": "database",
    "closed": "channels",
    "gates": "channels",
    "tokens": "channels",
    "breakers": "channels",
    "engine": "deliveries",
    "deliveries": "deliveries",
    "callbacks": "deliveries",
    "gateway_hold": "deliveries",
    "operator_hold": "deliveries",
    "retention": "deliveries",
}
"""Kind of trouble -> the part of the page that tells more; for others it is the processes."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return [Route("GET", "/health", _Pages(parts).health, Access.READ)]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def health(self, request: web.Request, visitor: Visitor) -> Page:
        """Show how the gateway is; to a page that looks again, just that."""
        answered = await self._parts.operators.ask("GET", "/-/health", visitor.name, {}, {})
        if not answered.ok:
            raise answered.refused()
        health = answered.value
        components = sorted(filter(_is_told, health["components"]), key=_gravity)
        shown = {
            "told": [_told(trouble, visitor.language) for trouble in health["troubles"]],
            "called": components[:MOST_ROWS],
            "others": len(health["components"]) - len(components[:MOST_ROWS]),
        }
        return Page("health_live.html" if "HX-Request" in request.headers else "health.html", health, shown)


def _told(trouble: Mapping[str, Any], language: str) -> dict[str, str]:
    """Return a trouble in this language, and where the page tells more."""
    kind = trouble["kind"]
    text = translations(language).gettext(TEXTS[kind]).format(**trouble["values"])
    return {"text": text, "address": "/config" if kind == "reload" else f"#{PLACES.get(kind, 'processes')}"}


def _is_told(component: Mapping[str, Any]) -> bool:
    """Return True for a component that was called, or that sends nothing now."""
    return bool(component["total"]["calls"] or component["closed"])


def _gravity(component: Mapping[str, Any]) -> tuple[bool, int, int, str]:
    """Return what sorts components: those that send nothing, then those that fail of late, then those called most."""
    failed = (component["late"] or component["total"])["failed"]
    unwell = failed["gateway"] + failed["upstream"]
    return component["closed"] is None, -unwell, -component["total"]["calls"], component["name"]
