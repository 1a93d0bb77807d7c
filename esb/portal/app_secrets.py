"""Secrets of an app: one more, which is shown this once, and the end of one."""

from collections.abc import Sequence

from aiohttp import web

from esb.portal.app_page import ONE, PATH, AppPages, address
from esb.portal.entry import see_other
from esb.portal.forms import filled, typed
from esb.portal.page import Page
from esb.portal.parts import Access, Answered, Route
from esb.portal.rendering import wants_json
from esb.portal.visitor import Visitor

FORM = "secrets"


def routes(apps: AppPages) -> Sequence[Route]:
    """Return the forms."""
    forms, path = _Forms(apps), f"{PATH}/secrets"
    return [
        Route("POST", path, forms.add, Access.WRITE),
        Route("POST", path + r"/{number:\d+}", forms.end, Access.WRITE),
    ]


def shown_once(code: str, answered: Answered) -> Page:
    """Return the page with a new secret: the answer of the operation that has drawn it."""
    return Page("app_secret.html", answered.value, {"code": code, "address": address(code)}, answered.status)


class _Forms:
    def __init__(self, apps: AppPages) -> None:
        self._apps = apps

    async def add(self, request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        """Give the app one secret more, and show it if it was drawn."""
        code, fields = request.match_info["code"], await typed(request)
        given = filled(fields, "secret", "until", "retire_old_in")
        answered = await self._apps.ask(visitor, "POST", f"{ONE}/secrets", given, code=code)
        if wants_json(request) or "secret" in answered.value:
            return shown_once(code, answered)
        if answered.ok:
            return see_other(f"{address(code)}#{FORM}")
        return await self._apps.refused(visitor, code, fields, FORM, answered)

    async def end(self, request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        """Let a secret end at a moment, or now."""
        number, fields = request.match_info["number"], await typed(request)
        is_now = fields.get("do") == "now"
        method, given = ("DELETE", {}) if is_now else ("PATCH", filled(fields, "until"))
        path = f"{ONE}/secrets/{{number:\\d+}}"
        return await self._apps.change(request, visitor, fields, FORM, method, path, given, number)
