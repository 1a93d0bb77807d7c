"""Apps, logins and users as they stand in esb.yaml."""

from typing import Any, cast

import pytest
from pydantic import ValidationError

from esb.contracts.services import Contact, ProcessServices
from esb.core.errors import AuthenticationError
from esb.services.apps.static import AppsConfig, StaticApps
from esb.services.login.static import LoginConfig, StaticLogin
from esb.services.users.static import StaticUsers, UsersConfig
from tests.support.calls import make_call

SERVICES = cast(ProcessServices, None)  # of these back ends none borrows anything, but for rights that end


def apps(*entries: dict[str, Any]) -> StaticApps:
    return StaticApps(AppsConfig.model_validate({"apps": entries}), SERVICES)


async def test_an_app_is_verified_by_any_of_its_secrets() -> None:
    known = apps({"code": "a", "secrets": ("one", "two")}, {"code": "b", "secrets": ("three",)})
    for secret in ("one", "two"):
        assert (await known.verify(make_call(), "a", secret)).code == "a"
    for secret in ("three", "", "on", "onetwo", "ONE"):
        with pytest.raises(AuthenticationError, match="APP Secret verification failed"):
            await known.verify(make_call(), "a", secret)


async def test_an_app_has_its_rights_and_secrets() -> None:
    known = apps({"code": "a", "secrets": ("one", "two"), "impersonate": ("x*",), "components": ("cmsi.*",)})
    app = await known.rights(make_call(), "a")
    assert (app.impersonate, app.components, app.verified) == (("x*",), ("cmsi.*",), True)
    assert list(await known.secrets(make_call(), "a")) == [b"one", b"two"]


async def test_an_app_may_by_default_call_everything_and_name_nobody() -> None:
    app = await apps({"code": "a", "secrets": ("one",)}).rights(make_call(), "a")
    assert (app.impersonate, app.components) == ((), ("*",))


async def test_an_app_has_settings_that_nobody_can_change() -> None:
    settings = {"signature": "Acme", "routes": [{"to": "a"}], "token": "hunter2"}
    known = apps({"code": "a", "secrets": ("one",), "settings": settings}, {"code": "b", "secrets": ("two",)})
    app = await known.rights(make_call(), "a")
    assert app.settings == {"signature": "Acme", "routes": ({"to": "a"},), "token": "hunter2"}
    for frozen in (app.settings, app.settings["routes"][0], (await known.rights(make_call(), "b")).settings):
        with pytest.raises(TypeError):
            frozen["signature"] = "Other"  # type: ignore[index]  # that it cannot be set is the point
    assert hash(app) == hash(await known.rights(make_call(), "a"))


async def test_no_repr_has_the_settings_of_an_app() -> None:
    known = apps({"code": "a", "secrets": ("one",), "settings": {"token": "hunter2"}})
    assert "hunter2" not in f"{known.config!r} {await known.rights(make_call(), 'a')!r}"


async def test_an_unknown_app_is_refused_everywhere() -> None:
    known, call = apps(), make_call()
    for question in (known.verify(call, "x", "s"), known.secrets(call, "x"), known.rights(call, "x")):
        with pytest.raises(AuthenticationError, match=r"Invalid APP Code \[bk_app_code=x\]"):
            await question


async def test_an_app_without_secrets_lets_nobody_in() -> None:
    known = apps({"code": "a", "secrets": ()})
    with pytest.raises(AuthenticationError, match="APP Secret verification failed"):
        await known.verify(make_call(), "a", "")


@pytest.mark.parametrize(
    "entries",
    [
        [{"code": "a", "secrets": ("",)}],
        [{"code": "", "secrets": ("s",)}],
        [{"code": "a", "secrets": ("s",)}, {"code": "a", "secrets": ("t",)}],
        [{"code": "a"}],
    ],
)
def test_apps_that_contradict_themselves_are_a_mistake(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        AppsConfig.model_validate({"apps": tuple(entries)})


async def test_a_token_has_one_owner() -> None:
    login = StaticLogin(LoginConfig(tokens={"token-a": "anna", "词": "ben"}), SERVICES)
    assert await login.username(make_call(), "token-a") == "anna"
    assert await login.username(make_call(), "词") == "ben"
    for wrong in ("token", "token-a ", "TOKEN-A", "anna"):
        with pytest.raises(AuthenticationError, match="please check if the bk_token is valid"):
            await login.username(make_call(), wrong)


def test_a_login_config_prints_no_token() -> None:
    assert "token-a" not in repr(LoginConfig(tokens={"token-a": "anna"}))


@pytest.mark.parametrize("tokens", [{"": "anna"}, {"token-a": ""}])
def test_a_login_without_a_token_or_a_user_is_a_mistake(tokens: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        LoginConfig(tokens=tokens)


def users(*entries: dict[str, Any]) -> StaticUsers:
    return StaticUsers(UsersConfig.model_validate({"users": entries}), SERVICES)


async def test_people_are_found_by_name_unless_they_have_left() -> None:
    known = users(
        {"username": "anna", "wx_userid": "wa", "email": "a@x", "telephone": "1", "country_code": "44"},
        {"username": "ben"},
        {"username": "carl", "active": False},
    )
    found = await known.contacts(make_call(), ["ben", "anna", "carl", "dora", "anna"])
    assert found == {
        "anna": Contact("anna", "a@x", "1", "44", {"wx_userid": "wa"}),
        "ben": Contact("ben", country_code="86"),
    }
    assert await known.contacts(make_call(), []) == {}


def test_a_contact_prints_no_address() -> None:
    printed = repr(Contact("anna", "a@example.com", "13800000000", "86", {"chat": "anna-in-chat"}))
    assert "a@example.com" not in printed
    assert "13800000000" not in printed
    assert "anna-in-chat" not in printed


async def test_addresses_of_a_kind_of_ones_own_stand_beside_those_of_wechat() -> None:
    known = users({"username": "anna", "wx_userid": "wa", "addresses": {"feishu_id": "ou_1"}})
    contact = (await known.contacts(make_call(), ["anna"]))["anna"]
    assert contact.addresses == {"feishu_id": "ou_1", "wx_userid": "wa"}


async def test_calls_that_share_a_contact_cannot_change_its_addresses() -> None:
    known = users({"username": "anna", "wx_userid": "wa"})
    contact = (await known.contacts(make_call(), ["anna"]))["anna"]
    with pytest.raises(TypeError):
        contact.addresses["wx_userid"] = "other"  # type: ignore[index]  # that it cannot be set is the point


def test_a_person_declared_twice_is_a_mistake() -> None:
    with pytest.raises(ValidationError):
        users({"username": "anna"}, {"username": "anna", "active": False})
