"""The way of every request to the portal: policy, languages, JSON, refusals, and files that browsers keep."""

import re

import pytest
from yarl import URL

from esb.portal.rendering import POLICY
from tests.support.portal import Portal
from tests.support.processes.deployment import BEARER


async def test_every_page_has_the_policy_and_is_kept_by_nobody(portal: Portal) -> None:
    for path in ("/", "/login", "/nothing-here"):
        async with portal.browser.get(portal.url + path) as response:
            assert response.headers["Content-Security-Policy"] == POLICY
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "unsafe" not in response.headers["Content-Security-Policy"]


async def test_a_page_is_json_for_those_who_ask_for_it(portal: Portal) -> None:
    assert (await portal.get("/")).startswith("<!doctype html>")
    assert "components" in await portal.json("/")
    assert await portal.json("/nothing-here", 404) == {"error": "There is no such page."}


async def test_the_language_is_what_was_chosen_else_what_the_browser_asks_for(portal: Portal) -> None:
    assert "<h1>Components</h1>" in await portal.get("/")
    assert "<h1>组件</h1>" in await portal.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "<h1>组件</h1>" in await portal.get("/?lang=zh-hans")
    assert "<h1>组件</h1>" in await portal.get("/", headers={"Accept-Language": "en"})
    assert "<h1>Components</h1>" in await portal.get("/?lang=en")


async def test_files_are_kept_for_ever_at_an_address_that_changes_with_them(portal: Portal) -> None:
    page = await portal.get("/")
    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(addresses) >= 3
    for address in addresses:
        async with portal.browser.get(portal.url + address) as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]
    await portal.get(re.sub(r"/static/[0-9a-f]+/", "/static/000000000000/", addresses[0]), 404)


async def test_a_name_that_nobody_has_configured_is_refused(portal: Portal) -> None:
    async with portal.browser.get(portal.url, headers={"Host": "rebound.example"}) as response:
        assert response.status == 403
        assert "server.portal.hosts" in await response.text()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}],
)
async def test_a_form_of_another_site_is_refused(portal: Portal, headers: dict[str, str]) -> None:
    async with portal.browser.post(portal.url + "/logout", headers=headers) as response:
        assert response.status == 403
        assert "Another site" in await response.text()


async def test_a_form_without_its_token_is_refused(portal: Portal) -> None:
    async with portal.browser.post(portal.url + "/login", data={"token": "x"}) as response:
        assert response.status == 403
        assert "load the page again" in await response.text()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"csrf=\xff"),
        ("application/x-www-form-urlencoded; charset=nothing", b"csrf=x"),
        ("multipart/form-data", b"csrf=x"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--\r\n"),
    ],
)
@pytest.mark.parametrize("headers", [{}, BEARER, {"X-CSRF-Token": "of htmx"}])
async def test_a_form_that_cannot_be_read_is_refused(
    portal: Portal, kind: str, body: bytes, headers: dict[str, str]
) -> None:
    sent = {"Content-Type": kind, **headers}
    async with portal.browser.post(portal.url + "/apps", data=body, headers=sent) as response:
        assert response.status == 400
        assert "cannot be read" in await response.text()


async def test_a_slash_at_the_end_leads_to_the_page_without_it(portal: Portal) -> None:
    async with portal.browser.get(f"{portal.url}/login/?back=/c/", allow_redirects=False) as response:
        assert response.headers["Location"] == "/login?back=/c/"
    for elsewhere in ("//elsewhere.example/", "/%5Celsewhere.example/"):
        async with portal.browser.get(URL(portal.url + elsewhere, encoded=True), allow_redirects=False) as response:
            assert response.status == 404


async def test_a_page_that_is_not_there_is_refused_to_an_unknown_name_like_any_other(portal: Portal) -> None:
    async with portal.browser.get(f"{portal.url}/nothing", headers={"Host": "rebound.example"}) as response:
        assert response.status == 403
