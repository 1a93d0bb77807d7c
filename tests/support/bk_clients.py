"""The surroundings of BlueKing's own client packages: its token service, a web request, threads."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

from aiohttp import web
from django.db import connections

from esb.core.events import CallFinished
from tests.support.gateway import Gateway

T = TypeVar("T")
APP = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"}


@dataclass
class TokenService:
    """BlueKing's token service: bkoauth is given tokens by it, and the gateway asks it whose they are."""

    url: str = ""
    logins: dict[str, str] = field(default_factory=lambda: {"demo-token": "admin"})
    issued: dict[str, str] = field(default_factory=dict)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/auth/access-tokens", self.issue)
        app.router.add_post("/api/v1/auth/access-tokens/verify", self.verify)
        return app

    async def issue(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert request.headers["X-BK-APP-SECRET"] == APP["bk_app_secret"]
        token = f"token-{len(self.issued)}"
        self.issued[token] = self.logins[asked["bk_token"]]
        grant = {"access_token": token, "refresh_token": "refresh", "expires_in": 10**7}
        return web.json_response({"code": 0, "message": "", "data": grant})

    async def verify(self, request: web.Request) -> web.Response:
        user = self.issued.get((await request.json())["access_token"])
        if user is None:
            return web.json_response({"code": 1901001, "message": "invalid", "data": None})
        data = {"bk_app_code": APP["bk_app_code"], "identity": {"username": user}}
        return web.json_response({"code": 0, "message": "", "data": data})


def forget_tokens() -> None:
    """Delete the tokens that bkoauth has stored in Django's database."""
    from bkoauth.models import AccessToken  # Django allows it only once it is set up

    AccessToken.objects.all().delete()


def web_request(username: str = "admin", **cookies: str) -> Any:
    """Make the parts that SDKs read of the request to an app's view."""
    user = SimpleNamespace(username=username, is_authenticated=True)
    return SimpleNamespace(user=user, COOKIES=cookies, session={}, GET={}, META={})


async def in_a_thread(function: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call a client, which blocks, while the gateway goes on answering."""

    def called() -> T:
        try:
            return function(*args, **options)
        finally:
            connections.close_all()  # Django keeps one for each thread

    return await asyncio.to_thread(called)


def last_call(gateway: Gateway) -> CallFinished:
    """Return the event of the call that ended last."""
    return [event for event in gateway.events if isinstance(event, CallFinished)][-1]
