"""The page of health: one glance, then part by part; for operators, in two languages, live."""

from esb.core.events import GateClosed, TokenFetched
from esb.introspect.troubles import TEXTS
from esb.portal.language import CHINESE_TAG, translations
from tests.support.browser import Watch, open_browser, open_page
from tests.support.configuration import DEMO, MESSAGE
from tests.support.portal import Portal

HOSTILE = "<script>alert(1)</script>"


async def test_all_is_well_in_one_line(portal: Portal) -> None:
    await portal.send()
    page = await portal.get("/health")
    assert "All is well." in page
    assert 'href="/c/cmsi/send_weixin"' in page
    assert "一切正常。" in await portal.get("/health?lang=zh-hans")


async def test_json_is_what_the_admin_listener_tells(portal: Portal) -> None:
    health = await portal.json("/health")
    assert health["well"] is True
    assert [process["health"] for process in health["processes"]] == ["ok"]
    assert health["database"]["use"] == "sqlite"


async def test_what_is_not_well_comes_first_in_the_readers_language(portal: Portal) -> None:
    emit = portal.deployment.gateway.observer.emit
    emit(GateClosed("wecom", "ww1", 45009, 3600.0))
    emit(TokenFetched("wecom", HOSTILE, "refused", 0.1, 40001, HOSTILE, HOSTILE))
    page = await portal.get("/health")
    assert page.index("2 things are not well.") < page.index('id="processes"')
    assert '<a href="#channels">Used-up quotas: 1.' in page
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 3
    assert "有 2 处不正常。" in await portal.get("/health?lang=zh-hans")


async def test_a_component_that_sends_nothing_comes_first_and_says_why_and_until_when(portal: Portal) -> None:
    assert portal.deployment.sandbox is not None
    rule = {"match": {"path": "/cgi-bin/message/send"}, "action": {"errcode": 45009}, "times": 0}
    async with portal.browser.post(f"{portal.deployment.sandbox.url}/_sandbox/faults", json=rule) as response:
        assert response.status < 300
    assert (await portal.send())["result"] is False
    page = await portal.get("/health")
    assert "Used-up quotas: these components send nothing for now: cmsi.send_weixin." in page
    assert "sends nothing</span> until 2" in page
    assert "the quota gate is closed, because of errcode 45009" in page


async def test_every_trouble_has_a_chinese_text() -> None:
    catalogue = translations(CHINESE_TAG)
    assert all(catalogue.gettext(text) != text for text in TEXTS.values())


async def test_components_that_fail_come_first(portal: Portal) -> None:
    for _ in range(3):
        await portal.send()
    url = f"{portal.deployment.url}/api/c/compapi/cmsi/send_mp_weixin/"
    async with portal.browser.post(url, json={**DEMO, "receiver": "nobody", "data": MESSAGE}) as response:
        assert (await response.json())["result"] is False
    page = await portal.get("/health")
    assert page.index("cmsi.send_mp_weixin") < page.index("cmsi.send_weixin")
    assert "1 upstream" in page


async def test_a_page_that_looks_again_gets_what_may_have_changed_alone(portal: Portal) -> None:
    page = await portal.get("/health", headers={"HX-Request": "true"})
    assert "All is well." in page
    assert "<html" not in page


async def test_it_is_for_operators(portal: Portal) -> None:
    portal.file.write_text(portal.file.read_text().replace("admin: {port", "admin: {read: token, port"))
    await portal.deployment.reloader.reload()
    await portal.get("/health", 401)
    await portal.log_in()
    await portal.get("/health")


async def test_it_is_looked_at_again_while_it_is_seen_and_says_when_it_is_old(portal: Portal) -> None:
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch)
        await page.goto(f"{portal.url}/health")
        assert "All is well." in await page.inner_text(".verdict")
        portal.deployment.gateway.observer.emit(GateClosed("wecom", "ww1", 45009, 3600.0))
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.wait_for_selector(".verdict.bad")
        assert watch.faults == []
        assert not await page.is_visible("#stale")
        await page.route("**/health", lambda route: route.abort())
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.wait_for_selector("#stale", state="visible")
        await page.unroute("**/health")
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.wait_for_selector("#stale", state="hidden")


async def test_an_answer_that_is_an_error_takes_nothing_away(portal: Portal) -> None:
    async with open_browser() as browser:
        page = await open_page(browser, Watch((portal.url,)))
        await page.goto(f"{portal.url}/health")
        await page.route("**/health", lambda route: route.fulfill(status=401, body="<p>log in</p>"))
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.wait_for_selector("#stale", state="visible")
        assert "All is well." in await page.inner_text(".verdict")
