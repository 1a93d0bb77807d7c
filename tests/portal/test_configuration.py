"""The page of the configuration: what answers and where it stands, warnings, changes, and a reload."""

from tests.support.browser import Watch, open_browser, open_page
from tests.support.portal import JSON, Portal, csrf_of
from tests.support.processes.deployment import ADMIN_TOKEN

OTHER = "  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n"
MANY = "".join(f"  - {{path: /many/c{index}/, use: cmsi_get_msg_type}}\n" for index in range(60))
HOSTILE = "<script>alert(1)</script>"


async def test_it_shows_what_answers_with_its_lines_and_no_secret(portal: Portal) -> None:
    page = await portal.get("/config")
    assert "cmsi.send_weixin" in page
    assert 'title="' + str(portal.file) + ":2" in page
    assert "W107" in page
    assert not any(secret in page for secret in ("demo-secret", "corp-secret", ADMIN_TOKEN, "demo-token"))
    assert "<h1>配置</h1>" in await portal.get("/config?lang=zh-hans")


async def test_json_has_the_configuration_its_warnings_and_who_loaded_it(portal: Portal) -> None:
    told = await portal.json("/config")
    assert (told["by"], told["generation"], told["previous"]) == ("start", 1, None)
    assert told["config"]["components"][0]["name"] == "cmsi.send_weixin"
    assert {warning["id"] for warning in told["warnings"]} >= {"W106", "W107"}
    assert "demo-secret" not in str(told)


async def test_a_reload_shows_what_it_has_changed_and_by_whom(portal: Portal) -> None:
    await portal.log_in()
    portal.file.write_text(portal.file.read_text() + OTHER)
    response = await portal.post("/config/reload", on="/config")
    page = await response.text()
    assert (response.status, response.url.path) == (200, "/config")
    assert "generation 2" in page
    assert "by portal:ops" in page
    assert "components[/cmsi/get_msg_type/]" in page
    told = await portal.json("/config")
    assert [change["key"] for change in told["changes"]] == ["components[/cmsi/get_msg_type/]"]
    assert "get_msg_type" in page[page.index('id="components"') :]


async def test_a_refused_reload_shows_every_mistake_with_file_line_and_key(portal: Portal) -> None:
    await portal.log_in()
    right = portal.file.read_text()
    portal.file.write_text(f"{right}nonsense: true\n'{HOSTILE}': 1\n")
    response = await portal.post("/config/reload", on="/config")
    page = await response.text()
    line = right.count("\n") + 1
    assert f"<code>{portal.file}:{line}</code> <code>nonsense</code>" in page
    assert f"<code>{portal.file}:{line + 1}</code>" in page
    assert HOSTILE not in page
    assert "What answers is as it was before." in page
    assert portal.deployment.gateway.generation.number == 1

    form = {"csrf": csrf_of(page)}
    async with portal.browser.post(f"{portal.url}/config/reload", data=form, headers=JSON) as response:
        assert response.status == 422
        assert (await response.json())["refused"]["mistakes"][0]["key"] == "nonsense"

    portal.file.write_text(right)
    response = await portal.post("/config/reload", on="/config")
    assert "was refused" not in await response.text()


async def test_names_and_values_that_people_wrote_are_text(portal: Portal) -> None:
    right = portal.file.read_text()
    portal.file.write_text(right.replace("username: lisi", f"username: '{HOSTILE}'"))
    await portal.deployment.reloader.reload(f"portal:{HOSTILE}")
    page = await portal.get("/config")
    assert HOSTILE not in page
    assert page.count("portal:&lt;script&gt;") == 1
    assert page.count("&lt;script&gt;") >= 3


async def test_only_who_has_logged_in_reloads(portal: Portal) -> None:
    assert 'action="/config/reload"' not in await portal.get("/config")
    response = await portal.post("/config/reload")
    assert response.status == 401
    assert portal.deployment.gateway.generation.number == 1


async def test_a_gateway_that_does_not_take_reloads_now_says_so(portal: Portal) -> None:
    await portal.log_in()
    token = csrf_of(await portal.get("/config"))
    portal.deployment.gateway.ingress.drain()
    async with portal.browser.post(f"{portal.url}/config/reload", data={"csrf": token}) as response:
        assert response.status == 409
        assert "draining" in await response.text()


async def test_many_components_have_many_pages_and_are_found_by_name(portal: Portal) -> None:
    portal.file.write_text(portal.file.read_text() + MANY)
    await portal.deployment.reloader.reload()
    first = await portal.get("/config")
    assert "many.c40" in first
    assert "many.c55" not in first[first.index('id="text"') :]
    assert "from=50#components" in first
    assert "many.c55" in await portal.get("/config?from=50")
    found = await portal.get("/config?component=c55")
    assert "many.c55" in found[found.index('id="text"') :]
    assert "many.c40" not in found[found.index('id="text"') :]
    for hostile in ("-1", "x", "٣", "9" * 60, HOSTILE):
        assert HOSTILE not in await portal.get(f"/config?from={hostile}&component={HOSTILE}")


async def test_the_page_of_a_large_configuration_is_bounded_and_says_what_it_leaves_out(portal: Portal) -> None:
    stanza = "  - {{path: /s/c{0}/, use: http, config: {{hosts: ['http://h{0}.example'], path: /}}}}\n"
    many = "".join(stanza.format(index) for index in range(150))
    portal.file.write_text(portal.file.read_text() + many)
    await portal.deployment.reloader.reload()
    page = await portal.get("/config")
    assert "components[/s/c99/]" in page
    assert "components[/s/c100/]" not in page[: page.index('id="warnings"')]
    assert "and 50 more" in page
    assert len(page) < 300_000
    assert len((await portal.json("/config"))["changes"]) == 150


async def test_it_is_read_without_scripts_and_draws_without_a_fault(portal: Portal) -> None:
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch, "narrow", dark=True)
        await page.goto(f"{portal.url}/config")
        overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (overflow <= 0, watch.faults) == (True, [])
