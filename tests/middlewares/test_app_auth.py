"""The app that is calling, by app code and secret. Signatures and tokens have tests of their own."""

from types import SimpleNamespace
from typing import cast

import pytest

from esb.contracts.services import ChainServices, ProcessServices
from esb.core.call import App, Call, Credentials, Record
from esb.core.errors import AuthenticationError
from esb.core.events import Observer
from esb.middlewares.app_auth import AppAuth, AppAuthConfig
from esb.services.apps.static import AppsConfig, StaticApp, StaticApps
from tests.support.calls import explode, let_in, make_call
from tests.support.clock import Clock
from tests.support.gateway import Gateway, Sandbox

APPS = AppsConfig(
    apps=(
        StaticApp.model_validate({"code": "shop", "secrets": ("old", "new"), "impersonate": ("a*",)}),
        StaticApp.model_validate({"code": "二", "secrets": ("密",)}),
    )
)


def app_auth() -> AppAuth:
    apps = StaticApps(APPS, cast(ProcessServices, None))  # it borrows nothing
    lent = SimpleNamespace(apps=apps, clock=Clock(), observer=Observer())
    return AppAuth(AppAuthConfig.model_validate({}), cast(ChainServices, lent))


def calling(**claims: str) -> Call:
    credentials = Credentials(claims, False, None)
    return make_call(credentials=credentials, record=Record())


async def test_the_app_of_a_right_secret_is_set() -> None:
    call = await app_auth()(calling(bk_app_code="shop", bk_app_secret="new"), let_in)
    assert call.app == App("shop", impersonate=("a*",), components=("*",))
    assert call.record.app == "shop"
    assert call.user is None


@pytest.mark.parametrize(
    "claims",
    [
        {"bk_app_code": "shop", "bk_app_secret": "old"},
        {"app_code": "shop", "app_secret": "new"},
        {"bk_app_code": "", "app_code": "shop", "bk_app_secret": "", "app_secret": "old"},
        {"bk_app_code": "shop", "app_code": "other", "bk_app_secret": "new", "app_secret": "wrong"},
        {"bk_app_code": "二", "bk_app_secret": "密"},
    ],
)
async def test_each_secret_and_each_legacy_name_will_do(claims: dict[str, str]) -> None:
    assert (await app_auth()(calling(**claims), let_in)).app is not None


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({}, "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the same time"),
        (
            {"bk_app_code": "shop"},
            "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the same time",
        ),
        ({"bk_app_secret": "new"}, "APP Code [bk_app_code] cannot be empty"),
        (
            {"bk_app_code": "nobody", "bk_app_secret": "new"},
            "Invalid APP Code [bk_app_code=nobody], please confirm if the APP Code has been registered",
        ),
        (
            {"bk_app_code": "shop", "bk_app_secret": "wrong"},
            "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code=shop] match",
        ),
        (
            {"bk_app_code": "shop", "bk_app_secret": "new "},
            "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code=shop] match",
        ),
        (
            {"bk_app_code": "shop", "bk_app_secret": "wrong", "app_secret": "new"},
            "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code=shop] match",
        ),
        (
            {"bk_app_code": "SHOP", "bk_app_secret": "new"},
            "Invalid APP Code [bk_app_code=SHOP], please confirm if the APP Code has been registered",
        ),
    ],
)
async def test_anything_else_is_refused_in_the_old_words(claims: dict[str, str], message: str) -> None:
    call = calling(**claims)
    with pytest.raises(AuthenticationError) as caught:
        await app_auth()(call, explode)
    assert str(caught.value) == message
    assert call.record.app == ""


async def test_an_absurd_code_is_quoted_in_part() -> None:
    with pytest.raises(AuthenticationError) as caught:
        await app_auth()(calling(bk_app_code="{x}" * 100_000, bk_app_secret="s"), explode)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "header",
    ["{}", '{"bk_app_code": "esb_demo"}', '{"bk_app_code": "esb_demo", "bk_app_secret": "wrong"}'],
)
async def test_credentials_of_header_and_body_are_never_merged(gateway: Gateway, sandbox: Sandbox, header: str) -> None:
    body = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin", "receiver": "zhangsan"}
    response = await gateway.post(
        {**body, "data": {"heading": "H", "message": "M"}}, headers={"X-Bkapi-Authorization": header}
    )
    assert (await response.json())["code"] == 1306000
    assert await sandbox.messages() == []


async def test_credentials_may_stand_in_a_query_for_a_get_only(gateway: Gateway) -> None:
    query = "?bk_app_code=esb_demo&bk_app_secret=demo-secret&bk_username=admin"
    response = await gateway.request("POST", f"/api/c/compapi/cmsi/send_weixin/{query}", data=b"{}")
    assert (await response.json())["message"].startswith("Signature [bk_signature] and APP Secret")
