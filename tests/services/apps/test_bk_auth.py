"""services.apps, use: bk_auth: against a bkauth over HTTP."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.identity import NEED_USER, SECRET, WHO, all_inside, configuration, fetch, signature_of

UNREACHABLE = "request bkauth api error, please try again later or contact component developer to handle"


@dataclass
class BkAuth:
    """bkauth, as far as the gateway asks it. An app of `keys` has these secrets, in the form of its answers."""

    url: str = ""
    asked: list[web.Request] = field(default_factory=list)
    keys: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {
            "esb_demo": [{"bk_app_secret": "old", "enabled": False}, {"bk_app_secret": "demo-secret", "enabled": True}],
            "plain": [{"bk_app_secret": "demo-secret"}],
            "a/b c": [{"bk_app_secret": "demo-secret"}],
            "empty": [],
            "blank": [{"bk_app_secret": ""}],
        }
    )
    answer: web.Response | None = None
    wait: asyncio.Event | None = None

    async def verify(self, request: web.Request) -> web.Response:
        body = await request.json()
        return await self._answer(
            request, lambda keys: {"is_match": any(key["bk_app_secret"] == body["bk_app_secret"] for key in keys)}
        )

    async def list(self, request: web.Request) -> web.Response:
        return await self._answer(request, lambda keys: keys)

    async def _answer(self, request: web.Request, data: Any) -> web.Response:
        self.asked.append(request)
        if self.wait is not None:
            await self.wait.wait()
        if self.answer is not None:
            return self.answer
        keys = self.keys.get(request.match_info["code"])
        if keys is None:
            return web.json_response({"code": 1901404, "message": "app not found", "data": None}, status=404)
        return web.json_response({"code": 0, "message": "ok", "data": data(keys)})


@pytest.fixture
async def bkauth(open_server: OpenServer) -> BkAuth:
    bkauth = BkAuth()
    app = web.Application()
    app.router.add_post("/api/v1/apps/{code}/access-keys/verify", bkauth.verify)
    app.router.add_get("/api/v1/apps/{code}/access-keys", bkauth.list)
    bkauth.url = await open_server(app)
    return bkauth


@pytest.fixture
async def gateway(open_gateway: OpenGateway, bkauth: BkAuth, clock: Clock) -> Gateway:
    apps = f"""\
  apps:
    use: bk_auth
    config:
      url: {bkauth.url}
      app_code: bk_apigateway
      app_secret: gateway-secret
      apps:
        - {{code: esb_demo, impersonate: ["*"]}}
        - {{code: "a/b c", impersonate: ["*"], components: [other.*]}}
  login: {{use: static, config: {{tokens: {{demo-token: admin}}}}}}
"""
    return await open_gateway(config=configuration(apps=apps), clock=clock)


async def ask(gateway: Gateway, code: str = "esb_demo", secret: str = SECRET, **more: str) -> dict[str, Any]:
    body = {"bk_app_code": code, "bk_app_secret": secret, "bk_username": "admin", **more}
    return await fetch(gateway, "POST", WHO, {}, json=body)


async def ask_signed(gateway: Gateway, clock: Clock, code: str = "esb_demo", **signing: Any) -> dict[str, Any]:
    query = {"bk_app_code": code, "bk_username": "admin", "bk_nonce": "1", "bk_timestamp": str(int(clock.since_1970()))}
    return await fetch(gateway, "GET", WHO, {**query, "bk_signature": signature_of("GET", WHO, query, **signing)})


async def test_a_secret_that_matches_lets_the_app_in(gateway: Gateway, bkauth: BkAuth) -> None:
    answer = await ask(gateway)
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", "admin")
    headers = bkauth.asked[0].headers
    assert (headers["x-bk-app-code"], headers["x-bk-app-secret"]) == ("bk_apigateway", "gateway-secret")
    assert headers["X-Bkapi-Request-Id"] == answer["request_id"]


async def test_a_wrong_secret_gets_a_text_of_its_own_and_not_bkauths_ok(gateway: Gateway) -> None:
    answer = await ask(gateway, secret="wrong")
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == (
        "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code=esb_demo] match"
    )


async def test_what_bkauth_refuses_is_told_in_its_words(gateway: Gateway) -> None:
    assert (await ask(gateway, "ghost"))["message"] == "bkauth: app not found"


@pytest.mark.parametrize("code", ["..", ".", "x" * 129])
async def test_a_code_that_can_be_none_is_never_asked_about(gateway: Gateway, bkauth: BkAuth, code: str) -> None:
    assert (await ask(gateway, code))["message"].startswith("Invalid APP Code [bk_app_code=")
    assert not bkauth.asked


async def test_an_odd_code_stays_one_segment_of_the_path(gateway: Gateway, bkauth: BkAuth) -> None:
    assert (await ask(gateway, "a/b c"))["code"] == 1306403
    assert bkauth.asked[0].raw_path == "/api/v1/apps/a%2Fb%20c/access-keys/verify"


async def test_an_app_without_an_entry_may_impersonate_nobody(gateway: Gateway) -> None:
    assert (await ask(gateway, "plain"))["message"] == NEED_USER
    assert (await ask(gateway, "plain", bk_token="demo-token"))["data"]["user"] == "admin"


async def test_a_right_ends_by_the_clock_however_long_bkauth_says_yes(
    open_gateway: OpenGateway, bkauth: BkAuth, clock: Clock
) -> None:
    rights = '{code: esb_demo, impersonate: ["*"], expires: "2027-01-15T08:17:40Z"}'
    config = f"{{url: {bkauth.url}, app_code: a, app_secret: s, apps: [{rights}]}}"
    gateway = await open_gateway(
        config=configuration(apps=f"  apps: {{use: bk_auth, config: {config}}}\n"), clock=clock
    )
    assert (await ask(gateway))["result"] is True
    clock.advance(60)
    assert (await ask(gateway))["message"] == "APP [bk_app_code=esb_demo] expired at 2027-01-15T08:17:40Z"
    assert (await ask_signed(gateway, clock))["code"] == 1306403


async def test_a_signature_is_checked_with_the_secrets_that_bkauth_lists(gateway: Gateway, clock: Clock) -> None:
    answer = await ask_signed(gateway, clock)
    assert answer["data"]["app"] == "esb_demo", answer


async def test_a_disabled_secret_signs_nothing(gateway: Gateway, clock: Clock) -> None:
    assert (await ask_signed(gateway, clock, secret="old"))["message"].startswith("Signature [bk_signature] verif")


@pytest.mark.parametrize("code", ["empty", "blank"])
async def test_an_app_without_secrets_signs_nothing(gateway: Gateway, clock: Clock, code: str) -> None:
    answer = await ask_signed(gateway, clock, code, secret="")
    assert answer["message"].startswith(f"Invalid APP Code [bk_app_code={code}]")


async def test_what_matched_is_kept_for_300_seconds(gateway: Gateway, bkauth: BkAuth, clock: Clock) -> None:
    await ask(gateway)
    clock.advance(299)
    assert (await ask(gateway))["result"]
    assert not (await ask(gateway, secret="wrong"))["result"]
    assert len(bkauth.asked) == 2
    clock.advance(1)
    await ask(gateway)
    assert len(bkauth.asked) == 3


async def test_secrets_are_kept_for_300_seconds(gateway: Gateway, bkauth: BkAuth, clock: Clock) -> None:
    for seconds in (299, 1, 0):
        await ask_signed(gateway, clock)
        clock.advance(seconds)
    assert len(bkauth.asked) == 2


async def test_a_refusal_is_kept_for_5_seconds(gateway: Gateway, bkauth: BkAuth, clock: Clock) -> None:
    await ask(gateway, "new")
    bkauth.keys["new"] = [{"bk_app_secret": "demo-secret"}]
    clock.advance(4)
    assert (await ask(gateway, "new"))["message"] == "bkauth: app not found"
    clock.advance(1)
    assert (await ask(gateway, "new", bk_token="demo-token"))["result"]


async def test_many_who_ask_at_once_ask_once(gateway: Gateway, bkauth: BkAuth) -> None:
    bkauth.wait = asyncio.Event()
    calls = [asyncio.create_task(ask(gateway)) for _ in range(20)]
    await all_inside(gateway, 20)
    bkauth.wait.set()
    assert all(answer["result"] for answer in await asyncio.gather(*calls))
    assert len(bkauth.asked) == 1


@pytest.mark.parametrize("text", ["no JSON", "[]"])
async def test_a_bkauth_that_does_not_answer_is_told_as_such_and_not_kept(
    gateway: Gateway, bkauth: BkAuth, text: str
) -> None:
    bkauth.answer = web.Response(text=text)
    answer = await ask(gateway)
    assert (answer["code"], answer["message"]) == (1306000, UNREACHABLE)
    bkauth.answer = None
    assert (await ask(gateway))["result"]


async def test_bkauths_own_trouble_is_not_kept(gateway: Gateway, bkauth: BkAuth) -> None:
    bkauth.answer = web.json_response({"code": 1901500, "message": "no database"}, status=500)
    assert (await ask(gateway))["message"] == "bkauth: no database"
    bkauth.answer = None
    assert (await ask(gateway))["result"]


async def test_a_match_is_a_match_only_if_bkauth_says_true(gateway: Gateway, bkauth: BkAuth) -> None:
    bkauth.answer = web.json_response({"code": 0, "message": "ok", "data": {"is_match": "yes"}})
    assert not (await ask(gateway))["result"]
