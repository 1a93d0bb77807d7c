"""Deliveries: looked for, counted, held back, and cancelled where many wait."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from esb.core.messages import template
from esb.portal import delivery
from esb.portal.delivery_words import ADVICE, STATES
from esb.portal.entry import see_other
from esb.portal.forms import filled, typed
from esb.portal.page import NOTHING, Page
from esb.portal.parts import Access, Answered, Parts, Route
from esb.portal.queries import asked_for, next_page
from esb.portal.rendering import wants_json
from esb.portal.visitor import Visitor

LIST = "/deliveries"
TEMPLATE = "deliveries.html"
FIELDS = ("request_id", "app", "component", "receiver", "state", "class", "msgid", "since", "until")
"""Query parameters that a search has; all that is given has to fit."""
PAGING = ("cursor", "limit")
SELECTION = ("app", "component", "state")
"""Fields of the form that says which of those that wait are cancelled."""
WAITING = ("queued", "held")
DONE = {
    "held": template("It is held: nothing more of it is sent until you release it."),
    "held-anew": template("It was held already; your reason stands there now."),
    "released": template("It is released: what waits goes on within seconds."),
    "not-held": template("It was not held any more."),
    "cancelled-many": template("All that waited and fitted are cancelled."),
}
"""Key in an address -> what has just been done."""
NO_REASON = Answered(422, {"error": template("Say why: others will want to know.")})
NO_COMPONENT = Answered(422, {"error": template("There is no such component in esb.yaml.")})
NOTHING_FOUND: Mapping[str, Any] = {"deliveries": [], "cursor": None, "states": {}, "most": 0, "holds": None}


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [
        Route("GET", LIST, pages.list, Access.READ),
        Route("POST", f"{LIST}/hold", pages.hold, Access.WRITE),
        Route("POST", f"{LIST}/release", pages.release, Access.WRITE),
        Route("GET", f"{LIST}/cancel", pages.count, Access.WRITE),
        Route("POST", f"{LIST}/cancel", pages.cancel, Access.WRITE),
        *delivery.routes(parts),
    ]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def list(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Show deliveries; one whose id is given is shown by itself, if it is there."""
        identity = request.query.get("id", "").strip().lower()
        if not identity or not self._has_database():
            wanted, done = asked_for(request, *FIELDS, *PAGING), request.query.get("done", "")
            return await self._listed(visitor, wanted, done=done)
        found = await self._ask("GET", "/-/deliveries/{id}", visitor, variables={"id": identity})
        if found.ok:
            return see_other(f"{LIST}/{found.value['delivery']['id']}")
        return await self._listed(visitor, {"id": identity}, refused=found)

    async def hold(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Hold a component back."""
        fields = filled(await typed(request), "component", "reason")
        if fields.get("component") not in self._components():
            answered = NO_COMPONENT
        elif "reason" not in fields:
            answered = NO_REASON
        else:
            answered = await self._ask("POST", "/-/deliveries/hold", visitor, fields)
        if wants_json(request):
            return Page(TEMPLATE, answered.value, status=answered.status)
        if not answered.ok:
            return await self._listed(visitor, held=fields, refused=answered)
        return _back("held" if answered.value["is_new"] else "held-anew")

    async def release(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Let the deliveries of a component go on."""
        fields = filled(await typed(request), "component")
        answered = await self._ask("POST", "/-/deliveries/release", visitor, fields)
        if wants_json(request):
            return Page(TEMPLATE, answered.value, status=answered.status)
        if not answered.ok:
            return await self._listed(visitor, refused=answered)
        return _back("released" if answered.value["was_held"] else "not-held")

    async def count(self, request: web.Request, visitor: Visitor) -> Page:
        """Tell how many would be cancelled, and ask whether they are to be."""
        wanted = asked_for(request, *SELECTION)
        answered = await self._ask("POST", "/-/deliveries/cancel", visitor, {**wanted, "dry_run": True})
        return self._cancelling(visitor, wanted, answered)

    async def cancel(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Cancel all that wait and fit."""
        wanted = filled(await typed(request), *SELECTION)
        answered = await self._ask("POST", "/-/deliveries/cancel", visitor, wanted)
        if answered.ok and not wants_json(request):
            return _back("cancelled-many")
        return self._cancelling(visitor, wanted, answered)

    async def _listed(
        self,
        visitor: Visitor,
        wanted: Mapping[str, str] = NOTHING,
        *,
        held: Mapping[str, str] = NOTHING,
        done: str = "",
        refused: Answered | None = None,
    ) -> Page:
        """Return the page of these deliveries. `held`: what stands in the form to hold; `refused`: what is wrong."""
        if not self._has_database():
            return Page("deliveries_off.html", {"database": False})
        asked = {} if "id" in wanted else {"/-/deliveries": wanted}
        asked |= {"/-/deliveries/states": NOTHING, "/-/deliveries/holds": NOTHING}
        answers = [await self._ask("GET", path, visitor, given) for path, given in asked.items()]
        refused = refused or next((each for each in answers if not each.ok), None)
        data = {**NOTHING_FOUND, **{key: value for each in answers if each.ok for key, value in each.value.items()}}
        if refused is not None:
            data["error"] = refused.value["error"]
        shown = {
            "wanted": wanted,
            "held": held,
            "done": DONE.get(done, ""),
            "wrong": self._wrong(refused, visitor),
            "is_search": any(name in wanted for name in ("id", *FIELDS)),
            "next": next_page(LIST, wanted, data),
            "first": f"{LIST}?{urlencode({key: value for key, value in wanted.items() if key != 'cursor'})}",
            "state_words": STATES,
            "classes": [*ADVICE],
            "components": self._components(),
            "accepts": self._parts.config().deliveries is not None,
        }
        return Page(TEMPLATE, data, shown, 200 if refused is None else refused.status)

    def _cancelling(self, visitor: Visitor, wanted: Mapping[str, str], answered: Answered) -> Page:
        shown = {
            "wanted": wanted,
            "wrong": self._wrong(None if answered.ok else answered, visitor),
            "number": answered.value.get("waiting"),
            "state_words": {state: STATES[state] for state in WAITING},
            "components": self._components(),
        }
        return Page("deliveries_cancel.html", answered.value, shown, answered.status)

    def _wrong(self, refused: Answered | None, visitor: Visitor) -> str:
        return "" if refused is None else refused.why(visitor.language)

    def _components(self) -> Sequence[str]:
        return sorted({each.name for each in self._parts.config().components})

    def _has_database(self) -> bool:
        return self._parts.config().database is not None

    async def _ask(
        self,
        method: str,
        path: str,
        visitor: Visitor,
        given: Mapping[str, Any] = NOTHING,
        variables: Mapping[str, str] = NOTHING,
    ) -> Answered:
        return await self._parts.operators.ask(method, path, visitor.name, given, variables)


def _back(done: str) -> web.Response:
    return see_other(f"{LIST}?done={done}")
