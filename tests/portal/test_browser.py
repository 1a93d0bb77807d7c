"""The pages in a real browser: they draw, follow the policy, and ask nobody else for anything."""

import pytest

from tests.support.browser import WIDTHS, Watch, open_browser, open_page
from tests.support.portal import Portal


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_page_draws_without_a_fault(portal: Portal, width: str) -> None:
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch, width)
        await page.goto(f"{portal.url}/login")
        assert await page.title() == "Log in · ESB"
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0
        assert watch.faults == []
