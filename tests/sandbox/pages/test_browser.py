"""The inbox in a real browser: drawn without a fault, live, with buttons that work; hostile texts do nothing."""

from collections.abc import AsyncIterator
from itertools import product

import pytest
from playwright.async_api import Browser, Page, expect

from esb.sandbox.pages.listing import PAGE
from tests.support.browser import WIDTHS, Watch, open_browser, open_page
from tests.support.hostile_texts import ADDRESSES, TEXTS
from tests.support.sandbox_messages import send_everything
from tests.support.wechat_client import WeChat

INBOX = "/_sandbox/inbox"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest.fixture
def url(wechat: WeChat) -> str:
    return f"http://{wechat.http.host}:{wechat.http.port}"


@pytest.fixture
def watch(url: str) -> Watch:
    return Watch((url,))


@pytest.fixture
async def page(browser: Browser, watch: Watch) -> Page:
    return await open_page(browser, watch)


async def overflow(page: Page) -> int:
    """Return the pixels by which a page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize(("width", "dark"), list(product(WIDTHS, (False, True))))
async def test_every_page_is_drawn_without_a_fault(
    wechat: WeChat, browser: Browser, watch: Watch, url: str, width: str, dark: bool
) -> None:
    page = await open_page(browser, watch, width, dark=dark)
    for language, title in (("en", "Inbox · Sandbox"), ("zh-hans", "收件箱 · 沙箱")):
        await wechat.control("POST", "reset")
        await page.goto(f"{url}{INBOX}?lang={language}")
        await expect(page).to_have_title(title)
        await expect(page.locator(".empty-head")).to_be_visible()
        number = await send_everything(wechat, "长文字" * 30 + "w" * 200, "https://example.com/" + "a" * 300)
        await wechat.fault("/cgi-bin/message/send", {"errcode": -1}, match={"touser": "a" * 200})
        for path in (INBOX, f"{INBOX}/1", f"{INBOX}/{number}", f"{INBOX}?touser=nobody", f"{INBOX}?before=9"):
            await page.goto(url + path)
            assert await overflow(page) <= 0, path
    assert watch.faults == []


async def test_a_message_is_there_as_soon_as_it_has_come(wechat: WeChat, page: Page, watch: Watch, url: str) -> None:
    await page.goto(url)
    await expect(page.locator("#live")).to_have_text("Live")
    await wechat.robot("hello <script>alert(1)</script>")

    await expect(page.locator("#message-1 .bubble")).to_have_text("hello <script>alert(1)</script>")
    await expect(page.locator("#total")).to_have_text("1")
    await expect(page.locator("#empty")).to_have_count(0)
    await wechat.robot("a second one")
    await expect(page.locator("#feed > li").first).to_contain_text("a second one")

    token = await wechat.wecom_token()
    msgid = (await wechat.send(token))["msgid"]
    await wechat.call("POST", "/cgi-bin/message/recall", {"msgid": msgid}, params={"access_token": token})
    await expect(page.locator("#message-3")).to_contain_text("Recalled")
    assert watch.faults == []


async def test_older_pages_stay_as_they_are_and_tell_of_new_messages(
    wechat: WeChat, page: Page, watch: Watch, url: str
) -> None:
    for _ in range(PAGE + 1):
        await wechat.robot()
    await page.goto(url + INBOX)
    await page.get_by_role("link", name="Older messages").click()
    await expect(page.locator("#feed > li")).to_have_count(1)
    await expect(page.locator("#live")).to_have_text("Live")
    await wechat.robot("new")

    await page.get_by_role("link", name="New messages have arrived").click()
    await expect(page.locator("#feed > li").first).to_contain_text("new")
    assert watch.faults == []


async def test_a_page_begins_anew_when_the_inbox_is_emptied(wechat: WeChat, page: Page, watch: Watch, url: str) -> None:
    await wechat.robot()
    await page.goto(url + INBOX)
    await page.get_by_role("button", name="Empty the inbox").click()
    await expect(page.locator(".empty-head")).to_have_text("Nothing has arrived yet")
    assert await wechat.messages() == []
    assert watch.faults == []


async def test_faults_are_set_and_cleared_without_leaving_the_page(
    wechat: WeChat, page: Page, watch: Watch, url: str
) -> None:
    await page.goto(f"{url}{INBOX}?platform=qy")
    await page.get_by_label("How often").select_option("three times")
    await page.get_by_role("button", name="Refuse: too often").click()
    await expect(page.locator("#fault-list")).to_contain_text("0 of 3 times")
    assert (await wechat.send(await wechat.wecom_token()))["errcode"] == 45009
    await expect(page.locator("#fault-list")).to_contain_text("1 of 3 times")

    await page.get_by_role("button", name="Clear all faults").click()
    await expect(page.locator("#fault-list")).to_contain_text("None is set")
    assert (await wechat.send(await wechat.wecom_token()))["errcode"] == 0
    await expect(page.locator("#message-1")).to_be_visible()
    assert watch.faults == []


async def test_buttons_that_such_calls_do_not_know_cannot_be_pressed(page: Page, url: str) -> None:
    await page.goto(url + INBOX)
    button = page.get_by_role("button", name="502 Bad Gateway")
    await expect(button).to_be_enabled()
    await page.get_by_label("Calls").select_option("Mails")
    await expect(button).to_be_disabled()


async def test_filters_work_by_the_keyboard_alone(wechat: WeChat, page: Page, watch: Watch, url: str) -> None:
    await wechat.robot("one")
    await wechat.send(await wechat.wecom_token(), touser="lisi")
    await page.goto(url + INBOX)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the messages")).to_be_focused()
    await page.get_by_label("Receiver").focus()
    await page.keyboard.type("lisi")
    await page.keyboard.press("Enter")
    await expect(page.locator("#feed > li")).to_have_count(1)
    await expect(page.get_by_label("Receiver")).to_have_value("lisi")
    assert watch.faults == []


async def test_without_scripts_everything_can_be_read_and_done(wechat: WeChat, browser: Browser, url: str) -> None:
    await wechat.robot("one")
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("#message-1")).to_contain_text("one")
    await page.get_by_label("Calls").select_option("Robot messages")
    await page.get_by_role("button", name="Busy").click()
    await expect(page.locator("#fault-list")).to_contain_text("0 of 1 times")
    assert (await wechat.robot())["errcode"] == -1
    await page.get_by_role("button", name="Empty the inbox").click()
    await expect(page.locator(".empty-head")).to_be_visible()


async def test_hostile_texts_do_nothing(wechat: WeChat, page: Page, watch: Watch, url: str) -> None:
    page.on("dialog", lambda dialog: watch.faults.append(f"dialog: {dialog.message}"))
    for number, text in enumerate(TEXTS):
        await wechat.control("POST", "reset")
        await page.goto(f"{url}{INBOX}")
        await expect(page.locator("#live")).to_have_text("Live")
        last = await send_everything(wechat, text, ADDRESSES[number % len(ADDRESSES)])
        await expect(page.locator(f"#message-{last}")).to_be_visible()
        await page.goto(url + INBOX)
        await page.goto(f"{url}{INBOX}/{last}")
        await page.locator("body").click()
    assert watch.faults == []
