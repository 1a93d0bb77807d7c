"""Apps as operators see and change them: found, made, switched off, deleted; secrets shown once and never again."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from markupsafe import escape

from esb.portal.parts import Answered
from esb.server.portal_operators import PortalOperators
from tests.support.portal import JSON, Portal, open_portal
from tests.support.processes.deployment import BEARER
from tests.support.registry import switch_off
from tests.support.use import TODAY, write_use

SECRET = re.compile(r'id="secret">([0-9a-f]{48})<')


@pytest.fixture
async def operator(portal: Portal) -> Portal:
    """A portal in which an operator has logged in."""
    await portal.log_in()
    return portal


async def make(portal: Portal, code: str = "monitor", **more: str) -> str:
    """Make an app, and return the page with its secret."""
    response = await portal.post("/apps", {"code": code, **more}, on="/apps")
    text = await response.text()
    assert response.status == 201, text
    return text


async def app(portal: Portal, code: str = "monitor") -> dict[str, Any]:
    found: dict[str, Any] = (await portal.json(f"/apps/{code}"))["app"]
    return found


# The list


async def test_apps_are_listed_and_found(operator: Portal) -> None:
    await make(operator, owners="zhang, li")
    await make(operator, "billing", disabled="true")
    page = await operator.get("/apps")
    assert page.index('href="/apps/billing"') < page.index('href="/apps/monitor"')
    assert "li, zhang" in page
    for query in ("search=ZHA", "search=mon", "state=active"):
        found = await operator.get(f"/apps?{query}")
        assert 'href="/apps/monitor"' in found
        assert 'href="/apps/billing"' not in found
    assert [each["code"] for each in (await operator.json("/apps?state=disabled"))["apps"]] == ["billing"]
    assert "No app fits" in await operator.get("/apps?state=expired")
    assert [each["code"] for each in (await operator.json("/apps?unused=2100-01-01"))["apps"]] == ["billing", "monitor"]


async def test_a_filter_that_is_none_stays_in_its_field_with_the_reason(operator: Portal) -> None:
    page = await operator.get("/apps?unused=soon", 422)
    assert 'value="soon"' in page
    assert "or so long from now: 90d, 12h" in page
    assert "unused: expected a time" in (await operator.json("/apps?unused=soon", 422))["error"]


async def test_apps_come_page_by_page(operator: Portal) -> None:
    for code in ("a", "b", "c"):
        await make(operator, code, owners="zhang")
    first = await operator.get("/apps?limit=2&search=zhang")
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = await operator.get(following[1].replace("&amp;", "&"))
    assert 'href="/apps/c"' in second
    assert 'rel="next"' not in second


async def test_apps_of_esb_yaml_are_read_only_and_without_their_secrets(operator: Portal) -> None:
    page = await operator.get("/apps")
    assert "Apps in esb.yaml" in page
    one = await operator.get("/apps/esb_demo")
    assert "This app stands in esb.yaml" in one
    assert '<form method="post" action="/apps' not in one
    told, told_of_one = await operator.json("/apps"), await operator.json("/apps/esb_demo")
    assert "demo-secret" not in f"{page} {one} {told} {told_of_one}"
    assert told["declared"] == [told_of_one["app"]]
    assert told_of_one["app"]["code"] == "esb_demo"


async def test_without_a_database_the_page_says_what_to_configure(tmp_path: Path, opened: AsyncExitStack) -> None:
    portal = await opened.enter_async_context(open_portal(tmp_path, has_database=False))
    for path in ("/apps", "/history"):
        page = await portal.get(path)
        assert "services.database" in page
        assert "encryption_keys" in page
    assert 'href="/apps/esb_demo"' in await portal.get("/apps")
    assert (await portal.json("/apps"))["apps"] == []
    assert "esb.yaml" in await portal.get("/apps/esb_demo")
    await portal.get("/apps/nobody", 404)


# Making one


async def test_a_new_secret_is_shown_once(operator: Portal) -> None:
    page = await make(operator, owners="zhang;li", expires="90d", hash_only="true")
    found = SECRET.search(page)
    assert found is not None
    assert 'data-copies="secret"' in page
    made = await app(operator)
    assert (made["owners"], made["hash_only"], made["disabled"]) == (["li", "zhang"], True, False)
    assert made["expires"] is not None
    assert made["created_by"] == "portal:ops"
    for path in ("/apps", "/apps/monitor", "/apps/monitor/use", "/apps/monitor/delete", "/history"):
        assert found[1] not in await operator.get(path)
        assert found[1] not in str(await operator.json(path))


async def test_the_page_with_a_secret_is_kept_by_nobody(operator: Portal) -> None:
    response = await operator.post("/apps", {"code": "monitor"}, on="/apps")
    assert SECRET.search(await response.text())
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_call_with_the_new_secret_is_let_in(operator: Portal) -> None:
    found = SECRET.search(await make(operator))
    assert found is not None
    await operator.page_after("/apps/monitor/grants", pattern="cmsi.*")
    await operator.page_after("/apps/monitor/impersonations", users="*")

    async def is_let_in() -> bool:
        sent = await operator.send(bk_app_code="monitor", bk_app_secret=found[1], bk_username="admin")
        return sent["result"] is True

    async with asyncio.timeout(60):
        while not await is_let_in():  # gateways look for changes twice a second
            pass


async def test_a_secret_that_callers_have_is_not_repeated(operator: Portal) -> None:
    response = await operator.post("/apps", {"code": "monitor", "secret": "correct horse battery"}, on="/apps")
    assert str(response.url).endswith("/apps/monitor")
    assert "horse" not in await response.text()


async def test_a_refused_app_keeps_what_was_typed_in_but_for_the_secret(operator: Portal) -> None:
    await make(operator)
    page = await operator.page_after("/apps", 409, code="monitor", owners="zhang <li>", secret="correct horse battery")
    assert "there is an app &#39;monitor&#39; already" in page
    assert 'value="monitor"' in page
    assert 'value="zhang &lt;li&gt;"' in page
    assert "horse" not in page


async def test_a_code_with_a_slash_and_worse_has_a_page(operator: Portal) -> None:
    code = "a/b?c=<script>&%{}"
    await make(operator, code)
    listed = await operator.get("/apps")
    assert '<a href="/apps/a%2Fb%3Fc%3D%3Cscript%3E%26%25%7B%7D">a/b?c=&lt;script&gt;&amp;%{}</a>' in listed
    page = await operator.get("/apps/a%2Fb%3Fc%3D%3Cscript%3E%26%25%7B%7D")
    assert "a/b?c=&lt;script&gt;&amp;%{}" in page
    assert "<script>" not in page
    await operator.page_after("/apps/a%2Fb%3Fc%3D%3Cscript%3E%26%25%7B%7D/owners", owners="li")
    assert (await app(operator, "a%2Fb%3Fc%3D%3Cscript%3E%26%25%7B%7D"))["owners"] == ["li"]


@pytest.mark.parametrize(
    "text", ['"><script>alert(1)</script>', "'autofocus/onfocus=alert(1)//", "{{7*'7'}}{%include'x'%}", "%(s)s%d%"]
)
async def test_all_that_operators_write_is_text(operator: Portal, text: str) -> None:
    await make(operator)
    await operator.page_after("/apps/monitor/settings", key=text, value=text)
    await operator.page_after("/apps/monitor/grants", 201, pattern=text, reason=text)
    await operator.page_after("/apps/monitor/impersonations", users=text, reason=text)
    await operator.page_after("/apps/monitor/callbacks", name=text, url=f"https://x.example.com/{text}")
    assert (await app(operator))["settings"] == {text: text}
    query = urlencode(dict.fromkeys(("search", "unused", "app", "since", "edit"), text))
    pages = [
        await operator.get("/apps/monitor?edit=grants/1"),
        await operator.get("/history"),
        *[await operator.get(f"{path}?{query}", 422) for path in ("/apps", "/history", "/apps/monitor/use")],
        await operator.page_after("/apps", 422, code=text, owners=text, expires=text),
        await operator.page_after(f"/apps/monitor/callbacks/{quote(text, safe='')}/resume", 404),
    ]
    for page in pages:
        assert text not in page or text == "%(s)s%d%"
        assert str(escape(text)) in page


# Changing one


async def test_an_app_is_changed_by_its_forms(operator: Portal) -> None:
    await make(operator, owners="zhang")
    for form, fields in {
        "state": {"disabled": "true"},
        "owners": {"owners": "li，wu"},
        "expires": {"expires": "2100-01-01T00:00:00Z"},
        "callbacks": {"name": "done", "url": "https://monitor.example.com/?key=hunter2"},
        "settings": {"key": "limit", "value": "20"},
    }.items():
        await operator.page_after(f"/apps/monitor/{form}", **fields)
    await operator.page_after("/apps/monitor/settings", key="region", value="south")
    await operator.page_after("/apps/monitor/settings", key="api_secret", value="hunter2")
    found = await app(operator)
    assert (found["disabled"], found["owners"], found["expires"]) == (True, ["li", "wu"], "2100-01-01T00:00:00Z")
    assert found["settings"] == {"limit": 20, "region": "south", "api_secret": "***"}
    page = await operator.get("/apps/monitor")
    assert "hunter2" not in page
    assert "https://monitor.example.com/?***" in page
    await operator.page_after("/apps/monitor/state", disabled="false")
    await operator.page_after("/apps/monitor/expires", expires="")
    await operator.page_after("/apps/monitor/settings", key="region", do="remove")
    await operator.page_after("/apps/monitor/callbacks", name="done", do="remove")
    found = await app(operator)
    assert (found["disabled"], found["expires"], found["callbacks"]) == (False, None, [])
    assert "region" not in found["settings"]


async def test_a_callback_that_was_switched_off_is_switched_on(operator: Portal) -> None:
    await make(operator)
    await operator.page_after("/apps/monitor/callbacks", name="a/b", url="https://monitor.example.com/")
    async with operator.database() as database:
        await switch_off(database, "monitor", "a/b")
    page = await operator.get("/apps/monitor")
    assert "switched off" in page
    assert 'action="/apps/monitor/callbacks/a%2Fb/resume"' in page
    page = await operator.page_after("/apps/monitor/callbacks/a%2Fb/resume")
    assert "switched off" not in page
    assert "no callback that is switched off" in await operator.page_after("/apps/monitor/callbacks/a%2Fb/resume", 404)


async def test_a_database_that_is_away_is_told_of(operator: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*asked: Any) -> Answered:
        return Answered(503, {"error": "the database does not answer"})

    monkeypatch.setattr(PortalOperators, "ask", away)
    for path in ("/apps", "/apps/monitor", "/apps/monitor/use", "/apps/monitor/delete", "/history"):
        assert "the database does not answer" in await operator.get(path, 503)
        assert (await operator.json(path, 503))["error"] == "the database does not answer"


@pytest.mark.parametrize(
    ("form", "fields", "reason", "kept"),
    [
        ("expires", {"expires": "soon"}, "expires: expected a time", 'value="soon"'),
        ("callbacks", {"name": "done", "url": "ftp://x"}, "", 'value="ftp://x"'),
        ("callbacks", {"name": "do ne", "url": "https://x.example.com/?key=hunter2"}, "has no blank", 'value="do ne"'),
        ("settings", {"key": "password", "value": "{" * 200 + "hunter2" + "x" * 70_000}, "", 'value="password"'),
        ("owners", {"owners": "x" * 300}, "a user name", f'value="{"x" * 300}"'),
    ],
)
async def test_a_refusal_stands_beside_its_form(
    operator: Portal, form: str, fields: dict[str, str], reason: str, kept: str
) -> None:
    await make(operator)
    page = await operator.page_after(f"/apps/monitor/{form}", 422, **fields)
    place = page.index(f'action="/apps/monitor/{form}"')
    assert 'role="alert"' in page
    assert reason in page
    assert kept in page
    assert place < page.index('role="alert"') or form == "state"
    assert "hunter2" not in page


async def test_json_clients_send_forms_with_a_token(portal: Portal) -> None:
    headers = {**JSON, **BEARER}
    async with portal.browser.post(f"{portal.url}/apps", data={"code": "monitor"}, headers=headers) as response:
        made = await response.json()
        assert (response.status, len(made["secret"])) == (201, 48)
    async with portal.browser.post(f"{portal.url}/apps", data={"code": "monitor"}, headers=headers) as response:
        assert (response.status, await response.json()) == (409, {"error": "there is an app 'monitor' already"})
    path = f"{portal.url}/apps/monitor/owners"
    async with portal.browser.post(path, data={"owners": "li"}, headers=headers) as response:
        assert (await response.json())["owners"] == ["li"]
    async with portal.browser.post(f"{portal.url}/apps/monitor/delete", headers=headers) as response:
        assert await response.json() == {"deleted": "monitor"}


async def test_an_app_that_is_not_there_has_no_page(operator: Portal) -> None:
    assert "there is no app" in await operator.get("/apps/nobody", 404)
    await operator.page_after("/apps/nobody/owners", 404, owners="li")
    await operator.get("/apps/nobody/delete", 404)
    await operator.get("/apps/nobody/use", 404)


# Secrets


async def test_a_secret_is_added_and_shown_once(operator: Portal) -> None:
    await make(operator)
    page = await operator.page_after("/apps/monitor/secrets", 201, retire_old_in="7d", until="90d")
    found = SECRET.search(page)
    assert found is not None
    old, new = (await app(operator))["secrets"]
    assert old["until"] < new["until"]
    shown = await operator.get("/apps/monitor")
    assert found[1] not in shown
    assert f"…{found[1][-4:]}" in shown


async def test_a_secret_ends_at_a_moment_or_now(operator: Portal) -> None:
    await make(operator)
    number = (await app(operator))["secrets"][0]["id"]
    await operator.page_after(f"/apps/monitor/secrets/{number}", until="2100-01-01T00:00:00Z")
    assert (await app(operator))["secrets"][0]["until"] == "2100-01-01T00:00:00Z"
    assert "in force" in await operator.get("/apps/monitor")
    page = await operator.page_after(f"/apps/monitor/secrets/{number}", until="", do="now")
    assert (await app(operator))["secrets"][0]["until"] < "2100"
    assert ">ended<" in page


async def test_a_refused_secret_is_not_repeated(operator: Portal) -> None:
    await make(operator)
    page = await operator.page_after("/apps/monitor/secrets", 422, secret=" correct horse battery", until="90d")
    assert "no blank at either end" in page
    assert "horse" not in page
    assert 'value="90d"' in page
    number = (await app(operator))["secrets"][0]["id"]
    refused = await operator.page_after(f"/apps/monitor/secrets/{number}", 422, until="soon")
    assert 'value="soon"' in refused


# Deleting one


async def test_to_delete_an_app_it_asks_once_more(operator: Portal) -> None:
    await make(operator)
    question = await operator.get("/apps/monitor/delete")
    assert "Delete monitor for good?" in question
    assert (await app(operator))["code"] == "monitor"
    page = await operator.page_after("/apps/monitor/delete")
    assert "app.delete" in page
    await operator.get("/apps/monitor", 404)


# Use


async def test_use_is_shown_by_day(operator: Portal, tmp_path: Path) -> None:
    await make(operator)
    rows = {
        ("monitor", TODAY - 1, 1, "cmsi.send_weixin"): 30,
        ("monitor", TODAY, 1, "cmsi.send_weixin"): 50,
        ("monitor", TODAY, 1, "cmsi.send_mail"): 10,
    }
    async with operator.database() as database:
        await write_use(database, rows)
    page = await operator.get("/apps/monitor/use?since=2027-01-01")
    assert page.index("2027-01-15") < page.index("2027-01-14")
    assert '<td class="number">60</td>' in page
    assert '<rect width="100"' in page
    assert '<rect width="50"' in page
    assert len((await operator.json("/apps/monitor/use?since=2027-01-01"))["use"]) == 3
    assert 'value="soon"' in await operator.get("/apps/monitor/use?since=soon", 422)


# Who may


async def test_nobody_writes_without_a_login(portal: Portal) -> None:
    page = await portal.get("/apps")
    assert 'action="/apps"' in page
    assert "Make an app" not in page
    await portal.get("/apps/esb_demo/delete", 401)
    response = await portal.post("/apps", {"code": "eve"})
    assert response.status == 401
    assert (await portal.json("/apps"))["apps"] == []


async def test_a_form_of_another_site_is_refused(operator: Portal) -> None:
    async with operator.browser.post(f"{operator.url}/apps", data={"code": "eve"}) as response:
        assert response.status == 403
    assert (await operator.json("/apps"))["apps"] == []
