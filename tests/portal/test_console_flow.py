"""The console in a real browser: from a dry run to the message as it arrived, with scripts and without."""

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import Watch, open_browser, open_page
from tests.support.portal import Portal

TRY = "/c/cmsi/send_weixin/try"


async def follow(page: Page, portal: Portal) -> None:
    """Try the component, send for real, and look at what arrived."""
    await page.goto(portal.url + TRY)
    await page.get_by_label("data").fill('{"heading": "Disk full", "message": "<b>now</b>", "date": "D"}')
    await page.get_by_role("button", name="Dry run").click()
    await expect(page.locator("#result h2")).to_have_text("What would happen")
    await expect(page.locator("#result")).to_contain_text("would be sent")
    await page.get_by_role("button", name="Send for real").click()
    await expect(page.locator("#result h2")).to_have_text("Send for real?")
    await page.get_by_role("button", name="Send now").click()
    await expect(page.locator("#result h2")).to_have_text("What happened")
    await expect(page.locator("#result .bubble blockquote")).to_have_text("Disk full\n<b>now</b>\nDate: D")


async def test_a_dry_run_leads_to_a_message_and_only_the_result_changes(portal: Portal) -> None:
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch)
        await follow(page, portal)
        assert "Disk full" in await page.get_by_label("data").input_value()
        assert page.url == portal.url + TRY
        assert watch.faults == []


async def test_all_of_it_works_without_scripts(portal: Portal) -> None:
    async with open_browser() as browser:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(portal.url + TRY)
        await follow(page, portal)


@pytest.mark.parametrize("has_scripts", [True, False])
async def test_a_double_click_sends_once_and_so_does_a_reload_of_its_answer(portal: Portal, has_scripts: bool) -> None:
    async with open_browser() as browser:
        page = await (await browser.new_context(java_script_enabled=has_scripts)).new_page()
        await page.goto(portal.url + TRY)
        await page.get_by_role("button", name="Send for real").click()
        await page.get_by_role("button", name="Send now").dblclick()
        await expect(page.locator("#result h2")).to_have_text("What happened")
        if not has_scripts:
            await page.reload()
            await expect(page.locator("#result")).to_contain_text("nothing was done a second time")
    assert portal.deployment.sandbox is not None
    async with portal.browser.get(f"{portal.deployment.sandbox.url}/_sandbox/messages") as response:
        assert len((await response.json())["messages"]) == 1


@pytest.mark.parametrize("width", ["narrow", "wide"])
async def test_a_mistake_is_told_beside_the_form_which_stays_as_it_is(portal: Portal, width: str) -> None:
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch, width)
        await page.goto(portal.url + TRY)
        await page.get_by_label("data").fill("{")
        await page.get_by_label("data").press("Tab")
        await page.get_by_role("button", name="Dry run").click()
        await expect(page.locator("#result")).to_contain_text("This is no JSON")
        assert await page.get_by_label("data").input_value() == "{"
        assert await page.evaluate("document.activeElement.tagName") == "H2"
        assert watch.faults == []
