"""The page of one app, on which every form about it stands; one that is refused stands there with what was typed in."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from esb.core.messages import template
from esb.introspect.component_globs import declared_names, matches_one
from esb.portal.changes import with_changes
from esb.portal.entry import see_other
from esb.portal.forms import NO_FORM, Form, kept
from esb.portal.page import NOTHING, Page, Refused
from esb.portal.parts import Answered, Parts
from esb.portal.rendering import wants_json
from esb.portal.static_apps import static_apps
from esb.portal.visitor import Visitor

ONE = "/-/apps/{code}"
PATH = "/apps/{code:[^/]+}"
"""The path of the page of an app; without a pattern, a code with a { would have none."""
DAYS = "14d"
"""Days of use on the page of an app."""
CHANGES = 8
"""Rows of its history there."""
IN_FORCE, TO_COME, ENDED = template("in force"), template("to come"), template("ended")


class AppPages:
    """The operations on apps as pages."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @property
    def has_database(self) -> bool:
        """True if apps can be anywhere but in esb.yaml."""
        return self.parts.config().database is not None

    async def ask(
        self, visitor: Visitor, method: str, path: str, given: Mapping[str, Any] = NOTHING, **variables: str
    ) -> Answered:
        """Return the answer of an operation in the name of the visitor."""
        return await self.parts.operators.ask(method, path, visitor.name, given, variables)

    async def read(
        self, visitor: Visitor, path: str, given: Mapping[str, Any] = NOTHING, **variables: str
    ) -> dict[str, Any]:
        """Return what an operation tells. Refused with its own reason."""
        answered = await self.ask(visitor, "GET", path, given, **variables)
        if not answered.ok:
            raise answered.refused()
        found: dict[str, Any] = answered.value
        return found

    async def page(
        self, visitor: Visitor, code: str, form: Form = NO_FORM, status: int = 200, warnings: Sequence[str] = ()
    ) -> Page:
        """Return the page of an app, with the form that is open or was refused. Refused if there is no such app.

        `warnings` are of the operation that the form has asked for.
        """
        declared = next((app for app in static_apps(self.parts.config()) if app["code"] == code), None)
        if not self.has_database:
            return _declared_page(declared)
        answered = await self.ask(visitor, "GET", ONE, code=code)
        if answered.status == web.HTTPNotFound.status_code and declared is not None:
            return _declared_page(declared)
        if not answered.ok:
            raise answered.refused()
        app = answered.value
        use = (await self.read(visitor, f"{ONE}/use", {"since": DAYS}, code=code))["use"]
        told = await self.read(visitor, "/-/history", {"app": code, "limit": CHANGES})
        return Page(
            "app.html",
            {"app": app, "days": by_day(use), "history": told["history"]},
            {
                "address": address(code),
                "form": _placed(form, app),
                "warnings": warnings,
                "is_declared": declared is not None,
                "expired": is_past(app["expires"]),
                "secrets": [{**each, "state": _state(each)} for each in app["secrets"]],
                "grants": await asyncio.to_thread(self._rights, app["grants"], "pattern"),
                "impersonations": await asyncio.to_thread(self._rights, app["impersonations"], "components"),
                "components": sorted(declared_names(self.parts.config())),
                "changes": with_changes(told["history"]),
            },
            status,
        )

    async def change(
        self,
        request: web.Request,
        visitor: Visitor,
        fields: Mapping[str, str],
        form: str,
        method: str,
        path: str,
        given: Mapping[str, Any],
        row: str = "",
        **variables: str,
    ) -> Page | web.StreamResponse:
        """Ask for what a form says, and return the page of the app: as it is then, or with the form and the refusal."""
        code = request.match_info["code"]
        if row:
            variables["number"] = row
        answered = await self.ask(visitor, method, path, given, code=code, **variables)
        if wants_json(request):
            return Page("app.html", answered.value, status=answered.status)
        if answered.ok and "warnings" in answered.value:
            return await self.page(visitor, code, Form(form), answered.status, answered.value["warnings"])
        if answered.ok:
            return see_other(f"{address(code)}#{form}")
        return await self.refused(visitor, code, fields, form, answered, row)

    async def refused(
        self, visitor: Visitor, code: str, fields: Mapping[str, str], form: str, answered: Answered, row: str = ""
    ) -> Page:
        """Return the page of an app with a form that was refused, and why beside it."""
        return await self.page(
            visitor, code, Form(form, row, answered.why(visitor.language), kept(fields)), answered.status
        )

    def _rights(self, rights: list[dict[str, Any]], over: str) -> list[dict[str, Any]]:
        """Return rights with what time says of them, and if they name no component that is declared here."""
        names = declared_names(self.parts.config())
        unmatched = {glob for glob in {right[over] for right in rights} if not matches_one(glob, names)}
        return [{**right, "state": _state(right), "is_unmatched": right[over] in unmatched} for right in rights]


def address(code: str) -> str:
    """Return the path of the page of an app."""
    return f"/apps/{quote(code, safe='')}"


def by_day(use: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls of each day, the newest first, whatever they called."""
    days: dict[str, int] = {}
    for each in use:
        days[each["day"]] = days.get(each["day"], 0) + each["calls"]
    return [{"day": day, "calls": calls} for day, calls in days.items()]


def _declared_page(declared: dict[str, Any] | None) -> Page:
    """Return the page of an app of esb.yaml."""
    if declared is None:
        raise Refused(404, template("There is no such app."))
    return Page("app_static.html", {"app": declared}, {"expired": False})


def _placed(form: Form, app: Mapping[str, Any]) -> Form:
    """Return the form that was refused; if its row is gone, as the one of its part of the page."""
    if not form.row or form.row in {str(each["id"]) for each in app[form.name]}:
        return form
    return Form(form.name, "", form.error, form.typed)


def _state(each: Mapping[str, Any]) -> str:
    """Return the state of a right or a secret by its terms."""
    if is_past(each["until"]):
        return ENDED
    return TO_COME if each.get("since") is not None and not is_past(each["since"]) else IN_FORCE


def is_past(moment: str | None) -> bool:
    """Return True for a moment that has come; None never does."""
    return moment is not None and datetime.fromisoformat(moment) <= datetime.now(UTC)
