"""Header `access_token`: bk_ssm says app and user. Against a token service over HTTP."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from esb.core.events import CallFinished
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.identity import NEED_SECRET, WHO, all_inside, configuration

GOOD = "good"
BAD = "verify access_token failed, please check if the access_token is valid"
APP_TYPE = "the access_token is the application type and cannot indicate the user"


@dataclass
class TokenService:
    """BlueKing's token service, as far as the gateway asks it."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(
        default_factory=lambda: {
            "good": {"bk_app_code": "esb_demo", "identity": {"username": "admin"}},
            "app-type": {"bk_app_code": "esb_demo", "identity": {"username": ""}},
            "nobody": {"bk_app_code": "esb_demo", "identity": None},
            "no-rights": {"bk_app_code": "no_rights", "identity": {"username": "admin"}},
            "ghost": {"bk_app_code": "ghost", "identity": {"username": "admin"}},
            "no-app": {"bk_app_code": "", "identity": {"username": "admin"}},
            "odd": ["good"],
        }
    )
    status: int = 200
    wait: asyncio.Event | None = None

    async def verify(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append({"headers": request.headers, "body": body})
        if self.wait is not None:
            await self.wait.wait()
        data = self.answers.get(body["access_token"])
        if data is None:
            return web.json_response({"code": 1901001, "message": "invalid token", "data": None}, status=self.status)
        return web.json_response({"code": 0, "message": "ok", "data": data}, status=self.status)


@pytest.fixture
async def service(open_server: OpenServer) -> TokenService:
    service = TokenService()
    app = web.Application()
    app.router.add_post("/ssm/api/v1/auth/access-tokens/verify", service.verify)
    service.url = await open_server(app) + "/ssm/"
    return service


def stanza(service: TokenService) -> str:
    return f'  access_tokens: {{use: bk_ssm, config: {{url: "{service.url}", app_secret: ssm-secret}}}}\n'


@pytest.fixture
async def gateway(open_gateway: OpenGateway, service: TokenService, clock: Clock) -> Gateway:
    return await open_gateway(config=configuration(stanza(service)), clock=clock)


async def ask(gateway: Gateway, token: str = GOOD, body: dict[str, Any] | None = None, **more: str) -> dict[str, Any]:
    headers = {"X-Bkapi-Authorization": json.dumps({"access_token": token, **more})}
    async with gateway.http.post(gateway.url + WHO, json=body or {}, headers=headers) as response:
        envelope: dict[str, Any] = await response.json()
    return envelope


async def test_a_token_names_app_and_user(gateway: Gateway, service: TokenService) -> None:
    answer = await ask(gateway)
    assert answer["data"]["app"] == "esb_demo"
    assert (answer["data"]["user"], answer["data"]["verified"]) == ("admin", True)
    assert answer["data"]["source"] == "access_token"
    assert service.asked[0]["body"] == {"access_token": "good"}
    headers = service.asked[0]["headers"]
    assert (headers["x-bk-app-code"], headers["x-bk-app-secret"]) == ("bk_paas", "ssm-secret")
    assert headers["X-Bkapi-Request-Id"] == answer["request_id"]


async def test_the_record_of_a_call_tells_who_and_how(gateway: Gateway) -> None:
    await ask(gateway)
    finished = [event for event in gateway.events if isinstance(event, CallFinished)]
    assert [(event.app, event.user, event.user_source) for event in finished] == [("esb_demo", "admin", "access_token")]


@pytest.mark.parametrize("token", ["bad", "no-app", "odd"])
async def test_a_token_that_stands_for_nobody_is_refused(gateway: Gateway, token: str) -> None:
    answer = await ask(gateway, token)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, BAD)


@pytest.mark.parametrize("token", ["app-type", "nobody"])
async def test_a_token_of_an_app_alone_names_no_user(gateway: Gateway, token: str) -> None:
    assert (await ask(gateway, token))["message"] == APP_TYPE
    finished = [event for event in gateway.events if isinstance(event, CallFinished)]
    assert (finished[0].app, finished[0].user) == ("esb_demo", "")


async def test_nothing_else_names_the_user_for_a_token_of_an_app_alone(gateway: Gateway) -> None:
    assert (await ask(gateway, "app-type", bk_token="demo-token", bk_username="admin"))["message"] == APP_TYPE


async def test_where_no_user_is_needed_a_token_of_an_app_alone_will_do(
    open_gateway: OpenGateway, service: TokenService
) -> None:
    chain = "middlewares: [{use: app_auth}, {use: permission}]\n"
    gateway = await open_gateway(config=configuration(stanza(service), more=chain))
    answer = await ask(gateway, "app-type")
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", None)


async def test_where_no_app_is_needed_a_token_still_names_the_user(
    open_gateway: OpenGateway, service: TokenService
) -> None:
    gateway = await open_gateway(config=configuration(stanza(service), more="middlewares: [{use: user_auth}]\n"))
    answer = await ask(gateway)
    assert (answer["result"], answer["code"]) == (True, 0), answer
    assert (answer["data"]["app"], answer["data"]["user"], answer["data"]["source"]) == (None, "admin", "access_token")
    assert (await ask(gateway, "bad"))["message"] == BAD


async def test_an_app_that_the_directory_does_not_know_is_refused(gateway: Gateway) -> None:
    message = "Invalid APP Code [bk_app_code=ghost], please confirm if the APP Code has been registered"
    assert (await ask(gateway, "ghost"))["message"] == message


async def test_the_rights_of_the_app_hold(gateway: Gateway) -> None:
    assert (await ask(gateway, "no-rights"))["code"] == 1306403


async def test_a_token_wins_over_every_other_credential_in_the_header(gateway: Gateway) -> None:
    others: dict[str, Any] = {
        "bk_app_code": "other",
        "bk_app_secret": "demo-secret",
        "bk_token": "demo-token",
        "bk_username": "lisi",
    }
    answer = await ask(gateway, "good", {"bk_access_token": "old"}, **others)
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", "admin")
    assert (await ask(gateway, "bad", **others))["message"] == BAD


async def test_a_token_counts_in_the_header_only(gateway: Gateway, service: TokenService) -> None:
    response = await gateway.post({"access_token": "good"}, "who/is")
    assert (await response.json())["message"] == NEED_SECRET
    assert not service.asked


async def test_an_identity_is_kept_for_300_seconds(gateway: Gateway, service: TokenService, clock: Clock) -> None:
    await ask(gateway)
    clock.advance(299)
    await ask(gateway)
    assert len(service.asked) == 1
    clock.advance(1)
    await ask(gateway)
    assert len(service.asked) == 2


async def test_a_refusal_is_kept_for_5_seconds(gateway: Gateway, service: TokenService, clock: Clock) -> None:
    await ask(gateway, "new")
    service.answers["new"] = service.answers["good"]
    clock.advance(4)
    assert (await ask(gateway, "new"))["message"] == BAD
    clock.advance(1)
    assert (await ask(gateway, "new"))["result"]


async def test_many_who_ask_at_once_ask_once(gateway: Gateway, service: TokenService) -> None:
    service.wait = asyncio.Event()
    calls = [asyncio.create_task(ask(gateway)) for _ in range(20)]
    await all_inside(gateway, 20)
    service.wait.set()
    assert all(answer["result"] for answer in await asyncio.gather(*calls))
    assert len(service.asked) == 1


async def test_trouble_with_the_service_is_told_as_such_and_not_kept(gateway: Gateway, service: TokenService) -> None:
    service.status = 502
    answer = await ask(gateway)
    assert answer["code"] == 1306201
    assert "[BK_SSM]" in answer["message"]
    service.status = 200
    assert (await ask(gateway))["result"]


async def test_without_the_service_a_token_is_refused_and_the_missing_key_named(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(config=configuration())
    message = (await ask(gateway, bk_app_code="esb_demo", bk_app_secret="demo-secret"))["message"]
    assert message.startswith("verify access_token failed")
    assert "services.access_tokens" in message
