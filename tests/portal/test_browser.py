"""Every page in a real browser: it draws, follows the policy, asks nobody else for anything, and is there for all."""

import pytest
from playwright.async_api import Browser

from esb.portal.rendering import HEADERS
from tests.support.browser import Watch, open_page
from tests.support.showroom import Showroom

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOOKS = [
    ("en", "narrow", False, True),
    ("en", "wide", True, True),
    ("zh-hans", "narrow", True, False),
    ("zh-hans", "wide", False, True),
]
"""Both languages at both widths, light and dark with each of them; contrast, which is slow, in both of them where it is
wide, and once where it is narrow, for what stands elsewhere there."""
LANGUAGES = {"en": "Components", "zh-hans": "组件"}
INBOX = "/_sandbox/inbox"
FAULTY = """\
<!doctype html><html lang="en"><title>A page with every fault</title><main>
<h1 style="color: red">Faulty</h1><script>window.ran = true</script><img alt="" src="http://192.0.2.1/foreign.png">
<a href="javascript:alert(1)">go</a><b onclick="alert(1)">on</b><input><p id="wide">{wide}</p></main></html>
"""
"""A page that does all that the watch has to see."""


@pytest.mark.parametrize(("language", "width", "dark", "contrast"), LOOKS)
async def test_every_page_is_drawn_without_a_fault(
    browser: Browser, showroom: Showroom, language: str, width: str, dark: bool, contrast: bool
) -> None:
    watch = Watch((showroom.portal.url, showroom.sandbox_url))
    page = await open_page(browser, watch, width, dark=dark)
    await showroom.log_in(page, language)
    assert LANGUAGES[language] in await page.inner_text("nav")
    addresses = [showroom.portal.url + path for path in showroom.paths()]
    addresses += [showroom.sandbox_url + path for path in (INBOX, f"{INBOX}/1")]
    for address in addresses:
        await page.goto(address)
        await watch.look(page, contrast=contrast)
    await page.context.close()
    assert watch.all() == ""


async def test_the_watch_sees_every_fault(browser: Browser, showroom: Showroom) -> None:
    watch = Watch((showroom.portal.url,))
    page = await open_page(browser, watch, "narrow")
    body = FAULTY.replace("{wide}", "w" * 200)
    await page.route("**/faulty", lambda route: route.fulfill(body=body, content_type="text/html", headers=HEADERS))
    await page.goto(f"{showroom.portal.url}/faulty")
    await page.evaluate("alert(1)")
    await watch.look(page)
    found = watch.all()
    for fault in (
        "policy: script-src-elem inline",
        "policy: style-src-attr inline",
        "foreign request: http://192.0.2.1/foreign.png",
        "dialog: 1",
        "a script of its own: window.ran = true",
        "<a href=javascript:alert(1)>",
        "<b onclick=alert(1)>",
        "too wide by",
        "label: <input>",
    ):
        assert fault in found
