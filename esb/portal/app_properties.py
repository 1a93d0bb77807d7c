"""Forms about an app itself: switched off and on, its end, its owners, settings and callbacks."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from esb.core import json_codec
from esb.portal.app_page import ONE, PATH, AppPages
from esb.portal.forms import typed
from esb.portal.page import Page
from esb.portal.parts import Access, Handler, Route
from esb.portal.visitor import Visitor

_BETWEEN_NAMES = re.compile(r"[\s,;，；、]+")
Given = Callable[[Mapping[str, str]], dict[str, Any]]
"""The body of an operation that a form asks for."""


def routes(apps: AppPages) -> Sequence[Route]:
    """Return the forms, each at a path below that of its app."""
    return [
        *(Route("POST", f"{PATH}/{name}", _changing(apps, name, given), Access.WRITE) for name, given in FORMS.items()),
        Route("POST", PATH + "/callbacks/{name:[^/]+}/resume", _resuming(apps), Access.WRITE),
    ]


def names(text: str) -> list[str]:
    """Return the names of a list as people type one."""
    return [name for name in _BETWEEN_NAMES.split(text) if name]


def _changing(apps: AppPages, name: str, given: Given) -> Handler:
    """Return the handler of a form that changes an app."""

    async def change(request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        fields = await typed(request)
        return await apps.change(request, visitor, fields, name, "PATCH", ONE, given(fields))

    return change


def _resuming(apps: AppPages) -> Handler:
    """Return the handler of the button by which a callback is told again."""

    async def resume(request: web.Request, visitor: Visitor) -> Page | web.StreamResponse:
        fields, name = await typed(request), request.match_info["name"]
        return await apps.change(
            request, visitor, fields, "callbacks", "POST", f"{ONE}/callbacks/{{name}}/resume", {}, name=name
        )

    return resume


def _state(fields: Mapping[str, str]) -> dict[str, Any]:
    return {"disabled": fields.get("disabled") == "true"}


def _expires(fields: Mapping[str, str]) -> dict[str, Any]:
    return {"expires": fields.get("expires") or None}


def _owners(fields: Mapping[str, str]) -> dict[str, Any]:
    return {"owners": names(fields.get("owners", ""))}


def _settings(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return one setting: JSON as such, any other text as a text, and null to take it away."""
    key, value = fields.get("key", ""), fields.get("value", "")
    if fields.get("do") == "remove":
        return {"settings": {key: None}}
    try:
        return {"settings": {key: json_codec.decode_exact(value.encode())}}
    except ValueError:
        return {"settings": {key: value}}


def _callbacks(fields: Mapping[str, str]) -> dict[str, Any]:
    url = None if fields.get("do") == "remove" else fields.get("url", "")
    return {"callbacks": {fields.get("name", ""): url}}


FORMS: Mapping[str, Given] = {
    "state": _state,
    "expires": _expires,
    "owners": _owners,
    "settings": _settings,
    "callbacks": _callbacks,
}
"""Name of a form, the end of its path -> the body that it asks for."""
