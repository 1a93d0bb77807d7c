"""The API reference: a document in two languages, and swagger-ui that draws it by itself."""

from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.browser import WIDTHS, Watch, open_browser, open_page
from tests.support.portal import COMPONENTS, Portal, open_portal

SEND = "/api/c/compapi/cmsi/send_weixin/"


async def test_the_document_is_served_in_two_languages(portal: Portal) -> None:
    english = await portal.json("/openapi.json?lang=en")
    chinese = await portal.json("/openapi.json?lang=zh-hans")
    OpenAPIV31SpecValidator(chinese).validate()
    assert english["paths"][SEND]["post"]["summary"].startswith("Sends a WeChat message")
    assert chinese["paths"][SEND]["post"]["summary"].startswith("发送微信消息")
    assert chinese["info"]["description"].startswith("一个入口")
    codes = chinese["components"]["schemas"]["Failure"]["properties"]["code"]["description"]
    assert "- 1306000: 凭证" in codes
    assert list(english["paths"]) == list(chinese["paths"])


async def test_its_server_is_the_gateway_as_callers_reach_it(portal: Portal) -> None:
    assert (await portal.json("/openapi.json"))["servers"] == [{"url": portal.deployment.url}]


async def test_the_older_words_and_one_system_are_asked_for(tmp_path: Path) -> None:
    other = "  - {path: /cc/host/, use: http, config: {hosts: ['http://127.0.0.1:9'], path: /}}\n"
    async with open_portal(tmp_path, COMPONENTS + other) as portal:
        older = await portal.json("/openapi.json?openapi=3.0")
        assert older["openapi"].startswith("3.0")
        assert "/api/c/compapi/cc/host/" in older["paths"]
        one = await portal.json("/openapi.json?system=cc")
        assert list(one["paths"]) == ["/api/c/compapi/cc/host/"]
        assert await portal.json("/openapi.json?system=nothing", 404) == {"error": "There is no such system."}
        page = await portal.get("/reference?system=cc")
        assert 'data-document="/openapi.json?lang=en&amp;system=cc"' in page
        assert 'data-document="/openapi.json?lang=en"' in await portal.get("/reference?system=nothing")


async def test_who_takes_no_gzip_gets_the_same(portal: Portal) -> None:
    async with portal.browser.get(portal.url + "/openapi.json", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert (await response.json())["openapi"] == "3.1.0"


async def test_a_reload_makes_another_document(portal: Portal) -> None:
    assert SEND in (await portal.json("/openapi.json"))["paths"]
    portal.file.write_text(portal.file.read_text().replace("/cmsi/send_weixin/", "/cmsi/send_other/"))
    await portal.deployment.reloader.reload()
    assert SEND not in (await portal.json("/openapi.json"))["paths"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
async def test_swagger_ui_draws_without_a_violation_or_a_foreign_request(
    portal: Portal, width: str, dark: bool
) -> None:
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch, width, dark=dark)
        await page.goto(f"{portal.url}/reference")
        await page.wait_for_selector("#reference.drawn")
        await page.wait_for_selector(".opblock")
        assert await page.locator(".opblock").count() == 3
        await page.locator(".opblock-summary-control").first.click()
        await page.wait_for_selector(".opblock-body")
        assert await page.get_by_text("Try it out").count() == 0
        assert await page.get_by_text("Authorize").count() == 0
        assert await page.evaluate("document.documentElement.classList.contains('dark-mode')") is dark
        assert await page.evaluate("Object.keys(localStorage).length") == 0
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0
        assert watch.faults == []


async def test_reading_takes_no_script(portal: Portal) -> None:
    page = await portal.get("/reference")
    assert "<noscript>" in page
    assert 'href="/openapi.json?lang=en"' in page
