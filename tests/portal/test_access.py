"""Access to the pages: by token, by single sign-on, and from this machine where there is neither."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.portal import Portal, open_portal
from tests.support.processes.deployment import BEARER, TOKENS

OPERATORS = 'href="/apps"'
SINGLE_SIGN_ON = ", trusted_header: X-Forwarded-User, trusted_from: [127.0.0.1]"


async def test_who_shows_a_token_has_no_need_of_a_session(portal: Portal) -> None:
    assert OPERATORS in await portal.get("/", headers=BEARER)
    async with portal.browser.post(portal.url + "/logout", headers=BEARER) as response:
        assert response.status == 200, "nor of a form: no other site can send this header"


@pytest.mark.parametrize(
    ("admin_keys", "headers", "reads"),
    [
        ("", {}, True),
        ("", {"x-forwarded-for": "203.0.113.7"}, False),
        ("", {"Forwarded": "for=203.0.113.7"}, False),
        (TOKENS, {}, True),
        (f"{TOKENS}, read: token", {}, False),
        (f"{TOKENS}, read: token", BEARER, True),
        (f"{TOKENS}, read: token", {"Authorization": "Bearer wrong"}, False),
    ],
)
async def test_who_may_read(
    tmp_path: Path, opened: AsyncExitStack, admin_keys: str, headers: dict[str, str], reads: bool
) -> None:
    portal = await opened.enter_async_context(open_portal(tmp_path, admin_keys=admin_keys))
    assert (OPERATORS in await portal.get("/", headers=headers)) == reads


async def test_single_sign_on_names_the_operator(tmp_path: Path, opened: AsyncExitStack) -> None:
    portal = await opened.enter_async_context(open_portal(tmp_path, keys=SINGLE_SIGN_ON))
    page = await portal.get("/", headers={"X-Forwarded-User": "anna", "Host": "esb.example.com"})
    assert OPERATORS in page
    assert "anna" in page
    assert OPERATORS not in await portal.get("/"), "who did not come that way is nobody"


async def test_a_header_of_somebody_else_names_nobody(tmp_path: Path, opened: AsyncExitStack) -> None:
    keys = SINGLE_SIGN_ON.replace("127.0.0.1", "10.0.0.5")
    portal = await opened.enter_async_context(open_portal(tmp_path, keys=keys))
    page = await portal.get("/", headers={"X-Forwarded-User": "anna"})
    assert OPERATORS not in page
    assert "anna" not in page


async def test_behind_https_cookies_are_of_this_host_alone(portal: Portal) -> None:
    async with portal.browser.get(portal.url, headers={"X-Forwarded-Proto": "https"}) as response:
        cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-esb_visitor=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
