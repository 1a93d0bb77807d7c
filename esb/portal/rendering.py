"""Pages as HTML or JSON: templates in two languages, all that is written into them escaped."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from esb.core import json_codec, json_values
from esb.portal.formats import FILTERS
from esb.portal.language import CHINESE_TAG, ENGLISH_TAG, every_text, translations
from esb.portal.page import NOTHING, Page, Refused
from esb.portal.static_files import StaticFiles
from esb.portal.visitor import Visitor

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept, Accept-Language, Cookie",
}
HTML, JSON = "text/html", "application/json"


class Renderer:
    """The templates, compiled when first used, and what all of them have by name."""

    def __init__(self, static: StaticFiles, everywhere: Mapping[str, Any] = NOTHING) -> None:
        self._environments = {
            language: _environment(language, static, everywhere) for language in (ENGLISH_TAG, CHINESE_TAG)
        }

    def response(self, request: web.Request, page: Page, visitor: Visitor) -> web.Response:
        """Return the page in the form and the language that the request asks for."""
        if wants_json(request):
            body = json_codec.encode(dict(page.data), json_values.plain) + b"\n"
            return web.Response(body=body, status=page.status, headers=_headers(JSON))
        template = self._environments[visitor.language].get_template(page.template)
        text = template.render({"visitor": visitor, "path": request.path, **page.data, **page.shown})
        return web.Response(body=text.encode(), status=page.status, headers=_headers(HTML))

    def refusal(self, request: web.Request, refused: Refused, visitor: Visitor) -> web.Response:
        """Return the error page."""
        text = refused.why(every_text(visitor.language))
        return self.response(request, Page("error.html", {"error": text}, status=refused.status), visitor)


def wants_json(request: web.Request) -> bool:
    """Return True if JSON is asked for, and HTML is not; who names neither gets HTML."""
    accepted = request.headers.get("Accept", "")
    return JSON in accepted and HTML not in accepted


def _headers(kind: str) -> dict[str, str]:
    return {**HEADERS, "Content-Type": f"{kind}; charset=utf-8"}


def _environment(language: str, static: StaticFiles, everywhere: Mapping[str, Any]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = translations(language)
    environment.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined]  # by the extension
    environment.globals.update(everywhere, static=static.address, language=language)
    environment.filters.update({name: partial(each, language) for name, each in FILTERS.items()})
    return environment
