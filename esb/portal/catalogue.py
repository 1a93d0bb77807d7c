"""The catalogue: which components there are, by system and by search, and one page for each of them."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from esb.core.host_names import is_loopback
from esb.portal.call_examples import exports
from esb.portal.component_page import facts, page
from esb.portal.console_sample import Sample, sample
from esb.portal.declarations import Declarations, Listed, translate
from esb.portal.page import Page
from esb.portal.parts import Parts, Route
from esb.portal.visitor import Visitor

PER_PAGE = 60
"""Components on one page: some 30 kB of HTML."""
FEW = 60
"""Components that the first page shows at once, each under its system; where there are more, it shows the systems."""
LONGEST_QUERY = 200


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [Route("GET", "/", pages.all), Route("GET", "/c/{system}/{component}", pages.one)]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def all(self, request: web.Request, visitor: Visitor) -> Page:
        """Return systems and components; those of one system, or those that a search finds."""
        query, system = request.query.get("q", "").strip()[:LONGEST_QUERY], request.query.get("system", "")
        number = _number(request.query.get("page", ""))
        declarations = await self._parts.declarations.get()
        is_overview = not query and not system and len(declarations) > FEW
        found = [] if is_overview else declarations.found(query, system)
        shown = found[(number - 1) * PER_PAGE : number * PER_PAGE]
        say = translate(visitor.language)
        data = {
            "query": query,
            "system": system,
            "systems": [{"name": name, "components": count} for name, count in declarations.systems.items()],
            "found": len(found),
            "components": [facts(each, say) for each in shown],
            "previous": _address(query, system, number - 1) if number > 1 else None,
            "next": _address(query, system, number + 1) if number * PER_PAGE < len(found) else None,
        }
        template = "components.html" if "HX-Request" in request.headers else "catalogue.html"
        more = {"is_overview": is_overview, "first": _first(declarations), "total": len(declarations)}
        return Page(template, data, {**more, "sample": sample(self._parts.config()) if visitor.reads else Sample()})

    async def one(self, request: web.Request, visitor: Visitor) -> Page:
        """Return the page of a component."""
        declarations = await self._parts.declarations.get()
        listed = declarations.at(request.match_info["system"], request.match_info["component"])
        config, say = self._parts.config(), translate(visitor.language)
        data = page(listed, config, gateway_url(self._parts, request), say)
        return Page("component.html", data, {"exports": exports(sample(config) if visitor.reads else Sample())})


def gateway_url(parts: Parts, request: web.Request) -> str:
    """Return the public listener's URL, as whoever asked reaches it."""
    return as_reached(parts.gateway_url(), parts.config().server.host, request)


def as_reached(url: str, listening: str, request: web.Request) -> str:
    """Return the URL of a listener of this machine by the name by which the visitor came, if it listens for all."""
    host, parsed = request.url.host or "", urlsplit(url)
    if is_loopback(host) or not _is_any(listening):
        return url
    return f"{parsed.scheme}://{f'[{host}]' if ':' in host else host}:{parsed.port}"


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) else 1


def _address(query: str, system: str, number: int) -> str:
    given = {"q": query, "system": system, "page": str(number) if number > 1 else ""}
    return f"/?{urlencode({name: value for name, value in given.items() if value})}"


def _first(declarations: Declarations) -> Listed | None:
    """Return a component to begin with: one that sends, since a dry run of it shows most; None if none is on."""
    usable = [each for each in declarations if each.declared.stanza.active and not each.declared.stanza.restricted]
    return next((each for each in usable if each.declared.component.sends), next(iter(usable), None))
