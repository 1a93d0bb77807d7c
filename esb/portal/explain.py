"""The fate that a call would have: link by link of the chain, what decides, and where that stands. It only reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from esb.core.messages import template
from esb.portal.delivery_words import Word
from esb.portal.page import Page
from esb.portal.parts import Access, Parts, Route
from esb.portal.queries import asked_for
from esb.portal.visitor import Visitor

FIELDS = ("app", "component", "user", "as", "receiver", "at", "test_env")
"""Query parameters of the page, by which others link to it: all but `receiver`, which may be several, as asked."""
REQUIRED = ("app", "component")
AS = {
    "bk_username": template("bk_username (by name)"),
    "bk_token": template("bk_token (login state)"),
}
"""The way in which a call tells its user -> the words for it."""
VERDICTS: Mapping[str, Word] = {
    "allowed": Word(template("allowed"), "good"),
    "refused": Word(template("refused"), "bad"),
    "unknown": Word(template("cannot be known"), "busy"),
    "not known here": Word(template("not known here"), "busy"),
    "not explained": Word(template("not explained"), "busy"),
    "not reached": Word(template("not reached")),
}
"""Verdict -> its word; none but the first is a yes."""


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return [Route("GET", "/explain", _Pages(parts).explain, Access.READ)]


class _Pages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def explain(self, request: web.Request, visitor: Visitor) -> Page:
        """Show the form, and what would become of the call that it describes, once it names an app and a component."""
        typed = asked_for(request, *FIELDS)
        if not all(name in typed for name in REQUIRED):
            return Page("explain.html", {"links": []}, self._shown(typed))
        answered = await self._parts.operators.ask("POST", "/-/explain", visitor.name, _asked(typed), {})
        if answered.ok:
            return Page("explain.html", answered.value, self._shown(typed, is_answered=True))
        wrong = answered.why(visitor.language)
        data = {"links": [], "error": answered.value["error"]}
        return Page("explain.html", data, self._shown(typed, wrong), answered.status)

    def _shown(self, typed: Mapping[str, str], wrong: str = "", *, is_answered: bool = False) -> Mapping[str, Any]:
        return {
            "typed": typed,
            "wrong": wrong,
            "is_answered": is_answered,
            "ways": AS,
            "words": VERDICTS,
            "components": sorted({each.name for each in self._parts.config().components}),
        }


def _asked(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the question as the operation takes it."""
    asked: dict[str, Any] = {name: typed[name] for name in ("app", "component", "user", "as", "at") if name in typed}
    receivers = [each.strip() for each in typed.get("receiver", "").split(",")]
    return asked | {"receivers": [*filter(None, receivers)], "test_env": "test_env" in typed}
