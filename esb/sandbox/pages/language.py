"""The language of a page: the one that was chosen on it, or on a page of the gateway's portal, else the browser's."""

from aiohttp import web

ENGLISH, CHINESE = "en", "zh-hans"
COOKIE = "blueking_language"
"""The cookie that the portal has, too: whoever comes from there goes on in the same language."""


def chosen(request: web.Request) -> str | None:
    """Return the language that a link on a page asks for, None if none does."""
    asked = request.query.get("lang")
    return None if asked is None else _tag(asked)


def spoken(request: web.Request) -> str:
    """Return the language to answer in."""
    found = chosen(request) or request.cookies.get(COOKIE)
    return _tag(found or request.headers.get("Accept-Language", "").partition(",")[0])


def _tag(language: str) -> str:
    return CHINESE if language.strip().lower().replace("_", "-").partition("-")[0] == "zh" else ENGLISH
