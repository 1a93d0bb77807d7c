"""App developers by their login state, and the apps that they own."""

from collections.abc import Sequence

from aiohttp import web

from esb.core.errors import template
from esb.portal.entry import see_other
from esb.portal.login_states import LoginStates
from esb.portal.owned_apps import OwnedApps
from esb.portal.page import Page, Refused
from esb.portal.parts import Parts, Route
from esb.portal.rendering import wants_json
from esb.portal.sessions import cookie, set_cookie
from esb.portal.visitor import Visitor

MINE = "/mine"
DEVELOPER = "esb_developer"
"""The cookie of those who have typed in their login state."""
USUAL_COOKIE = "bk_token"
WRONG = template("This login state is nobody's, or it has ended.")
LOG_IN = template("Log in with your login state, bk_token.")


def routes(parts: Parts, logins: LoginStates) -> Sequence[Route]:
    """Return the pages."""
    pages = _Pages(parts, logins)
    return [
        Route("GET", MINE, pages.all),
        Route("POST", f"{MINE}/login", pages.log_in),
        Route("POST", f"{MINE}/logout", pages.log_out),
        Route("GET", MINE + "/apps/{code:[^/]+}", pages.one),
    ]


class _Pages:
    def __init__(self, parts: Parts, logins: LoginStates) -> None:
        self._parts = parts
        self._logins = logins
        self._apps = OwnedApps(parts.config, parts.operators)

    async def all(self, request: web.Request, visitor: Visitor) -> Page:
        """Return the apps of whoever has logged in; a form for everybody else."""
        user = await self._user(request)
        if not user:
            if wants_json(request):
                raise Refused(401, LOG_IN)
            return Page("mine_login.html", {}, {"wrong": ""})
        data = {"user": user, "apps": await self._apps.all(user)}
        return Page("mine.html", data, {"can_log_out": self._has_typed(request)})

    async def one(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Return an app of whoever has logged in."""
        user = await self._user(request)
        if not user:
            if wants_json(request):
                raise Refused(401, LOG_IN)
            return see_other(MINE)
        app = await self._apps.one(user, request.match_info["code"])
        return Page("mine_app.html", {"app": app}, {"user": user})

    async def log_in(self, request: web.Request, visitor: Visitor) -> Page | web.Response:
        """Keep the login state that was typed in, if it is somebody's."""
        token = (await request.post()).get("bk_token", "")
        token = token.strip() if isinstance(token, str) else ""
        if not await self._logins.username(token):
            return Page("mine_login.html", {"error": WRONG}, {"wrong": WRONG})
        response = see_other(MINE)
        set_cookie(request, response, DEVELOPER, self._logins.begin(token))
        return response

    async def log_out(self, request: web.Request, visitor: Visitor) -> web.Response:
        self._logins.end(cookie(request, DEVELOPER))
        response = see_other(MINE)
        set_cookie(request, response, DEVELOPER, "")
        return response

    async def _user(self, request: web.Request) -> str:
        """Return the user of the login state that was typed in, else of the one in the cookie; "" for nobody."""
        return await self._logins.username(self._typed(request)) or await self._logins.username(self._brought(request))

    def _typed(self, request: web.Request) -> str:
        return self._logins.typed(cookie(request, DEVELOPER))

    def _has_typed(self, request: web.Request) -> bool:
        return bool(self._typed(request))

    def _brought(self, request: web.Request) -> str:
        """Return the login state in the cookie that callers of the gateway may bring it in, too."""
        stanzas = self._parts.config().middlewares or ()
        found = next((each.config.value for each in stanzas if each.use == "user_auth"), None)
        name = (found or {}).get("cookie", USUAL_COOKIE)
        return request.cookies.get(name, "") if isinstance(name, str) else ""
