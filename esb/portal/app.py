"""The portal's application: every request by one way, from who asks to a page in the form that they want."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from esb.core.clock import Clock, SystemClock
from esb.core.messages import template
from esb.portal import (
    apps,
    catalogue,
    configuration,
    console,
    deliveries,
    developer,
    entry,
    explain,
    health,
    history,
    reference,
    rights,
)
from esb.portal.access import Gatekeeper
from esb.portal.entry import local, see_other
from esb.portal.language import COOKIE, ENGLISH_TAG, chosen
from esb.portal.login_states import LoginStates
from esb.portal.page import Page, Refused
from esb.portal.parts import Parts, Route
from esb.portal.rendering import HEADERS, Renderer
from esb.portal.sessions import VISITOR, Sessions, set_cookie
from esb.portal.static_files import PATH, StaticFiles
from esb.portal.visitor import Visitor

MAX_FORM = 12 * 1024 * 1024
"""Bytes of a form: a mail with its attachments."""
NOBODY = Visitor("", reads=False, language=ENGLISH_TAG)
STATUS_TEXTS = {
    404: template("There is no such page."),
    405: template("This page does not take such a request."),
    413: template("This is too much for a form."),
}


def create_portal(parts: Parts, clock: Clock | None = None) -> web.Application:
    """Return the portal's application. It opens nothing before somebody comes, and keeps only sessions."""
    sessions, logins = Sessions(clock or SystemClock()), LoginStates(parts.config, clock)
    static = StaticFiles()
    portal = _Portal(parts, Gatekeeper(sessions), Renderer(static, {"sandbox_url": parts.sandbox_url}))
    app = web.Application(client_max_size=MAX_FORM, middlewares=[portal.with_error_pages])
    app.add_routes([web.get(PATH, static.handle), *(portal.route(each) for each in routes(parts, sessions, logins))])
    app.on_cleanup.append(lambda _: logins.close())
    return app


def routes(parts: Parts, sessions: Sessions, logins: LoginStates) -> Sequence[Route]:
    """Return all pages."""
    return [
        *catalogue.routes(parts),
        *reference.routes(parts),
        *console.routes(parts),
        *developer.routes(parts, logins),
        *apps.routes(parts),
        *rights.routes(parts),
        *history.routes(parts),
        *deliveries.routes(parts),
        *explain.routes(parts),
        *health.routes(parts),
        *configuration.routes(parts),
        *entry.routes(parts, sessions),
    ]


class _Portal:
    """The way of a request."""

    def __init__(self, parts: Parts, gatekeeper: Gatekeeper, renderer: Renderer) -> None:
        self._parts = parts
        self._gatekeeper = gatekeeper
        self._renderer = renderer

    def route(self, route: Route) -> web.RouteDef:
        """Return a page as the web server has it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            visitor = self._gatekeeper.visitor(request, self._parts.config())
            try:
                await self._gatekeeper.check_origin(request, visitor)
                self._gatekeeper.admit(route.access, visitor)
                answer = await route.handler(request, visitor)
            except Refused as refused:
                return self._renderer.refusal(request, refused, visitor)
            if isinstance(answer, Page):
                answer = self._renderer.response(request, answer, visitor)
                _remember(request, answer, visitor)
            else:
                answer.headers.update({name: value for name, value in HEADERS.items() if name not in answer.headers})
            return answer

        return web.route(route.method, route.path, handle)

    @web.middleware
    async def with_error_pages(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer what has no page with one that says so."""
        try:
            return await handler(request)
        except Refused as refused:
            return self._renderer.refusal(request, refused, NOBODY)
        except web.HTTPException as error:
            if error.status not in STATUS_TEXTS:
                raise
            return self._without_page(request, Refused(error.status, STATUS_TEXTS[error.status]))

    def _without_page(self, request: web.Request, refused: Refused) -> web.Response:
        """Answer a request that no page takes; one that differs by a slash at its end is led on."""
        shorter = local(request.path.rstrip("/"))
        if request.method == "GET" and request.path.endswith("/") and shorter != "/":
            return see_other(str(request.rel_url.with_path(shorter, keep_query=True)))
        try:
            visitor = self._gatekeeper.visitor(request, self._parts.config())
        except Refused as unknown_host:
            return self._renderer.refusal(request, unknown_host, NOBODY)
        return self._renderer.refusal(request, refused, visitor)


def _remember(request: web.Request, response: web.Response, visitor: Visitor) -> None:
    """Give a visitor what their forms and their language hang on."""
    language = chosen(request)
    if language is not None:
        response.set_cookie(COOKIE, language, samesite="Lax", max_age=365 * 86400)
    if visitor.new_cookie:
        set_cookie(request, response, VISITOR, visitor.new_cookie)
