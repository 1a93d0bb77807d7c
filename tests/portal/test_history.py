"""The history as operators read it: sifted, page by page, what was and what is."""

import re

import pytest

from esb.portal.changes import Changed, changed
from tests.support.portal import Portal
from tests.support.use import HOUR, write_use


@pytest.fixture
async def operator(portal: Portal) -> Portal:
    """A portal whose operator has made two apps, and given one of them a right."""
    await portal.log_in()
    for code in ("billing", "monitor"):
        await portal.post("/apps", {"code": code, "owners": "li"}, on="/apps")
    await portal.post("/apps/monitor/grants", {"pattern": "cmsi.*", "reason": "<b>alerts</b>"}, on="/apps")
    return portal


async def actions(portal: Portal, query: str) -> list[str]:
    return [row["action"] for row in (await portal.json(f"/history{query}"))["history"]]


async def test_the_history_tells_who_has_changed_what(operator: Portal) -> None:
    page = await operator.get("/history")
    assert "portal:ops" in page
    assert 'href="/history?actor=portal%3Aops"' in page
    assert 'href="/apps/monitor"' in page
    assert "&lt;b&gt;alerts&lt;/b&gt;" in page
    assert page.index("grant.add") < page.index("<code>app.create</code>")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?app=monitor", ["grant.add", "owner.add", "app.create"]),
        ("?app=monitor&action=grant.add", ["grant.add"]),
        ("?action=owner.add", ["owner.add", "owner.add"]),
        ("?actor=admin:ops", []),
        ("?actor=+portal:ops+&action=grant.add", ["grant.add"]),
        ("?since=2100-01-01", []),
        ("?action=&app=&limit=1", ["grant.add"]),
    ],
)
async def test_the_history_is_sifted(operator: Portal, query: str, found: list[str]) -> None:
    assert await actions(operator, query) == found


async def test_calls_in_somebodys_name_stand_beside_what_was_written(operator: Portal) -> None:
    async with operator.database() as database:
        await write_use(database, {}, {("monitor", "li", HOUR, "cmsi.send_weixin"): 7})
    assert "impersonate" not in await actions(operator, "?app=monitor")
    assert "impersonate" in await actions(operator, "?app=monitor&user=li")
    page = await operator.get("/history?user=*")
    assert "app:monitor" in page
    assert 'value="*"' in page


async def test_the_history_is_read_page_by_page(operator: Portal) -> None:
    found, address = [], "/history?limit=2&app=monitor"
    while address:
        page = await operator.get(address)
        found += re.findall(r"<td><code>([a-z.]+)</code></td>", page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") + "&limit=2" if following else ""
    assert found == ["grant.add", "owner.add", "app.create"]


@pytest.mark.parametrize(
    ("query", "status", "reason", "kept"),
    [
        ("?since=soon", 422, "or so long ago: 90d, 12h|or so long from now", 'value="soon"'),
        ("?action=grant.ad", 422, "action: Input should be", "<option selected>grant.ad</option>"),
        ("?app=montor", 404, "did you mean &#39;monitor&#39;", 'value="montor"'),
        ("?cursor=other&app=monitor", 422, "no page has told this one", 'value="monitor"'),
    ],
)
async def test_a_filter_that_is_none_stays_with_the_reason(
    operator: Portal, query: str, status: int, reason: str, kept: str
) -> None:
    page = await operator.get(f"/history{query}", status)
    assert re.search(reason, page)
    assert kept in page
    assert "error" in await operator.json(f"/history{query}", status)


async def test_the_history_of_one_app_is_a_link_away_from_it(operator: Portal) -> None:
    page = await operator.get("/apps/monitor")
    assert 'href="/history?app=monitor"' in page
    assert "grant.add" in page


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (None, {"owner": "li"}, [Changed("owner", "", "li")]),
        ({"owner": "li"}, None, [Changed("owner", "li", "")]),
        ({"a": 1, "b": [2]}, {"a": 1, "b": []}, [Changed("b", "[2]", "")]),
        (None, {"reason": "", "until": None, "disabled": False}, []),
        ({"settings": {"a": 1}}, {"settings": {}}, [Changed("settings", '{"a": 1}', "")]),
        (None, {"disabled": True}, [Changed("disabled", "", "true")]),
        ({"disabled": True}, {"disabled": False}, [Changed("disabled", "true", "false")]),
        (None, None, []),
    ],
)
def test_a_row_tells_what_differs(
    before: dict[str, object] | None, after: dict[str, object] | None, found: list[Changed]
) -> None:
    assert changed(before, after) == found
