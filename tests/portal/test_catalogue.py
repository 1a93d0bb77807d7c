"""The catalogue: components by system and by search, and one page each with all that a caller has to know."""

import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from playwright.async_api import expect

from esb.portal.catalogue import as_reached
from tests.support.browser import Watch, open_browser, open_page
from tests.support.portal import COMPONENTS, Portal, open_portal
from tests.support.processes.deployment import TOKENS

UNDOCUMENTED = """\
from esb import Component, NoConfig, Params


class Unknown:
    pass


class Odd(Component[NoConfig, Params]):
    answer_type = Unknown

    async def handle(self, call, params):
        return None
"""
TOKEN = "c4a7f2e09b8d4e6fa1b3c5d7e9f10213"
ODD = """\
  - path: /cc/search_host/
    methods: [GET]
    use: http
    description: <script>alert(1)</script> & hosts
    active: false
    restricted: true
    config: {hosts: ["http://127.0.0.1:9"], path: /}
  - path: /alerts/webhook/{token}/
    use: alert_webhook
    methods: [POST]
    tokens: [{token: TOKEN, app: esb_demo}]
    config: {to: /cmsi/send_weixin/, params: {receiver: zhangsan}}
""".replace("TOKEN", TOKEN)


def many(count: int) -> str:
    return COMPONENTS + "".join(
        f"  - {{path: /system{index % 40}/component{index}/, use: http, methods: [POST],"
        f" config: {{hosts: ['http://127.0.0.1:9'], path: /}}}}\n"
        for index in range(count)
    )


@pytest.fixture
async def odd(tmp_path: Path, opened: AsyncExitStack) -> Portal:
    """Open a portal whose components are of all kinds."""
    return await opened.enter_async_context(open_portal(tmp_path, COMPONENTS + ODD))


async def test_a_stranger_is_led_to_a_dry_run(portal: Portal) -> None:
    page = await portal.get("/")
    assert 'href="/c/cmsi/send_weixin/try"' in page
    assert "filled in as <code>esb_demo</code>" in page
    assert "demo-secret" not in page
    assert "/_sandbox/inbox" in page


async def test_a_stranger_is_told_where_the_secret_stands(portal: Portal) -> None:
    portal.file.write_text(portal.file.read_text().replace("demo-secret", "another-secret"))
    await portal.deployment.reloader.reload()
    page = await portal.get("/")
    assert re.search("<code>esb_demo</code>, whose secret stands at <code>esb.yaml:[0-9]+</code>", page)
    assert "another-secret" not in page
    assert "export ESB_APP_CODE=esb_demo" in await portal.get("/c/cmsi/send_weixin")


async def test_who_may_not_read_is_told_nothing_of_apps(tmp_path: Path) -> None:
    async with open_portal(tmp_path, admin_keys=f"{TOKENS}, read: token") as portal:
        page = await portal.get("/")
        assert "esb_demo" not in page
        assert "operators give you both" in page


async def test_a_search_works_without_scripts_and_live(portal: Portal) -> None:
    found = await portal.get("/?q=公众号")
    assert "send_mp_weixin" in found
    assert (await portal.json("/?q=send_mp"))["found"] == 1
    live = await portal.get("/?q=send_mp", headers={"HX-Request": "true"})
    assert live.lstrip().startswith("<p")
    assert "send_mp_weixin" in live
    assert "0 components found" in await portal.get("/?q=%3Cscript%3E")


async def test_a_page_tells_parameters_answer_codes_and_calls(portal: Portal) -> None:
    page = await portal.json("/c/cmsi/send_weixin")
    assert page["addresses"] == [
        f"{portal.deployment.url}/api/c/compapi/cmsi/send_weixin/",
        f"{portal.deployment.url}/api/c/compapi/v2/cmsi/send_weixin/",
    ]
    rows = {row["name"]: row for row in page["parameters"]}
    assert rows["data.heading"] == {
        "name": "data.heading",
        "type": "string",
        "required": True,
        "description": "heading of the notification",
        "bounds": [],
        "default": None,
        "example": "blueking alarm",
    }
    assert rows["data.is_message_base64"]["type"] == "bool"
    assert "accepted" in [row["name"] for row in page["answer"]["data"]]
    assert page["answer"]["example"]["result"] is True
    codes = {row["code"]: row["remedy"] for row in page["codes"]}
    assert "retry_after" in codes[1306429]
    assert [call["name"] for call in page["calls"]] == ["curl", "client", "requests", "sdk"]
    assert page["sends"]
    assert page["asynchronous"]
    assert "async" in [row["name"] for row in page["later"]]
    assert page["console"] == "/c/cmsi/send_weixin/try"


async def test_a_page_is_written_in_the_readers_language(portal: Portal) -> None:
    page = await portal.get("/c/cmsi/send_weixin?lang=zh-hans")
    assert "通知标题" in page or "标题" in page
    assert "等待 data.retry_after 秒" in page
    assert 'href="/c/cmsi/send_weixin/try"' in page


async def test_what_an_operator_writes_is_text(odd: Portal) -> None:
    for path in ("/", "/?q=hosts", "/c/cc/search_host"):
        page = await odd.get(path)
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; hosts" in page
        assert "<script>alert" not in page


async def test_a_component_that_is_off_or_restricted_says_so(odd: Portal) -> None:
    page = await odd.get("/c/cc/search_host")
    assert "1306405" in page
    assert "cc.search_host" in page
    assert "other system" in page
    shown = await odd.json("/c/cc/search_host")
    assert (shown["active"], shown["restricted"], shown["methods"]) == (False, True, ["GET"])
    assert 'href="/c/cc/search_host/try"' not in await odd.get("/")


async def test_a_token_in_the_address_is_a_variable_and_stands_nowhere(odd: Portal) -> None:
    page = await odd.get("/c/alerts/webhook")
    assert TOKEN not in page
    shown = await odd.json("/c/alerts/webhook")
    assert [each["name"] for each in shown["variables"]] == ["token"]
    assert shown["credentials"] == []
    assert [call["name"] for call in shown["calls"]] == ["curl"]
    assert '/alerts/webhook/"$ESB_TOKEN"/' in shown["calls"][0]["text"]


async def test_a_component_that_is_not_there_has_no_page(portal: Portal) -> None:
    assert await portal.json("/c/cmsi/send_pigeon", 404) == {"error": "There is no such component."}


async def test_thousands_of_components_are_pages_of_kilobytes(tmp_path: Path) -> None:
    async with open_portal(tmp_path, many(2000)) as portal:
        first = await portal.get("/")
        assert len(first) < 50_000
        assert first.count('class="card"') == 41
        page = await portal.get("/?system=system7")
        assert page.count("<li>") == 50
        found = await portal.get("/?q=component")
        assert len(found) < 100_000
        last = (await portal.json("/?q=component&page=34"))["components"]
        assert len(last) == 2000 - 33 * 60
        steps = re.findall(r'href="(/\?[^"]+)" rel="(\w+)"', await portal.get("/?q=component&page=2"))
        assert steps == [("/?q=component", "prev"), ("/?q=component&amp;page=3", "next")]


async def test_a_reload_brings_new_components(portal: Portal) -> None:
    await portal.get("/c/cc/search_host", 404)
    portal.file.write_text(portal.file.read_text() + ODD)
    await portal.deployment.reloader.reload()
    await portal.get("/c/cc/search_host")


async def test_typing_finds_at_once_and_tabs_show_one_call(odd: Portal) -> None:
    async with open_browser() as browser:
        watch = Watch((odd.url,))
        page = await open_page(browser, watch)
        await page.goto(odd.url)
        assert await page.locator(".listing li").count() == 4
        await page.fill("#q", "search_host")
        await expect(page.locator(".listing li")).to_have_count(1)
        await page.wait_for_url("**/?q=search_host*")
        assert await page.locator(".listing script").count() == 0
        await page.goto(f"{odd.url}/c/cmsi/send_weixin")
        assert await page.locator(".panel:visible").count() == 1
        await page.locator("label[for=call-sdk]").click()
        assert "get_client_by_username" in await page.locator(".panel:visible").inner_text()
        assert watch.faults == []


async def test_a_component_whose_types_no_document_can_tell_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "odd.py").write_text(UNDOCUMENTED)
    odd = "  - {path: /odd/thing/, use: 'plugins.odd:Odd'}\n"
    async with open_portal(tmp_path, COMPONENTS + odd) as portal:
        assert "/c/odd/thing" in await portal.get("/")
        assert "esb check" in await portal.get("/c/odd/thing")
        assert (await portal.json("/c/odd/thing"))["documented"] is False
        assert (await portal.json("/?q=nowhere"))["found"] == 0
        assert "/api/c/compapi/odd/thing/" not in (await portal.json("/openapi.json"))["paths"]


@pytest.mark.parametrize(
    ("listening", "host", "told"),
    [
        ("127.0.0.1", "esb.example.com", "http://127.0.0.1:8080"),
        ("0.0.0.0", "esb.example.com:9091", "http://esb.example.com:8080"),
        ("0.0.0.0", "127.0.0.1:9091", "http://127.0.0.1:8080"),
        ("::", "[2001:db8::1]:9091", "http://[2001:db8::1]:8080"),
    ],
)
def test_the_address_of_the_gateway_is_one_that_the_visitor_reaches(listening: str, host: str, told: str) -> None:
    request = make_mocked_request("GET", "/", {"Host": host})
    assert as_reached("http://127.0.0.1:8080", listening, request) == told
