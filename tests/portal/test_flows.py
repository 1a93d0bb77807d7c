"""The ways of people through the pages, in a real browser: developers and operators, by keyboard, without scripts."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import Watch, open_page
from tests.support.showroom import Showroom

pytestmark = pytest.mark.asyncio(loop_scope="module")
DATA = '{"heading": "Disk full", "message": "<b>now</b>", "date": "D"}'
SEND = "/cgi-bin/message/send"
TABS = 80
"""Presses of the Tab key after which somebody has gone around a page."""


def watching(showroom: Showroom) -> Watch:
    return Watch((showroom.portal.url, showroom.sandbox_url))


async def test_a_developer_finds_a_component_tries_it_and_sees_the_message_arrive(
    browser: Browser, showroom: Showroom
) -> None:
    watch = watching(showroom)
    page = await open_page(browser, watch)
    await page.goto(showroom.portal.url)
    inbox = await page.context.new_page()
    await inbox.goto(f"{showroom.sandbox_url}/_sandbox/inbox")
    await expect(inbox.locator("#live")).to_have_text("Live")

    await page.get_by_role("searchbox").fill("wechat")
    await expect(page.locator("#found")).not_to_contain_text("send_sms")
    await page.locator("#found").get_by_role("link", name="cmsi/send_weixin", exact=True).click()
    await page.get_by_role("link", name="Try it: a dry run").click()
    await page.get_by_label("bk_app_code").fill("esb_demo")
    await page.get_by_label("bk_app_secret").fill("demo-secret")
    await page.get_by_label("bk_username").fill("admin")
    await page.locator("[name='p.receiver']").fill("lisi")
    await page.get_by_label("data").fill(DATA)
    await page.get_by_role("button", name="Dry run").click()
    await expect(page.locator("#result")).to_contain_text("would be sent")
    await watch.look(page)
    await expect(inbox.locator("#feed")).not_to_contain_text("Disk full")

    await page.get_by_role("button", name="Send for real").click()
    await expect(page.locator("#result h2")).to_have_text("Send for real?")
    await watch.look(page)
    await page.get_by_role("button", name="Send now").click()
    await expect(page.locator("#result .bubble")).to_contain_text("<b>now</b>")
    await watch.look(page)
    await expect(inbox.locator("#feed > li").first).to_contain_text("<b>now</b>")
    await page.get_by_role("link", name="To the sandbox's inbox").click()
    await expect(page.locator("#feed > li").first).to_contain_text("Disk full")
    await watch.look(page)
    assert watch.all() == ""


async def test_an_operator_makes_an_app_gives_its_secret_away_and_sees_its_calls(
    browser: Browser, showroom: Showroom
) -> None:
    watch = watching(showroom)
    page = await open_page(browser, watch)
    await showroom.log_in(page)
    await page.get_by_role("link", name="Apps", exact=True).click()
    await page.get_by_text("Make an app").click()
    await page.get_by_label("Code *").fill("newcomer")
    await page.get_by_role("button", name="Make it").click()
    secret = await page.inner_text("#secret")
    assert len(secret) == 48
    await watch.look(page)

    await page.get_by_role("link", name="To the app and its rights").click()
    assert secret not in await page.content()
    await page.get_by_text("Give a grant").click()
    await page.locator("#grants").get_by_label("Pattern").fill("cmsi.*")
    await page.locator("#grants").get_by_role("button", name="Give it").click()
    await page.get_by_text("Give an impersonation").click()
    await page.locator("#impersonations").get_by_label("Users").fill("*")
    await page.locator("#impersonations").get_by_role("button", name="Give it").click()
    await watch.look(page)

    caller = {"bk_app_code": "newcomer", "bk_app_secret": secret}
    while not (await showroom.portal.send(**caller))["result"]:
        pass  # the gateway looks for new apps now and then
    await showroom.portal.deployment.gateway._use.write()  # type: ignore[union-attr]  # there is a database
    await page.reload()
    await page.locator("a[href^='/apps/newcomer/use']").click()
    await expect(page.locator("main")).to_contain_text("cmsi.send_weixin")
    await watch.look(page)
    await page.get_by_role("link", name="History", exact=True).click()
    await expect(page.locator("main")).to_contain_text("app.create")
    assert secret not in await page.content()
    assert watch.all() == ""


async def test_a_failed_delivery_is_found_and_sent_again(browser: Browser, showroom: Showroom) -> None:
    watch = watching(showroom)
    page = await open_page(browser, watch)
    await showroom.log_in(page)
    await showroom.fault(SEND, errcode=60111)
    envelope = await showroom.portal.send(receiver="wangwu", **{"async": True})
    identity = envelope["data"]["delivery"]["id"]
    await page.get_by_role("link", name="Deliveries").click()
    await page.get_by_label("Receiver").fill("wangwu")
    await page.get_by_role("button", name="Search").click()
    await watch.look(page)
    await page.locator(f"a[href='/deliveries/{identity}']").click()
    await expect(page.locator("#delivery .state .badge")).to_have_text("dead")
    await expect(page.locator("main")).to_contain_text("60111")
    await watch.look(page)

    await showroom.fault(SEND)
    await page.get_by_role("button", name="Send again to those who failed").click()
    await expect(page.locator("#delivery .state .badge")).to_have_text("done")
    await watch.look(page)
    assert watch.all() == ""


async def press_until(page: Page, selector: str, key: str = "Tab") -> None:
    """Press a key until the element that this selects has the focus."""
    for _ in range(TABS):
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press(key)
    pytest.fail(f"{selector} is not reached by {key}")


async def test_the_keyboard_alone_leads_to_a_dry_run(browser: Browser, showroom: Showroom) -> None:
    watch = watching(showroom)
    page = await open_page(browser, watch)
    await page.goto(showroom.portal.url)
    await press_until(page, "main .primary")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/try")
    for name, text in (("bk_app_code", "esb_demo"), ("bk_app_secret", "demo-secret"), ("bk_username", "admin")):
        await press_until(page, f"[name='{name}']")
        await page.keyboard.press("Control+A")
        await page.keyboard.type(text)
    await press_until(page, "[name='p.receiver']")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("lisi")
    await press_until(page, "[value='dry_run']")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"
    await page.keyboard.press("Enter")
    await expect(page.locator("#result")).to_contain_text("would be sent")
    assert watch.all() == ""


async def test_all_pages_can_be_read_without_scripts(browser: Browser, showroom: Showroom) -> None:
    watch = watching(showroom)
    page = await open_page(browser, watch, java_script_enabled=False)
    await showroom.log_in(page)
    shown = {}
    for path in showroom.paths():
        await page.goto(showroom.portal.url + path)
        await expect(page.locator("main h1"), path).to_be_visible()
        shown[path] = await page.inner_text("main")
    for path, texts in showroom.contents().items():
        for text in texts:
            assert text in shown[path], path
    assert watch.all() == ""
