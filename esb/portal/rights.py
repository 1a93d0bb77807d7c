"""Rights of an app: what it may call, and in whose name. Given, changed and revoked on the page of the app."""

from collections.abc import Sequence

from aiohttp import web

from esb.portal.app_page import ONE, PATH, AppPages
from esb.portal.forms import changed, filled, typed
from esb.portal.page import Page
from esb.portal.parts import Access, Parts, Route
from esb.portal.visitor import Visitor

KEYS = {"grants": ("pattern",), "impersonations": ("users", "components")}
"""Kind of rights -> the fields that tell one from others of its app."""
TERMS = {"grants": ("since", "until", "reason"), "impersonations": ("until", "reason")}
"""Kind of rights -> the fields that can be changed."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the forms."""
    apps, found = AppPages(parts), []
    for kind in KEYS:
        forms, path = _Forms(apps, kind), f"{PATH}/{kind}"
        found += [
            Route("POST", path, forms.add, Access.WRITE),
            Route("POST", path + r"/{number:\d+}", forms.change, Access.WRITE),
        ]
    return found


class _Forms:
    """The forms about one kind of rights."""

    def __init__(self, apps: AppPages, kind: str) -> None:
        self._apps = apps
        self._kind = kind

    async def add(self, request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        """Give a right; the page then shows it, with a doubt about what it names."""
        fields = await typed(request)
        given = filled(fields, *KEYS[self._kind], *TERMS[self._kind])
        return await self._apps.change(request, visitor, fields, self._kind, "POST", f"{ONE}/{self._kind}", given)

    async def change(self, request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        """Give a right the terms that have changed in the form, an empty one for none; or revoke it."""
        number, fields = request.match_info["number"], await typed(request)
        is_revoked = fields.get("do") == "revoke"
        terms = changed(fields, *TERMS[self._kind])
        given = (
            {} if is_revoked else {name: value if name == "reason" else value or None for name, value in terms.items()}
        )
        path = f"{ONE}/{self._kind}/{{number:\\d+}}"
        method = "DELETE" if is_revoked else "PATCH"
        return await self._apps.change(request, visitor, fields, self._kind, method, path, given, number)
