"""App developers: told by their login state, they see the apps that they own, and no others."""

import html
import re
from typing import Any

from yarl import URL

from tests.support.portal import JSON, Portal

DEMO = "demo-token"
COOKIE = {"Cookie": f"bk_token={DEMO}"}
TOKENS = "tokens: {demo-token: admin, li-token: lisi}"
CALLBACK = "https://app.example.com/told?key=callback-key"


async def reload(portal: Portal, old: str, new: str) -> None:
    """Change the configuration, which counts from then on."""
    text = portal.file.read_text()
    assert old in text
    portal.file.write_text(text.replace(old, new))
    await portal.deployment.reloader.reload()


async def mine(portal: Portal, path: str = "/mine", status: int = 200, login: str = DEMO) -> Any:
    """Return a page of the developer with this login state as JSON."""
    async with portal.browser.get(portal.url + path, headers={**JSON, "Cookie": f"bk_token={login}"}) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def codes(portal: Portal, login: str = DEMO) -> list[str]:
    return [app["code"] for app in (await mine(portal, login=login))["apps"]]


async def create(portal: Portal, code: str = "monitor", **more: Any) -> str:
    """Make an app of admin's in the database; return its secret."""
    made = await portal.administer("POST", "/-/apps", {"code": code, "owners": ["admin"], **more})
    return str(made["secret"])


async def test_nobody_sees_apps_without_a_login_state(portal: Portal) -> None:
    await create(portal)
    assert 'name="bk_token"' in await portal.get("/mine")
    assert "error" in await mine(portal, status=401, login="")
    assert "error" in await mine(portal, "/mine/apps/monitor", status=401, login="")
    assert "monitor" not in await portal.get("/mine/apps/monitor")


async def test_a_developer_sees_their_apps_by_the_cookie_of_their_login_state(portal: Portal) -> None:
    await create(portal)
    await portal.administer("POST", "/-/apps", {"code": "of_lisi", "owners": ["lisi"]})
    page = await portal.get("/mine", headers=COOKIE)
    assert "You are admin." in page
    assert "/mine/apps/monitor" in page
    assert "of_lisi" not in page
    assert await codes(portal) == ["monitor"]


async def test_an_app_of_the_configuration_has_owners_too(portal: Portal) -> None:
    assert await codes(portal) == []
    await reload(
        portal, 'components: ["*"]}', f'components: ["*"], owners: [admin], callbacks: {{done: "{CALLBACK}"}}}}'
    )
    assert await codes(portal) == ["esb_demo"]
    app = (await mine(portal, "/mine/apps/esb_demo"))["app"]
    assert app["grants"] == [{"pattern": "*", "until": None}]
    assert app["impersonations"] == [{"users": "*", "components": "*", "until": None}]
    assert app["secrets"] == [{"id": 1, "until": None, "last_used": None}]
    page = await portal.get("/mine/apps/esb_demo", headers=COOKIE)
    assert "demo-secret" not in page
    assert "callback-key" not in page
    assert "https://app.example.com/told" in page


async def test_an_app_of_any_code_has_a_page_and_what_operators_wrote_is_text(portal: Portal) -> None:
    hostile = "a/b {c}<script>alert(1)</script>"
    rights = f'components: ["<b>*"], owners: [admin], callbacks: {{"<i>": "{CALLBACK}"}}'
    old = '{code: esb_demo, secrets: [demo-secret], impersonate: ["*"], components: ["*"]}'
    await reload(portal, old, f'{old}, {{code: "{hostile}", secrets: [x], {rights}}}')
    page = await portal.get("/mine", headers=COOKIE)
    link = re.search('href="(/mine/apps/[^"]+)"', page)
    assert link is not None
    async with portal.browser.get(URL(portal.url + link[1], encoded=True), headers=COOKIE) as response:
        assert response.status == 200
        text = await response.text()
    for each in (page, text):
        assert "<script>alert" not in each
        assert html.escape(hostile) in each
    assert "<i>" not in text


async def test_anothers_app_is_not_there(portal: Portal) -> None:
    await reload(portal, "tokens: {demo-token: admin}", TOKENS)
    await create(portal)
    await mine(portal, "/mine/apps/monitor")
    others = await mine(portal, "/mine/apps/monitor", 404, login="li-token")
    assert others == await mine(portal, "/mine/apps/no_such_app", 404, login="li-token")
    await mine(portal, "/mine/apps/esb_demo", 404)


async def test_an_owner_sees_rights_callbacks_and_secrets_by_number_and_never_a_secret(portal: Portal) -> None:
    secret = await create(portal, callbacks={"done": CALLBACK})
    await portal.administer(
        "POST", "/-/apps/monitor/grants", {"pattern": "cmsi.*", "until": "90d", "reason": "because"}
    )
    page = await portal.get("/mine/apps/monitor", headers=COOKIE)
    assert "cmsi.*" in page
    assert "done" in page
    app = (await mine(portal, "/mine/apps/monitor"))["app"]
    assert [each.keys() for each in app["secrets"]] == [{"id", "until", "last_used"}]
    for told in (page, str(app)):
        assert secret not in told
        assert secret[-4:] not in told
        assert "callback-key" not in told
        assert "because" not in told


async def test_an_owner_sees_the_calls_of_each_day(portal: Portal) -> None:
    secret = await create(portal)
    await portal.administer("POST", "/-/apps/monitor/grants", {"pattern": "*"})
    await portal.administer("POST", "/-/apps/monitor/impersonations", {"users": "*"})
    envelope: dict[str, Any] = {}
    while not envelope.get("result"):  # the gateway looks for new apps now and then
        envelope = await portal.send(bk_app_code="monitor", bk_app_secret=secret)
    await portal.deployment.gateway._use.write()  # type: ignore[union-attr]  # there is a database
    app = (await mine(portal, "/mine/apps/monitor"))["app"]
    assert [(each["component"], each["calls"]) for each in app["use"]] == [("cmsi.send_weixin", 1)]


async def test_a_login_state_can_be_typed_in_and_left_again(portal: Portal) -> None:
    await create(portal)
    response = await portal.post("/mine/login", {"bk_token": "demo-token"}, on="/mine")
    assert "/mine/apps/monitor" in await response.text()
    cookies = [cookie for each in response.history for cookie in each.headers.getall("Set-Cookie", ())]
    assert all("demo-token" not in cookie for cookie in cookies)
    assert any(cookie.startswith("esb_developer=") and "HttpOnly" in cookie for cookie in cookies)
    await portal.post("/mine/logout", on="/mine")
    assert 'name="bk_token"' in await portal.get("/mine")


async def test_a_login_state_of_nobody_is_refused_and_stands_nowhere(portal: Portal) -> None:
    page = await (await portal.post("/mine/login", {"bk_token": "wrong-token"}, on="/mine")).text()
    assert "nobody" in page
    assert "wrong-token" not in page
    for wrong in ("wrong-token", "x" * 5000):
        assert 'name="bk_token"' in await portal.get("/mine", headers={"Cookie": f"bk_token={wrong}"})


async def test_a_login_state_counts_as_the_configuration_of_the_moment_says(portal: Portal) -> None:
    await create(portal)
    assert await codes(portal) == ["monitor"]
    await reload(portal, "tokens: {demo-token: admin}", "tokens: {new-token: admin}")
    await mine(portal, status=401)
    assert await codes(portal, login="new-token") == ["monitor"]


async def test_no_cookie_counts_where_the_configuration_switches_it_off(portal: Portal) -> None:
    await create(portal)
    chain = "middlewares: [{use: app_auth}, {use: user_auth, config: {cookie: null}}, {use: permission}]\ncomponents:"
    await reload(portal, "components:\n", chain + "\n")
    await mine(portal, status=401)
