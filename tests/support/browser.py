"""A real Chromium, as Debian has it, that notes whatever a page does and ought not to."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120_000.0
"""Milliseconds for a browser to start, or to do what it is told, on a busy machine."""
WIDTHS = {"narrow": {"width": 360, "height": 740}, "wide": {"width": 1280, "height": 800}}


def program() -> str:
    """Return the path of the browser; the test is skipped where none is installed."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium fonts-noto-cjk)")
    return found


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A browser without windows."""
    options = ["--disable-dev-shm-usage"]  # containers have little of it
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # there is none for root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program(), args=options, timeout=PATIENCE)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Watch:
    """The faults of the pages of one context: errors on the console, violations of the policy, foreign requests."""

    origins: tuple[str, ...]
    faults: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Note what pages of this context do from now on."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"error: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:  # a violation of the policy is one of these
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((*self.origins, "data:")):
            self.faults.append(f"foreign request: {request.url}")


async def open_page(browser: Browser, watch: Watch, width: str = "wide", *, dark: bool = False) -> Page:
    """Return a page of a context of its own that is watched."""
    context = await browser.new_context(
        viewport=WIDTHS[width],  # type: ignore[arg-type]  # a TypedDict of Playwright's own
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(PATIENCE)
    watch.follow(context)
    return await context.new_page()
