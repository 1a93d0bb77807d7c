"""The pictures of docs/portal.md: `make screenshots` writes them, and they can always be drawn."""

import base64
import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import Watch, open_page
from tests.support.portal import COMPONENTS, Portal, open_portal
from tests.support.repository import ROOT
from tests.support.showroom import Showroom

pytestmark = pytest.mark.asyncio(loop_scope="module")
IMAGES = ROOT / "docs" / "images"
LARGEST = 60_000
"""Bytes of a picture."""
MORE = """\
  - path: /cmsi/send_wecom_robot/
    use: cmsi_send_wecom_robot
    config: {robots: {ops: bot-key}, wx_qy_host: "${sandbox}"}
  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}
"""
ALERT = '{"heading": "Disk almost full", "message": "db-3: /var at 94 %", "date": "2026-12-01 09:30"}'
SEND = "/cgi-bin/message/send"


async def picture(page: Page, name: str) -> None:
    """Draw what a window shows; write it where it is asked for."""
    session = await page.context.new_cdp_session(page)
    drawn = await session.send("Page.captureScreenshot", {"format": "webp", "quality": 70})
    content = base64.b64decode(drawn["data"])
    assert len(content) <= LARGEST, name
    if os.environ.get("ESB_SCREENSHOTS"):
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / f"{name}.webp").write_bytes(content)


async def failed(showroom: Showroom) -> str:
    """Return the delivery of a message that one of two receivers has not got."""
    await showroom.fault(SEND, errcode=81013)
    told = await showroom.portal.send(receiver="lisi", **{"async": True})
    return str(told["data"]["delivery"]["id"])


async def app_of(portal: Portal) -> str:
    """Make an app as operators do, and return its path."""
    await portal.administer("POST", "/-/apps", {"code": "monitor", "owners": ["admin", "li"]})
    grant = {"pattern": "cmsi.*", "until": "90d", "reason": "alerts of the data centre"}
    await portal.administer("POST", "/-/apps/monitor/grants", grant)
    await portal.administer("POST", "/-/apps/monitor/impersonations", {"users": "ops-*", "reason": "on call"})
    return "/apps/monitor"


async def test_pictures_of_the_pages_are_drawn(browser: Browser, tmp_path: Path) -> None:
    async with open_portal(tmp_path, COMPONENTS + MORE) as portal:
        showroom = Showroom(portal, "", "monitor")
        watch = Watch((portal.url, showroom.sandbox_url))
        page = await open_page(browser, watch)
        await page.set_viewport_size({"width": 1200, "height": 700})
        await page.goto(portal.url)
        await picture(page, "components")
        await page.goto(f"{portal.url}/c/cmsi/send_weixin#parameters")
        await picture(page, "component")

        await page.goto(f"{portal.url}/c/cmsi/send_weixin/try")
        for name, value in (("bk_app_code", "esb_demo"), ("bk_app_secret", "demo-secret"), ("bk_username", "admin")):
            await page.locator(f"[name={name}]").fill(value)
        await page.locator("[name='p.receiver']").fill("zhangsan")
        await page.locator("[name='p.data']").fill(ALERT)
        await page.get_by_role("button", name="Dry run").click()
        await expect(page.locator("#result")).to_contain_text("would be sent")
        await picture(page, "console")
        await page.get_by_role("button", name="Send for real").click()
        await page.get_by_role("button", name="Send now").click()
        await expect(page.locator("#result .bubble")).to_contain_text("db-3")
        for text in ("**db-3** is out of order\n> its disk is full", "`db-3` is back"):
            await portal.send(receiver="lisi", data={"msgtype": "markdown", "heading": "Database", "message": text})
        await page.goto(f"{showroom.sandbox_url}/_sandbox/inbox")
        await expect(page.locator("#live")).to_have_text("Live")
        await picture(page, "inbox")

        await showroom.log_in(page)
        await page.goto(portal.url + await app_of(portal) + "#secrets")
        await picture(page, "app")
        await page.goto(f"{portal.url}/deliveries/{await failed(showroom)}")
        await expect(page.locator("#delivery .state .badge")).to_have_text("dead")
        await picture(page, "delivery")
        assert watch.all() == ""


@pytest.mark.parametrize("page", ["portal.md", "portal.zh-CN.md"])
async def test_the_documentation_shows_them_all(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert all(f"images/{each.name})" in text for each in IMAGES.iterdir())
