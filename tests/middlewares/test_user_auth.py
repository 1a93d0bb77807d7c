"""The user that an app acts for: the order of credentials, of which a bad one is final."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from esb.contracts.services import ChainServices, ProcessServices
from esb.core.call import App, Call, Credentials, Impersonation, Record, User
from esb.core.errors import AuthenticationError
from esb.middlewares.user_auth import NO_USER, UserAuth, UserAuthConfig
from esb.services.login.static import LoginConfig, StaticLogin
from tests.support.calls import explode, let_in, make_call

BAD_TOKEN = "User authentication failed, please check if the bk_token is valid"
ANYBODY = App("any", impersonate=("*",))
NOBODY = App("none")


def user_auth(cookie: str | None = "bk_token") -> UserAuth:
    login = StaticLogin(LoginConfig(tokens={"token-a": "anna", "token-b": "ben"}), cast(ProcessServices, None))
    return UserAuth(UserAuthConfig(cookie=cookie), cast(ChainServices, SimpleNamespace(login=login)))


def calling(app: App | None = ANYBODY, /, cookie: str = "", parameter: str = "", **claims: str) -> Call:
    credentials = Credentials(claims, False, None, cookie=cookie, parameter_access_token=parameter)
    return make_call(app=app, credentials=credentials, record=Record())


async def found(call: Call) -> tuple[User | None, str]:
    answered = await user_auth()(call, let_in)
    assert answered.record.user == answered.user.username
    return answered.user, answered.record.user_source


async def refused(call: Call, middleware: UserAuth | None = None) -> AuthenticationError:
    with pytest.raises(AuthenticationError) as caught:
        await (middleware or user_auth())(call, explode)
    assert call.record.user == ""
    return caught.value


async def test_a_login_proves_its_user() -> None:
    assert await found(calling(bk_token="token-a")) == (User("anna", verified=True), "bk_token")
    assert await found(calling(NOBODY, bk_token="token-a")) == (User("anna", verified=True), "bk_token")


async def test_a_login_wins_over_a_name_and_a_cookie() -> None:
    call = calling(bk_token="token-a", bk_username="carl", cookie="bk_token=token-b")
    assert await found(call) == (User("anna", verified=True), "bk_token")


async def test_a_bad_login_is_not_rescued() -> None:
    error = await refused(calling(bk_token="wrong", bk_username="carl", cookie="bk_token=token-b"))
    assert str(error) == BAD_TOKEN


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"bk_username": "carl"}, "carl"),
        ({"username": "carl"}, "carl"),
        ({"bk_username": "", "username": "carl"}, "carl"),
        ({"bk_username": "carl", "username": "dora"}, "carl"),
        ({"bk_token": "", "bk_username": "carl"}, "carl"),
    ],
)
async def test_an_app_that_may_names_its_user(claims: dict[str, str], name: str) -> None:
    assert await found(calling(**claims)) == (User(name, verified=False), "bk_username")


@pytest.mark.parametrize(
    ("globs", "name", "allowed"),
    [
        (("*",), "anybody", True),
        (("carl",), "carl", True),
        (("c*", "d*"), "dora", True),
        (("bot-[0-9]",), "bot-7", True),
        ((), "carl", False),
        (("carl",), "carla", False),
        (("carl",), "CARL", False),
        (("c*",), "anna", False),
        (("c?",), "c\n\n", False),
        (("",), "carl", False),
    ],
)
async def test_whom_an_app_may_name_is_told_by_globs(globs: tuple[str, ...], name: str, allowed: bool) -> None:
    call = calling(App("a", impersonate=globs), bk_username=name)
    if allowed:
        assert (await found(call))[0] == User(name, verified=False)
    else:
        error = await refused(call)
        assert str(error) == NO_USER
        assert "impersonate" in str(error.data["hint"])


@pytest.mark.parametrize(
    ("users", "components", "allowed"),
    [
        ("carl", "cmsi.send_weixin", True),
        ("c*", "cmsi.*", True),
        ("carl", "cc.*", False),
        ("anna", "cmsi.*", False),
        ("CARL", "cmsi.*", False),
    ],
)
async def test_some_users_may_be_named_in_calls_of_some_components_only(
    users: str, components: str, *, allowed: bool
) -> None:
    others = Impersonation("carl", "cc.search_host")
    call = calling(App("a", impersonations=(others, Impersonation(users, components))), bk_username="carl")
    if allowed:
        assert (await found(call))[0] == User("carl", verified=False)
    else:
        assert str(await refused(call)) == NO_USER


async def test_who_may_be_named_in_calls_of_one_version_is_not_named_in_those_of_others() -> None:
    app = App("a", impersonations=(Impersonation("carl", "v2.cmsi.*"),))
    call = calling(app, bk_username="carl")
    await refused(call)
    assert (await found(replace(call, path="/v2/cmsi/send_weixin/")))[0] == User("carl", verified=False)


@pytest.mark.parametrize(
    "name",
    [" carl", "carl ", "carl\n", "ca\rrl", "ca\x00rl", "\x1b[31mcarl", "carl\u2028", "carl\u200b", "\ud800", "c" * 256],
)
async def test_what_is_no_name_is_nobodys_whoever_may_be_named(name: str) -> None:
    error = await refused(calling(bk_username=name, cookie="bk_token=token-a"))
    assert str(error) == NO_USER
    assert "no user name" in str(error.data["hint"])


@pytest.mark.parametrize("name", ["张三", "Anna Müller", "anna@example.com", "o'neill", "c" * 255])
async def test_names_are_of_any_language(name: str) -> None:
    assert (await found(calling(bk_username=name)))[0] == User(name, verified=False)


async def test_a_name_that_is_refused_is_not_rescued_by_the_cookie() -> None:
    await refused(calling(NOBODY, bk_username="carl", cookie="bk_token=token-a"))


async def test_without_an_app_nobody_may_be_named() -> None:
    await refused(calling(None, bk_username="carl"))


@pytest.mark.parametrize(
    "cookie",
    [
        "bk_token=token-a",
        ' bk_token = "token-a" ',
        "a=b; bk_token=token-a; c=d",
        "odd; =; ==; [x]; bk_token=token-a",
        'json={"a": "b,c"}; bk_token=token-a',
        "bk_token=token-a; bk_token=token-b",
    ],
)
async def test_the_cookie_counts_when_nothing_else_names_a_user(cookie: str) -> None:
    assert await found(calling(NOBODY, cookie=cookie)) == (User("anna", verified=True), "cookie")


@pytest.mark.parametrize(
    "cookie", ["", ";", "bk_token", "bk_token=", 'bk_token=""', "BK_TOKEN=token-a", "xbk_token=token-a", "token-a"]
)
async def test_a_cookie_that_holds_no_token_is_none(cookie: str) -> None:
    error = await refused(calling(cookie=cookie))
    assert (str(error), error.data) == (NO_USER, None)


async def test_a_bad_cookie_is_refused() -> None:
    assert str(await refused(calling(cookie="bk_token=wrong"))) == BAD_TOKEN


async def test_the_cookie_may_have_another_name_or_be_switched_off() -> None:
    call = calling(cookie="bk_token=token-a; session=token-b")
    answered = await user_auth("session")(call, let_in)
    assert answered.user == User("ben", verified=True)
    assert str(await refused(calling(cookie="bk_token=token-a"), user_auth(None))) == NO_USER


async def test_the_old_access_token_parameter_is_refused_before_all_else() -> None:
    error = await refused(calling(parameter="t", bk_token="token-a"))
    assert str(error) == "The specified user TOKEN [bk_access_token] does not exist"


async def test_a_user_who_is_known_already_stays() -> None:
    known = make_call(user=User("eve", verified=True))
    answered = await user_auth()(known, let_in)
    assert answered is known
