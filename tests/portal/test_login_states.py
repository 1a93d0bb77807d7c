"""The login service as the portal asks it: built when needed, anew after a reload, within bounds, and closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from esb.config import Config, load
from esb.gateway.app import Gateway
from esb.portal import login_states
from esb.portal.login_states import LoginStates
from esb.portal.page import Refused
from tests.support.clock import Clock
from tests.support.gateway import OpenServer


@dataclass
class LoginService:
    """BlueKing's login service, which counts what it is asked."""

    users: dict[str, str] = field(default_factory=lambda: {"demo-token": "admin"})
    asked: list[str] = field(default_factory=list)
    status: int = 200
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        token = request.query["bk_token"]
        self.asked.append(token)
        self.arrived.release()
        await self.answers.wait()
        user = self.users.get(token)
        return web.json_response({"result": bool(user), "data": {"username": user}}, status=self.status)


@pytest.fixture
async def service(open_server: OpenServer) -> LoginService:
    service = LoginService()
    service.answers.set()
    app = web.Application()
    app.router.add_get("/login/accounts/is_login/", service.handle)
    service.url = await open_server(app)
    return service


def configuration(folder: Path, url: str) -> Config:
    file = folder / "esb.yaml"
    file.write_text(
        f"version: 1\nservices: {{login: {{use: bk_login, config: {{url: '{url}', app_token: t}}}}}}\n"
        "components:\n  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n"
    )
    return load(str(file), {})


@dataclass
class Current:
    """The configuration of the moment."""

    config: Config

    def __call__(self) -> Config:
        return self.config


@pytest.fixture
def current(tmp_path: Path, service: LoginService) -> Current:
    return Current(configuration(tmp_path, service.url))


@pytest.fixture
async def logins(current: Current, clock: Clock) -> AsyncIterator[LoginStates]:
    logins = LoginStates(current, clock)
    yield logins
    await logins.close()


async def test_an_answer_is_remembered_for_some_seconds(
    logins: LoginStates, service: LoginService, clock: Clock
) -> None:
    assert await logins.username("demo-token") == "admin"
    assert await logins.username("demo-token") == "admin"
    assert service.asked == ["demo-token"]
    assert await logins.username("other") == ""


async def test_nothing_is_asked_without_a_login_state_or_with_one_that_no_browser_sends(
    logins: LoginStates, service: LoginService
) -> None:
    assert await logins.username("") == ""
    assert await logins.username("x" * 5000) == ""
    assert service.asked == []


async def test_a_service_that_is_ill_is_told_and_nobody_is_logged_in(
    logins: LoginStates, service: LoginService
) -> None:
    service.status = 500
    with pytest.raises(Refused) as refused:
        await logins.username("demo-token")
    assert refused.value.status == 503
    assert "demo-token" not in str(refused.value)


async def test_only_some_questions_are_under_way(
    logins: LoginStates, service: LoginService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_states, "ASKED_AT_ONCE", 2)
    service.answers.clear()
    waiting = [asyncio.create_task(logins.username(f"token-{number}")) for number in range(2)]
    for _ in waiting:
        await service.arrived.acquire()
    with pytest.raises(Refused):
        await logins.username("token-3")
    service.answers.set()
    assert await asyncio.gather(*waiting) == ["", ""]


async def test_a_reload_asks_the_new_service_and_lets_the_old_one_answer(
    logins: LoginStates, service: LoginService, current: Current, tmp_path: Path
) -> None:
    service.answers.clear()
    waiting = asyncio.create_task(logins.username("demo-token"))
    await service.arrived.acquire()
    (tmp_path / "new").mkdir()
    current.config = configuration(tmp_path / "new", "http://127.0.0.1:9")
    with pytest.raises(Refused):
        await logins.username("demo-token")
    service.answers.set()
    assert await waiting == "admin"
    assert len(service.asked) == 1


async def test_closing_leaves_nothing_of_an_old_service_open(
    logins: LoginStates, service: LoginService, current: Current, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []

    class Noted(Gateway):
        @asynccontextmanager
        async def calling_out(self) -> AsyncIterator[Gateway]:
            turns.append("opened")
            async with super().calling_out() as gateway:
                yield gateway
            turns.append("closed")

    monkeypatch.setattr(login_states, "Gateway", Noted)
    service.answers.clear()
    waiting = asyncio.create_task(logins.username("demo-token"))
    await service.arrived.acquire()
    current.config = configuration(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(Refused):
        await logins.username("demo-token")
    await logins.close()
    assert turns == ["opened", "opened", "closed", "closed"]
    service.answers.set()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_login_state_that_was_typed_in_ends_after_a_day(logins: LoginStates, clock: Clock) -> None:
    identity = logins.begin("demo-token")
    assert "demo-token" not in identity
    assert logins.typed(identity) == "demo-token"
    clock.advance(login_states.LASTS)
    assert logins.typed(identity) == ""
    assert logins.typed("nothing") == ""
