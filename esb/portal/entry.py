"""Logging in with an operator's token, and out."""

from collections.abc import Sequence

from aiohttp import web

from esb.core.messages import template
from esb.incoming.operator_credentials import known_token
from esb.portal.page import Page
from esb.portal.parts import Parts, Route
from esb.portal.sessions import SESSION, Sessions, cookie, set_cookie
from esb.portal.visitor import Visitor

LOGIN = "/login"
WRONG = template("This is none of the tokens of server.admin.tokens.")


def routes(parts: Parts, sessions: Sessions) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts, sessions)
    return [
        Route("GET", LOGIN, pages.form),
        Route("POST", LOGIN, pages.log_in),
        Route("POST", "/logout", pages.log_out),
    ]


class _Pages:
    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        self._parts = parts
        self._sessions = sessions

    async def form(self, request: web.Request, visitor: Visitor) -> Page:
        return Page("login.html", {"name": visitor.name}, {"wrong": "", "back": local(request.query.get("back"))})

    async def log_in(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Begin a session, and go where the visitor wanted to."""
        form = await request.post()
        admin, token, back = self._parts.config().server.admin, form.get("token"), local(form.get("back"))
        found = known_token(token.strip() if isinstance(token, str) else "", () if admin is None else admin.tokens)
        if found is None:
            return Page("login.html", {"name": visitor.name}, {"wrong": WRONG, "back": back}, status=401)
        response = see_other(back)
        set_cookie(request, response, SESSION, self._sessions.begin(found))
        return response

    async def log_out(self, request: web.Request, visitor: Visitor) -> web.Response:
        self._sessions.end(cookie(request, SESSION))
        response = see_other("/")
        set_cookie(request, response, SESSION, "")
        return response


def see_other(path: str) -> web.Response:
    """Return an answer that leads a browser on with a GET."""
    return web.Response(status=web.HTTPSeeOther.status_code, headers={"Location": path})


def local(path: object) -> str:
    """Return a path of this portal: what leads elsewhere is none."""
    is_local = isinstance(path, str) and path.startswith("/") and not path.startswith(("//", "/\\"))
    return str(path) if is_local and str(path).isprintable() else "/"
