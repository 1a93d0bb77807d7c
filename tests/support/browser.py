"""A real Chromium, as Debian has it, that notes whatever a page does and ought not to."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    async_playwright,
    expect,
)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120_000.0
"""Milliseconds for a browser to start, or to do what it is told, on a busy machine."""
WIDTHS = {"narrow": {"width": 360, "height": 740}, "wide": {"width": 1280, "height": 800}}
POLICY_WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
ACTIVE = """() => {
  const found = [];
  for (const element of document.querySelectorAll("*")) {
    const name = element.localName;
    if (["iframe", "object", "embed", "base", "font"].includes(name) || name.startsWith("x-")) found.push(`<${name}>`);
    if (name === "script" && !element.src) found.push(`a script of its own: ${element.textContent.slice(0, 80)}`);
    for (const { name: attribute, value } of element.attributes) {
      if (attribute.startsWith("on") || attribute.startsWith("x-")) found.push(`<${name} ${attribute}=${value}>`);
      if (!["href", "src", "action", "formaction", "xlink:href", "srcset", "poster"].includes(attribute)) continue;
      const scheme = URL.canParse(value, location) ? new URL(value, location).protocol : "none:";
      const isPicture = name === "img" && /^data:image\\/(png|jpeg|gif|webp)/.test(value);
      if (!["http:", "https:"].includes(scheme) && !isPicture) found.push(`<${name} ${attribute}=${value}>`);
    }
  }
  return found;
}"""
"""Elements, attributes and addresses that could act, and that no page has."""
OVERFLOW = """() => {
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const isBeyond = (element) => element.getBoundingClientRect().right > clientWidth + 1;
  const beyond = [...document.querySelectorAll("body *")].filter(isBeyond).slice(0, 3);
  const named = beyond.map((each) => `${each.localName}.${each.className} ${each.textContent.trim().slice(0, 40)}`);
  return [`too wide by ${scrollWidth - clientWidth} pixels: ${named.join(", ")}`];
}"""
"""The elements by which a page is wider than its window."""
AXE = """async (contrast) => {
  const rules = { "color-contrast": { enabled: contrast } };
  const found = await axe.run(document, { resultTypes: ["violations"], rules });
  const grave = found.violations.filter((each) => ["serious", "critical"].includes(each.impact));
  const told = (node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`;
  return grave.flatMap((each) => each.nodes.map((node) => `${each.id}: ${told(node)}`));
}"""


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
    expect.set_options(timeout=PATIENCE)
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
        context.on("response", self._response)
        context.on("dialog", self._dialog)

    async def look(self, page: Page, *, contrast: bool = False) -> None:
        """Note what is wrong with a page as it stands: what acts, is too wide, or cannot be read or reached by all.

        Measuring the contrast of all texts takes longer than all else together.
        """
        await self.glance(page)
        self.faults += [f"{page.url}: {each}" for each in await axe(page, contrast)]

    async def glance(self, page: Page) -> None:
        """Note what acts in a page, and by what it is too wide."""
        found: list[str] = [*await page.evaluate(ACTIVE), *await page.evaluate(OVERFLOW)]
        self.faults += [f"{page.url}: {each}" for each in found]

    def all(self) -> str:
        """Return what has been noted, a line each."""
        return "\n".join(dict.fromkeys(self.faults))

    def _console(self, message: ConsoleMessage) -> None:
        # A violation of the policy is one of these; what cannot be loaded is noted by its answer.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text} {message.location}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.faults.append(f"{response.status}: {response.url}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((*self.origins, "data:")):
            self.faults.append(f"foreign request: {request.url}")

    async def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        await dialog.dismiss()


@cache
def axe_script() -> str:
    """Return the script of axe-core."""
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


async def axe(page: Page, contrast: bool) -> list[str]:
    """Return what axe finds serious or critical on a page; no policy stops what the browser's driver runs."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe_script())
    found: list[str] = await page.evaluate(AXE, contrast)
    return found


async def open_page(browser: Browser, watch: Watch, width: str = "wide", *, dark: bool = False, **more: Any) -> Page:
    """Return a page of a context of its own that is watched."""
    context = await browser.new_context(
        viewport=WIDTHS[width],  # type: ignore[arg-type]  # a TypedDict of Playwright's own
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",  # colours between two others are none of ours
        **more,
    )
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(POLICY_WATCH)
    watch.follow(context)
    return await context.new_page()
