"""One delivery: its receivers, its attempts in the order of time, and what can be done about it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from esb.channels.wechat.wecom_app import RECALL_SECONDS
from esb.config import Config
from esb.core.messages import template
from esb.portal.delivery_words import ADVICE, CALLBACK_STATES, RECEIVER_STATES, STATES, hint_of, platform_of
from esb.portal.entry import see_other
from esb.portal.language import CATALOGUES
from esb.portal.page import NOTHING, Page, Refused
from esb.portal.parts import Access, Answered, Parts, Route
from esb.portal.rendering import wants_json
from esb.portal.visitor import Visitor

ONE = "/deliveries/{id}"
TEMPLATE = "delivery.html"
OPERATION = "/-/deliveries/{id}"
ENDED = frozenset({"done", "dead", "cancelled"})
MISSED = ("failed", "expired")
"""States of receivers who did not get the message."""
REACHED = frozenset({"accepted", "held", "delivered"})
"""States of receivers who have it, as far as is known."""
URGENCY = ("unknown", "failed", "expired")
"""States of receivers that are shown first, in this order."""
NO_FAILURE = {"component": None, "errcode": None, "errmsg": "", "class": None}
"""Keys that are told only of receivers who have them."""
MOST = 200
"""Receivers that a page shows, unless all are asked for: a delivery may have thousands."""
MOST_HOLDS = 3
"""Holds that a page names: each app may have brought a credential of its own."""
DONE = {
    "cancelled": template("It is cancelled."),
    "queued": template("It is queued again: those who missed it get it once more."),
    "recalled": template("Its messages are taken back."),
}
"""Key in an address -> what has just been done."""
TO_WHOM = ("failed", "unknown")
NO_DATABASE = template("There are no deliveries without services.database.")


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts)
    return [
        Route("GET", ONE, pages.show, Access.READ),
        Route("GET", f"{ONE}/live", pages.live, Access.READ),
        Route("POST", f"{ONE}/cancel", pages.cancel, Access.WRITE),
        Route("POST", f"{ONE}/redrive", pages.redrive, Access.WRITE),
        Route("POST", f"{ONE}/recall", pages.recall, Access.WRITE),
    ]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.Request, visitor: Visitor) -> Page:
        return await self._page(request, visitor, done=DONE.get(request.query.get("done", ""), ""))

    async def live(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Answer the part of the page that changes; with 204 nothing does."""
        found = await self._ask("GET", OPERATION, request, visitor)
        if not found.ok:
            return web.Response(status=204)
        return Page("delivery_live.html", found.value, await self._shown(request, visitor, found.value))

    async def cancel(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """End it."""
        answered = await self._ask("POST", f"{OPERATION}/cancel", request, visitor)
        return await self._changed(request, visitor, answered, "cancelled")

    async def redrive(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Send it again to those who failed, or to those of whom nobody knows."""
        receivers = (await request.post()).get("receivers")
        wanted = receivers if receivers in TO_WHOM else TO_WHOM[0]
        answered = await self._ask("POST", f"{OPERATION}/redrive", request, visitor, {"receivers": wanted})
        return await self._changed(request, visitor, answered, "queued")

    async def recall(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Take its messages back."""
        answered = await self._ask("POST", f"{OPERATION}/recall", request, visitor)
        return await self._changed(request, visitor, answered, "recalled")

    async def _changed(
        self, request: web.Request, visitor: Visitor, answered: Answered, done: str
    ) -> Page | web.Response:
        if wants_json(request):
            return Page(TEMPLATE, answered.value, status=answered.status)
        if answered.ok:
            return see_other(f"/deliveries/{answered.value['delivery']['id']}?{urlencode({'done': done})}")
        return await self._page(request, visitor, refused=answered)

    async def _page(
        self, request: web.Request, visitor: Visitor, *, done: str = "", refused: Answered | None = None
    ) -> Page:
        """Return its page. Refused if there is none."""
        if self._parts.config().database is None:
            raise Refused(404, NO_DATABASE)
        found = await self._ask("GET", OPERATION, request, visitor)
        if not found.ok:
            raise found.refused()
        data, wrong = found.value, ""
        if refused is not None:
            wrong = refused.why(visitor.language)
            data = {**data, "error": refused.value["error"]}
        shown = {**await self._shown(request, visitor, data), "done": done, "wrong": wrong}
        return Page(TEMPLATE, data, shown, refused.status if refused is not None else 200)

    async def _shown(self, request: web.Request, visitor: Visitor, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the template has besides the data."""
        one, receivers = data["delivery"], data["receivers"]
        ordered = sorted(receivers, key=_urgency)
        shows_all = request.query.get("receivers") == "all"
        first = ordered if shows_all else ordered[:MOST]
        translate, config = CATALOGUES.translate(visitor.language), self._parts.config()
        told = [{**NO_FAILURE, **each} for each in first]
        hints = [
            hint_of(config, each["component"] or one["component"], each["errcode"], each["errmsg"], translate)
            for each in told
        ]
        states = {each["state"] for each in receivers}
        asked = {"app": one["app"], "component": one["component"], "user": one["user"]}
        return {
            "live": f"/deliveries/{one['id']}/live{'?receivers=all' if shows_all else ''}",
            "hinted": [{**each, "hint": hint} for each, hint in zip(told, hints, strict=True)],
            "more": len(receivers) - len(first),
            "counts": [(state, sum(each["state"] == state for each in receivers)) for state in RECEIVER_STATES],
            "is_final": one["state"] in ENDED,
            "can_cancel": one["state"] in ("queued", "held"),
            "can_redrive": [
                one["state"] == "dead" and any(state in states for state in MISSED),
                one["state"] == "dead" and "unknown" in states,
            ],
            "may_recall": _may_recall(config, data),
            "holds": await self._holds(request, visitor, one),
            "explain": urlencode({**asked, "receiver": receivers[0]["receiver"] if len(receivers) == 1 else ""}),
            "state_words": STATES,
            "receiver_words": RECEIVER_STATES,
            "callback_words": CALLBACK_STATES,
            "advice": ADVICE,
        }

    async def _holds(self, request: web.Request, visitor: Visitor, one: Mapping[str, Any]) -> Sequence[Any]:
        """Return what holds its component back, or credentials of that, one of which may be its."""
        if one["state"] != "held":
            return []
        answered = await self._ask("GET", "/-/deliveries/holds", request, visitor)
        its = [each for each in answered.value.get("holds", []) if each["component"] == one["component"]]
        return sorted(its, key=lambda each: each["credential"] != each["component"])[:MOST_HOLDS]

    async def _ask(
        self,
        method: str,
        path: str,
        request: web.Request,
        visitor: Visitor,
        given: Mapping[str, Any] = NOTHING,
    ) -> Answered:
        return await self._parts.operators.ask(method, path, visitor.name, given, {"id": request.match_info["id"]})


def _may_recall(config: Config, data: Mapping[str, Any]) -> bool:
    """Return True if somebody has it of a platform that can take messages back, WeCom, and it is not too late."""
    ended = data["delivery"]["ended"]
    if ended is not None and datetime.fromisoformat(ended) + timedelta(seconds=RECALL_SECONDS) < datetime.now(UTC):
        return False
    main = data["delivery"]["component"]
    has_it = {each.get("component", main) for each in data["receivers"] if each["state"] in REACHED}
    return bool(data["msgids"]) and any(platform_of(config, each) == "qy" for each in has_it)


def _urgency(receiver: Mapping[str, Any]) -> int:
    state = receiver["state"]
    return URGENCY.index(state) if state in URGENCY else len(URGENCY)
