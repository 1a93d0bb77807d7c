"""Rights as operators give, change and revoke them on the page of an app, each with its terms and its doubts."""

from typing import Any

import pytest

from tests.support.portal import JSON, Portal
from tests.support.processes.deployment import BEARER

GRANTS, IMPERSONATIONS = "/apps/monitor/grants", "/apps/monitor/impersonations"


@pytest.fixture
async def operator(portal: Portal) -> Portal:
    """A portal in which an operator has logged in and made an app."""
    await portal.log_in()
    await portal.post("/apps", {"code": "monitor"}, on="/apps")
    return portal


async def rights(portal: Portal, kind: str = "grants") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await portal.json("/apps/monitor"))["app"][kind]
    return found


async def test_a_grant_is_given_changed_and_revoked(operator: Portal) -> None:
    page = await operator.page_after(GRANTS, pattern="cmsi.*", until="90d", reason="alerts & <more>")
    assert "alerts &amp; &lt;more&gt;" in page
    assert "portal:ops" in page
    (made,) = await rights(operator)
    assert (made["pattern"], made["reason"], made["granted_by"]) == ("cmsi.*", "alerts & <more>", "portal:ops")
    await operator.page_after(f"{GRANTS}/{made['id']}", since="", until="2100-01-01T00:00:00Z", reason="on call")
    (changed,) = await rights(operator)
    assert (changed["until"], changed["reason"], changed["since"]) == ("2100-01-01T00:00:00Z", "on call", None)
    await operator.page_after(f"{GRANTS}/{made['id']}", since="", until="", reason="")
    (changed,) = await rights(operator)
    assert (changed["until"], changed["reason"]) == (None, "")
    page = await operator.page_after(f"{GRANTS}/{made['id']}", do="revoke")
    assert await rights(operator) == []
    assert "grant.revoke" in page


async def test_an_impersonation_is_given_changed_and_revoked(operator: Portal) -> None:
    await operator.page_after(IMPERSONATIONS, users="ops-*", components="cmsi.*", reason="on duty")
    await operator.page_after(IMPERSONATIONS, users="li")
    first, second = sorted(await rights(operator, "impersonations"), key=lambda right: str(right["id"]))
    assert (first["users"], first["components"], second["components"]) == ("ops-*", "cmsi.*", "*")
    await operator.page_after(f"{IMPERSONATIONS}/{first['id']}", until="90d", reason="on duty")
    changed = next(each for each in await rights(operator, "impersonations") if each["id"] == first["id"])
    assert changed["until"] is not None
    await operator.page_after(f"{IMPERSONATIONS}/{first['id']}", do="revoke")
    assert [each["users"] for each in await rights(operator, "impersonations")] == ["li"]


async def test_a_right_has_the_state_that_time_gives_it(operator: Portal) -> None:
    await operator.page_after(GRANTS, pattern="cmsi.*", since="30d", until="90d")
    page = await operator.get("/apps/monitor")
    assert ">to come<" in page
    assert "in 29 d" in page or "in 30 d" in page


async def test_a_pattern_that_matches_no_component_is_doubted(operator: Portal) -> None:
    page = await operator.page_after(GRANTS, 201, pattern="cmsi.send_weixn")
    assert "matches none of the components that are declared here" in page
    assert "did you mean &#39;cmsi.send_weixin&#39;?" in page
    assert "matches no component of this gateway" in await operator.get("/apps/monitor")
    page = await operator.page_after(IMPERSONATIONS, 201, users="li", components="cc.*")
    assert "&#39;cc.*&#39; matches none" in page


async def test_a_refused_right_keeps_what_was_typed_in(operator: Portal) -> None:
    page = await operator.page_after(GRANTS, 422, pattern="cmsi.*,cc.*", until="soon", reason="<why>")
    assert "until: expected a time" in page
    for value in ("cmsi.*,cc.*", "soon", "&lt;why&gt;"):
        assert f'value="{value}"' in page
    await operator.page_after(GRANTS, pattern="cmsi.*")
    number = (await rights(operator))[0]["id"]
    page = await operator.page_after(f"{GRANTS}/{number}", 422, since="2100-01-01", until="90d", reason="later")
    assert "a right ends after it has begun" in page
    assert 'value="later"' in page
    assert (await rights(operator))[0]["reason"] == ""


async def test_the_form_about_a_right_is_open_where_it_is_asked_for(operator: Portal) -> None:
    await operator.page_after(GRANTS, pattern="cmsi.*", until="2100-01-01T00:00:00Z")
    number = (await rights(operator))[0]["id"]
    page = await operator.get("/apps/monitor")
    assert f'href="/apps/monitor?edit=grants/{number}"' in page
    assert f'action="/apps/monitor/grants/{number}"' not in page
    page = await operator.get(f"/apps/monitor?edit=grants/{number}")
    assert f'action="/apps/monitor/grants/{number}"' in page
    assert 'name="was_until" value="2100-01-01T00:00:00Z"' in page
    assert 'role="alert"' not in page
    assert 'action="/apps/monitor/grants/' not in await operator.get("/apps/monitor?edit=grants/x")


async def test_a_term_that_stays_as_it_was_is_not_given_anew(operator: Portal) -> None:
    await operator.page_after(GRANTS, pattern="cmsi.*", until="90d", reason="alerts")
    number, until = (await rights(operator))[0]["id"], (await rights(operator))[0]["until"]
    past = "2020-01-01T00:00:00Z"  # as of a right that has ended meanwhile
    await operator.page_after(f"{GRANTS}/{number}", until=past, was_until=past, reason="on call", was_reason="alerts")
    (right,) = await rights(operator)
    assert (right["until"], right["reason"]) == (until, "on call")


async def test_a_right_that_is_gone_meanwhile_is_told_of(operator: Portal) -> None:
    page = await operator.page_after(f"{GRANTS}/7", 404, until="90d")
    assert "monitor has no right &#39;7&#39;" in page
    page = await operator.page_after(f"{IMPERSONATIONS}/7", 404, do="revoke")
    assert "monitor has no right &#39;7&#39;" in page


@pytest.mark.parametrize("path", [GRANTS, f"{IMPERSONATIONS}/7", "/apps/monitor/owners", "/apps/monitor/secrets"])
async def test_the_address_of_a_form_leads_to_the_page_of_the_app(operator: Portal, path: str) -> None:
    async with operator.browser.get(f"{operator.url}{path}?lang=zh-hans") as response:
        assert (response.status, response.url.path, response.url.query_string) == (200, "/apps/monitor", "lang=zh-hans")
        assert "负责人" in await response.text()


async def test_json_clients_have_the_operations_answer(operator: Portal) -> None:
    headers = {**JSON, **BEARER}
    fields = {"pattern": "cc.*", "reason": "alerts"}
    async with operator.browser.post(operator.url + GRANTS, data=fields, headers=headers) as response:
        made = await response.json()
        assert (response.status, made["pattern"], made["reason"]) == (201, "cc.*", "alerts")
        assert "matches none" in made["warnings"][0]
    path = f"{operator.url}{GRANTS}/{made['id']}"
    async with operator.browser.post(path, data={"do": "revoke"}, headers=headers) as response:
        assert await response.json() == {"revoked": {"pattern": "cc.*"}}


async def test_nobody_gives_a_right_without_a_login(operator: Portal) -> None:
    await operator.post("/logout", on="/apps")
    assert '<form method="post" action="/apps' not in await operator.get("/apps/monitor")
    response = await operator.post(GRANTS, {"pattern": "*"})
    assert response.status == 401
    assert await rights(operator) == []
