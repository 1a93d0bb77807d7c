"""Apps: the list, one of them with all that is known of it, and how one is made and deleted."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from esb.portal import app_properties, app_secrets
from esb.portal.app_page import ONE, PATH, AppPages, address, by_day, is_past
from esb.portal.entry import see_other
from esb.portal.forms import NO_FORM, Form, filled, kept, typed
from esb.portal.page import Page
from esb.portal.parts import Access, Parts, Route
from esb.portal.queries import asked_for, next_page
from esb.portal.rendering import wants_json
from esb.portal.rights import KEYS
from esb.portal.static_apps import static_apps
from esb.portal.visitor import Visitor

LIST = "/apps"
FILTERS = ("search", "state", "unused")
ROWS = 50
"""Apps of a page."""
CREATE = "create"
FORMS = (*app_properties.FORMS, app_secrets.FORM, *KEYS)
"""Names of the forms about an app, each the end of its path."""
USE_DAYS = "30d"


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    apps = AppPages(parts)
    pages = _Pages(apps)
    return [
        Route("GET", LIST, pages.list, Access.READ),
        Route("POST", LIST, pages.create, Access.WRITE),
        Route("GET", PATH, pages.show, Access.READ),
        Route("GET", f"{PATH}/use", pages.use, Access.READ),
        Route("GET", f"{PATH}/{{form:{'|'.join(FORMS)}}}{{row:(/.*)?}}", pages.lead_on, Access.READ),
        Route("GET", f"{PATH}/delete", pages.ask_to_delete, Access.WRITE),
        Route("POST", f"{PATH}/delete", pages.delete, Access.WRITE),
        *app_properties.routes(apps),
        *app_secrets.routes(apps),
    ]


class _Pages:
    def __init__(self, apps: AppPages) -> None:
        self._apps = apps

    async def list(self, request: web.Request, visitor: Visitor) -> Page:
        return await self._listed(visitor, asked_for(request, *FILTERS), asked_for(request, "cursor", "limit"))

    async def create(self, request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        """Make an app, and show the secret that was drawn for it, this once."""
        fields = await typed(request)
        given: dict[str, Any] = filled(fields, "code", "secret", "expires")
        if fields.get("owners"):
            given["owners"] = app_properties.names(fields["owners"])
        given |= {name: True for name in ("hash_only", "disabled") if fields.get(name)}
        answered = await self._apps.ask(visitor, "POST", "/-/apps", given)
        if answered.ok and (wants_json(request) or "secret" in answered.value):
            return app_secrets.shown_once(given["code"], answered)
        if answered.ok:
            return see_other(address(given["code"]))
        if wants_json(request):
            return Page("apps.html", answered.value, status=answered.status)
        form = Form(CREATE, "", answered.why(visitor.language), kept(fields))
        return await self._listed(visitor, {}, {}, form, answered.status)

    async def show(self, request: web.Request, visitor: Visitor) -> Page:
        """Show an app, with the form about one of its secrets or rights open that is asked for: `?edit=grants/7`."""
        name, _, row = request.query.get("edit", "").partition("/")
        return await self._apps.page(visitor, request.match_info["code"], Form(name, row))

    async def lead_on(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Lead from the address of a form to the page on which it stands: after a refusal a browser shows that one."""
        query = f"?{request.query_string}" if request.query_string else ""
        return see_other(f"{address(request.match_info['code'])}{query}#{request.match_info['form']}")

    async def use(self, request: web.Request, visitor: Visitor) -> Page:
        """Show the calls of an app by day, component and secret."""
        code, wanted = request.match_info["code"], {"since": USE_DAYS, **asked_for(request, "since")}
        answered = await self._apps.ask(visitor, "GET", f"{ONE}/use", wanted, code=code)
        error = "" if answered.ok else answered.why(visitor.language)
        use = answered.value["use"] if answered.ok else []
        shown = {"code": code, "address": address(code), "wanted": wanted, "error": error, "days": by_day(use)}
        return Page("app_use.html", answered.value, {"use": use, **shown}, answered.status)

    async def ask_to_delete(self, request: web.Request, visitor: Visitor) -> Page:
        """Ask once more, and say what would be gone."""
        code = request.match_info["code"]
        app = await self._apps.read(visitor, ONE, code=code)
        return Page("app_delete.html", {"app": app}, {"address": address(code)})

    async def delete(self, request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        """Delete an app, and show its history, which stays."""
        code = request.match_info["code"]
        answered = await self._apps.ask(visitor, "DELETE", ONE, code=code)
        if wants_json(request):
            return Page("app_delete.html", answered.value, status=answered.status)
        if answered.ok:
            return see_other(f"/history?app={address(code).rpartition('/')[2]}")
        return await self._apps.refused(visitor, code, {}, "delete", answered)

    async def _listed(
        self,
        visitor: Visitor,
        wanted: Mapping[str, str],
        place: Mapping[str, str],
        form: Form = NO_FORM,
        status: int = 200,
    ) -> Page:
        """Return the list; a filter that is none stays, with the reason."""
        declared = static_apps(self._apps.parts.config())
        shown: dict[str, Any] = {"wanted": wanted, "form": form, "has_database": self._apps.has_database, "error": ""}
        shown |= {"next": "", "listed": []}
        if not self._apps.has_database:
            return Page("apps.html", {"apps": [], "declared": declared}, shown, status)
        answered = await self._apps.ask(visitor, "GET", "/-/apps", {"limit": ROWS, **wanted, **place})
        if not answered.ok:
            shown["error"] = answered.why(visitor.language)
            return Page("apps.html", {**answered.value, "apps": [], "declared": declared}, shown, answered.status)
        shown["listed"] = [{**app, "expired": is_past(app["expires"])} for app in answered.value["apps"]]
        shown["next"] = next_page(LIST, wanted, answered.value)
        return Page("apps.html", {**answered.value, "declared": declared}, shown, status)
