"""The history: who has changed what about apps, and who has called in whose name."""

from collections.abc import Sequence

from aiohttp import web

from esb.database.writer import ACTIONS
from esb.portal.app_page import AppPages
from esb.portal.changes import with_changes
from esb.portal.page import Page
from esb.portal.parts import Access, Parts, Route
from esb.portal.queries import asked_for, next_page
from esb.portal.visitor import Visitor

PATH = "/history"
FILTERS = ("app", "actor", "action", "user", "since")
ROWS = 50
"""Rows of a page."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return [Route("GET", PATH, _Pages(AppPages(parts)).history, Access.READ)]


class _Pages:
    def __init__(self, apps: AppPages) -> None:
        self._apps = apps

    async def history(self, request: web.Request, visitor: Visitor) -> Page:
        """Return the newest changes that fit; a filter that is none stays, with the reason."""
        wanted = asked_for(request, *FILTERS)
        shown = {"wanted": wanted, "actions": ACTIONS, "has_database": self._apps.has_database}
        if not self._apps.has_database:
            return Page("history.html", {"history": []}, {**shown, "error": "", "changes": [], "next": ""})
        given = {"limit": ROWS, **wanted, **asked_for(request, "cursor", "limit")}
        answered = await self._apps.ask(visitor, "GET", "/-/history", given)
        if not answered.ok:
            shown |= {"error": answered.why(visitor.language), "changes": [], "next": ""}
            return Page("history.html", answered.value, shown, answered.status)
        more = {"error": "", "changes": with_changes(answered.value["history"])}
        return Page("history.html", answered.value, {**shown, **more, "next": next_page(PATH, wanted, answered.value)})
