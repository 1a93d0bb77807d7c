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
from esb.portal.language import ENGLISH_TAG
from esb.portal.page import Page, Refused
from esb.portal.parts import Parts, Route
from esb.portal.visitor import Visitor

DOCUMENT = "/openapi.json"
OLDER = "3.0"
MANY, LARGE = 20, 200
"""Components from which on swagger-ui shows the names of the systems alone, and from which on one system alone."""
KEPT = 4
"""Documents that are kept, some of them megabytes: in two languages, of some systems of one configuration."""
LEVEL = 6
"""Of gzip: a higher one takes twice as long for a hundredth less."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [Route("GET", "/reference", pages.reference), Route("GET", DOCUMENT, pages.document)]


class _Asked(NamedTuple):
    """A document: of one system or, with "", of all."""

    language: str
    system: str
    version: str


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
        system, version = request.query.get("system", ""), request.query.get("openapi", "")
        asked = _Asked(visitor.language, system, OLDER if version.startswith(OLDER) else "")
        body = _at(gateway_url(self._parts, request), await self._document(asked))
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, LEVEL)
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers)

    async def _document(self, asked: _Asked) -> bytes:
        declarations = await self._parts.declarations.get()
        if asked.system and asked.system not in declarations.systems:
            raise Refused(404, "There is no such system.")
        async with self._making:
            if self._of is not declarations:
                self._made.clear()
                self._of = declarations
            made = self._made.used(asked)
            if made is None:
                made = self._made[asked] = await asyncio.to_thread(_encoded, declarations, asked)
            return made


def _encoded(declarations: Declarations, asked: _Asked) -> bytes:
    """Return the document as JSON, but for the server, which depends on who asks."""
    components = [each.declared for each in declarations.found("", asked.system) if each.is_documented]
    made = document(components)
    if asked.language != ENGLISH_TAG:
        made = translated(made, translate(asked.language))
    del made["servers"]
    return json_codec.encode(as_openapi_30(made) if asked.version == OLDER else made, json_values.plain)


def _at(gateway: str, encoded: bytes) -> bytes:
    """Return the document of the gateway at this address."""
    return b'{"servers":' + json_codec.encode([{"url": gateway}]) + b"," + encoded[1:]
