"""Texts that attack a page, wherever somebody can write one: they are shown as text, and do nothing."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from playwright.async_api import Browser, expect
from yarl import URL

from tests.support.browser import Watch, open_page
from tests.support.portal import Portal
from tests.support.showroom import DEVELOPER, Showroom

pytestmark = pytest.mark.asyncio(loop_scope="module")
ELEMENTS = (
    """'"><x-hostile/><img/src=x/onerror=alert(1)/x-hostile=1><script>alert(1)</script></title></style></textarea>"""
)
ATTRIBUTES = (
    """javascript:alert(1)//"x-hostile="'x-hostile='/onmouseover=alert(1)//{{7*7}}{%endif%}[x](javascript:alert(1))"""
)
TEXTS = [ELEMENTS, ATTRIBUTES]
"""Texts without blanks, which names and codes may be, too."""
SEND = "/cgi-bin/message/send"
INBOX = "/_sandbox/inbox"
MORE = ("back", "cursor", "id", "lang", "limit", "most", "q", "receivers", "system", "x-hostile")
"""Parameters that no form has, or not each."""


@dataclass
class Form:
    """A form as it stands in a page."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Reader(HTMLParser):
    """The forms of a page, and all in it that acts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.active: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            scheme = (value or "").strip().lower().partition(":")[0]
            is_address = name in {"href", "src", "action", "formaction", "hx-get", "hx-post"}
            if name.startswith(("on", "x-")) or name == "style" or (is_address and scheme in {"javascript", "data"}):
                self.active.append(f"<{tag} {name}={value}>")
        given = {name: value or "" for name, value in attrs}
        if (
            tag.startswith("x-")
            or tag in {"iframe", "object", "embed", "base"}
            or (tag == "script" and "src" not in given)
        ):
            self.active.append(f"<{tag}>")
        if tag == "form":
            self.forms.append(Form(given.get("method", "get"), given.get("action", "")))
        elif tag in {"input", "select", "textarea", "button"} and given.get("name") and self.forms:
            self.forms[-1].fields.setdefault(given["name"], given.get("value", ""))


async def ask(portal: Portal, method: str, address: str, **options: object) -> Reader:
    """Return what a page has, which is none of a crash; in it is nothing that somebody else has put there."""
    url = URL(portal.url + address, encoded=True)
    headers = {"Cookie": f"bk_token={DEVELOPER}", "Accept": "text/html"}
    async with portal.browser.request(method, url, headers=headers, **options) as response:  # type: ignore[arg-type]  # as aiohttp has them
        assert response.status < 500, f"{method} {address}"
        found = Reader(await response.text())
    assert found.active == [], f"{method} {address} {options}"
    return found


def named(page: Reader) -> set[str]:
    """Return the names of the parameters that the forms of a page send in its address."""
    return {name for form in page.forms if form.method == "get" for name in form.fields}


@pytest.mark.parametrize("showroom", TEXTS, indirect=True)
async def test_they_do_nothing_in_a_browser(browser: Browser, showroom: Showroom) -> None:
    watch = Watch((showroom.portal.url, showroom.sandbox_url))
    page = await open_page(browser, watch, "narrow")
    await showroom.log_in(page)
    for address in [
        *(showroom.portal.url + path for path in showroom.paths()),
        *(showroom.sandbox_url + path for path in (INBOX, f"{INBOX}/1")),
    ]:
        await page.goto(address)
        await watch.glance(page)
        names: list[str] = await page.eval_on_selector_all(
            "form[method=get] [name]", "(all) => all.map((each) => each.name)"
        )
        query = URL(address).with_query(dict.fromkeys({*names, *MORE} - {"lang"}, showroom.text))
        await page.goto(str(query))
        await watch.glance(page)
    assert watch.all() == ""


@pytest.mark.parametrize("showroom", TEXTS, indirect=True)
async def test_what_the_platform_says_does_nothing_in_the_console(browser: Browser, showroom: Showroom) -> None:
    watch = Watch((showroom.portal.url, showroom.sandbox_url))
    page = await open_page(browser, watch)
    await showroom.fault(SEND, errcode=60111, errmsg=showroom.text)
    for component in ("cmsi/send_weixin", "show/show"):
        await page.goto(f"{showroom.portal.url}/c/{component}/try")
        for name, value in (("bk_app_code", "esb_demo"), ("bk_app_secret", "demo-secret"), ("bk_username", "admin")):
            await page.locator(f"[name={name}]").fill(value)
        texts = page.locator("[name='p.receiver'], [name='p.name']")
        await texts.fill(showroom.text)
        await page.locator("main form .primary").click()
        await expect(page.locator("#result h2")).to_be_visible()
        await watch.glance(page)
        await texts.fill("lisi")
        await page.locator("main form [value='ask']").click()
        if component == "cmsi/send_weixin":
            await page.locator("#result .primary").click()
        await expect(page.locator("#result")).to_contain_text(showroom.text)
        await watch.glance(page)
    await showroom.fault(SEND)
    assert watch.all() == ""


@pytest.mark.parametrize("showroom", TEXTS, indirect=True)
async def test_they_are_text_in_the_query_of_every_page(showroom: Showroom) -> None:
    await showroom.portal.log_in()
    for path in showroom.paths():
        page = await ask(showroom.portal, "GET", path)
        for name in {*named(page), *MORE}:
            await ask(showroom.portal, "GET", f"{path}?{URL.build(query={name: showroom.text}).raw_query_string}")


@pytest.mark.parametrize("showroom", TEXTS, indirect=True)
async def test_they_are_text_in_the_answer_to_every_form(showroom: Showroom) -> None:
    portal = showroom.portal
    await portal.log_in()
    tried = 0
    for path in showroom.paths():
        for form in (await ask(portal, "GET", path)).forms:
            if form.method == "get" or form.action.endswith("/logout"):
                continue
            everywhere = dict.fromkeys(form.fields, showroom.text)
            where_nothing_is = {name: value or showroom.text for name, value in form.fields.items()}
            for fields in (everywhere, where_nothing_is):
                data = {**fields, "csrf": form.fields["csrf"]}
                await ask(portal, "POST", form.action.partition("#")[0], data=data)
            tried += 1
    assert tried > 20
