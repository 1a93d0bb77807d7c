"""The API reference: the OpenAPI document of the components in two languages, and swagger-ui to read it."""

import asyncio
import gzip
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from esb.core import json_codec, json_values
from esb.core.lru import Recent
from esb.introspect.openapi import document
from esb.introspect.openapi_30 import as_openapi_30
from esb.introspect.openapi_texts import translated
from esb.portal.catalogue import gateway_url
from esb.portal.declarations import Declarations, translate
from esb.portal.page import Page
from esb.portal.parts import Parts, Route
from esb.portal.visitor import Visitor

DOCUMENT = "/openapi.json"
OLDER = "3.0"
MANY, LARGE = 20, 200
"""Components from which on swagger-ui shows the names of the systems alone, and from which on one system alone."""
KEPT = 8
"""Documents that are kept, some of them megabytes: languages, versions and systems of one configuration."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [Route("GET", "/reference", pages.reference), Route("GET", DOCUMENT, pages.document)]


class _Asked(NamedTuple):
    """A document: of one system or, with "", of all."""

    language: str
    system: str
    version: str
    gateway: str


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._made: Recent[_Asked, bytes] = Recent(KEPT)
        self._of: Declarations | None = None
        self._making = asyncio.Lock()

    async def reference(self, request: web.Request, visitor: Visitor) -> Page:
        """Return the page on which swagger-ui draws."""
        declarations = await self._parts.declarations.get()
        systems = list(declarations.systems)
        is_large = len(declarations) > LARGE
        system = request.query.get("system", "")
        if system not in systems:
            system = systems[0] if is_large else ""
        shown = declarations.systems.get(system, len(declarations))
        given = {"lang": visitor.language, **({"system": system} if system else {})}
        data = {
            "system": system,
            "systems": systems,
            "document": f"{DOCUMENT}?{urlencode(given)}",
            "document_30": f"{DOCUMENT}?{urlencode({**given, 'openapi': OLDER})}",
        }
        return Page("reference.html", data, {"is_large": is_large, "is_many": shown > MANY})

    async def document(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Return the OpenAPI document; `?openapi=3.0` for the older words, `?system=` for one system."""
        declarations = await self._parts.declarations.get()
        asked = _Asked(
            visitor.language,
            request.query.get("system", ""),
            request.query.get("openapi", ""),
            gateway_url(self._parts, request),
        )
        async with self._making:
            if self._of is not declarations:
                self._made.clear()
                self._of = declarations
            made = self._made.used(asked)
            if made is None:
                made = self._made[asked] = await asyncio.to_thread(_encoded, declarations, asked)
        headers = {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": "gzip"}
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            del headers["Content-Encoding"]
            made = await asyncio.to_thread(gzip.decompress, made)
        return web.Response(body=made, headers=headers)


def _encoded(declarations: Declarations, asked: _Asked) -> bytes:
    """Return the document as compressed JSON."""
    components = [each.declared for each in declarations.found("", asked.system) if each.is_documented]
    made = translated(document(components), translate(asked.language))
    made["servers"] = [{"url": asked.gateway}]
    if asked.version == OLDER:
        made = as_openapi_30(made)
    return gzip.compress(json_codec.encode(made, json_values.plain), mtime=0)
