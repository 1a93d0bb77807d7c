"""The pages of deliveries: what is found, what is held back, what is cancelled, and what is said where nothing is."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import ClientSession

from esb.config import ConfigSource
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.engine import Database
from esb.portal.app import create_portal
from esb.portal.deliveries import DONE
from esb.portal.parts import Answered, Parts
from tests.support.databases import stanza
from tests.support.delivery_rows import add_delivery
from tests.support.gateway import OpenServer
from tests.support.portal import Portal, open_portal
from tests.support.portal_deliveries import add_held, state_of
from tests.support.processes.deployment import BEARER

SCRIPT = "<script>alert(1)</script>"
SEND = "cmsi.send_weixin"


async def test_deliveries_are_listed_with_their_state_and_lead_to_app_and_component(
    portal: Portal, rows: Database
) -> None:
    await portal.log_in()
    dead = await add_delivery(rows, [("lisi", ReceiverState.FAILED)], state=DeliveryState.DEAD, failure="busy")
    done = await add_delivery(rows)
    page = await portal.get("/deliveries")
    for link in (f"/deliveries/{dead}", f"/deliveries/{done}", "/apps/monitor", "/c/cmsi/send_weixin"):
        assert f'href="{link}"' in page
    assert '<span class="badge bad">dead</span> <b>1</b>' in page
    found = await portal.json("/deliveries")
    assert {each["id"] for each in found["deliveries"]} == {done, dead}
    assert found["states"]["dead"]["number"] == 1


@pytest.mark.parametrize(
    "query",
    [
        "app=shop",
        "component=cmsi.send_sms",
        "receiver=wangwu",
        "state=dead",
        "class=quota",
        f"request_id={'1' * 32}",
        "msgid=42",
        "since=1h",
    ],
)
async def test_what_fits_is_found_and_what_was_typed_stays(portal: Portal, rows: Database, query: str) -> None:
    await portal.log_in()
    wanted = await add_delivery(
        rows,
        [("wangwu", ReceiverState.UNKNOWN)],
        msgids=["42"],
        app="shop",
        component="cmsi.send_sms",
        state=DeliveryState.DEAD,
        failure="quota",
        request_id="1" * 32,
    )
    other = await add_delivery(rows, id=f"{0:012x}{'0' * 20}")
    found = await portal.json(f"/deliveries?{query}")
    assert [each["id"] for each in found["deliveries"]] == [wanted]
    page = await portal.get(f"/deliveries?{query}")
    name, value = query.split("=")
    assert f'value="{value}"' in page or f"<option selected>{value}" in page
    assert other not in page
    assert f'name="{name}"' in page


async def test_an_id_leads_to_its_delivery(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    identity = await add_delivery(rows)
    async with portal.browser.get(f"{portal.url}/deliveries?id={identity.upper()}") as response:
        assert response.url.path == f"/deliveries/{identity}"
    page = await portal.get(f"/deliveries?id={'f' * 32}", 404)
    assert f"there is no delivery {'f' * 32}" in page
    assert f'value="{"f" * 32}"' in page


async def test_a_wrong_search_is_refused_beside_what_was_typed(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    await add_delivery(rows)
    page = await portal.get("/deliveries?since=95%25+yesterday&app=shop", 422)
    assert "since:" in page
    assert 'value="95% yesterday"' in page
    assert 'value="shop"' in page
    assert "error" in await portal.json("/deliveries?cursor=x", 422)


async def test_a_page_ends_in_a_link_to_the_next_one(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    oldest, *_ = sorted([await add_delivery(rows, app="shop") for _ in range(3)])
    page = await portal.get("/deliveries?app=shop&limit=2")
    cursor = (await portal.json("/deliveries?app=shop&limit=2"))["cursor"]
    assert f'href="/deliveries?app=shop&amp;limit=2&amp;cursor={cursor}"' in page
    rest = await portal.json(f"/deliveries?app=shop&limit=2&cursor={cursor}")
    assert ([each["id"] for each in rest["deliveries"]], rest["cursor"]) == ([oldest], None)


async def test_a_component_is_held_with_a_reason_and_released(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    response = await portal.post("/deliveries/hold", {"component": SEND, "reason": SCRIPT})
    page = await response.text()
    assert "nothing more of it is sent until you release it" in page
    assert "portal:ops" in page
    assert "&lt;script&gt;alert(1)" in page
    assert SCRIPT not in page
    again = await (await portal.post("/deliveries/hold", {"component": SEND, "reason": "a storm"})).text()
    assert "was held already" in again
    page = await (await portal.post("/deliveries/release", {"component": SEND})).text()
    assert "it is released" in page.lower()
    assert "a storm" not in page
    assert "not held any more" in await (await portal.post("/deliveries/release", {"component": SEND})).text()
    assert [each["component"] for each in (await portal.json("/deliveries"))["holds"]] == ["cmsi.send_mail"]


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"component": SEND, "reason": " "}, "Say why"),
        ({"component": "cmsi.send_wiexin", "reason": "a storm"}, "There is no such component"),
        ({"reason": "a storm"}, "There is no such component"),
    ],
)
async def test_a_hold_of_nothing_or_for_no_reason_is_refused(
    portal: Portal, rows: Database, form: dict[str, str], why: str
) -> None:
    await portal.log_in()
    response = await portal.post("/deliveries/hold", form)
    page = await response.text()
    assert (response.status, why in page) == (422, True)
    assert f'value="{form["reason"].strip()}"' in page
    assert [each["component"] for each in (await portal.json("/deliveries"))["holds"]] == ["cmsi.send_mail"]


async def test_many_are_counted_before_they_are_cancelled(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    meant = [await add_held(rows, app="shop") for _ in range(2)]
    other = await add_held(rows)
    page = await portal.get("/deliveries/cancel?app=shop")
    assert "2 deliveries wait and fit" in page
    assert [await state_of(rows, each) for each in meant] == [DeliveryState.HELD] * 2
    response = await portal.post("/deliveries/cancel", {"app": "shop"}, on="/deliveries/cancel?app=shop")
    assert "All that waited and fitted are cancelled" in await response.text()
    assert [await state_of(rows, each) for each in (*meant, other)] == [
        DeliveryState.CANCELLED,
        DeliveryState.CANCELLED,
        DeliveryState.HELD,
    ]
    assert "None that waits fits" in await portal.get("/deliveries/cancel?app=shop")


async def test_all_at_once_cannot_be_cancelled(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    identity = await add_held(rows)
    assert "name an app, a component or a state" in await portal.get("/deliveries/cancel", 422)
    response = await portal.post("/deliveries/cancel", {"app": " "})
    assert response.status == 422
    assert await state_of(rows, identity) == DeliveryState.HELD


async def test_nobody_unknown_changes_anything(portal: Portal, rows: Database) -> None:
    identity = await add_held(rows)
    page = await portal.get("/deliveries")
    assert "/deliveries/hold" not in page
    assert "/cancel" not in await portal.get(f"/deliveries/{identity}")
    for path in (f"/deliveries/{identity}/cancel", "/deliveries/hold", "/deliveries/release", "/deliveries/cancel"):
        assert (await portal.post(path, {"component": SEND, "app": "monitor", "reason": "x"})).status == 401
    assert await state_of(rows, identity) == DeliveryState.HELD


async def test_only_known_words_are_shown_of_what_was_done(portal: Portal) -> None:
    assert "session has ended" not in await portal.get("/deliveries?done=Your+session+has+ended")
    assert DONE["cancelled-many"] in await portal.get("/deliveries?done=cancelled-many")


async def test_without_a_database_the_page_says_what_to_configure(tmp_path: Path, opened: AsyncExitStack) -> None:
    portal = await opened.enter_async_context(open_portal(tmp_path, has_database=False))
    page = await portal.get("/deliveries")
    assert "There is no database" in page
    assert "encryption_keys" in page
    assert await portal.json("/deliveries") == {"database": False}
    assert "services.database" in await portal.get(f"/deliveries/{'0' * 32}", 404)


async def test_the_pages_speak_chinese(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    await add_delivery(rows, state=DeliveryState.DEAD)
    page = await portal.get("/deliveries?lang=zh-hans")
    assert "未送达" in page
    assert "Held back" not in page
    assert "符合条件" in await portal.get("/deliveries/cancel?app=monitor")


async def test_who_asks_for_json_gets_what_the_operation_answers(portal: Portal, rows: Database) -> None:
    async def post(path: str, **form: str) -> tuple[int, dict[str, object]]:
        headers = {**BEARER, "Accept": "application/json"}
        async with portal.browser.post(f"{portal.url}{path}", data=form, headers=headers) as response:
            return response.status, await response.json()

    await add_held(rows)
    assert await post("/deliveries/hold", component=SEND, reason="a storm") == (200, {"is_new": True})
    assert (await post("/deliveries/hold", component=SEND))[0] == 422
    assert await post("/deliveries/release", component=SEND) == (200, {"was_held": True})
    assert await post("/deliveries/cancel", state="held") == (200, {"cancelled": 1})
    assert (await post("/deliveries/cancel"))[0] == 422
    status, dead = await post(f"/deliveries/{await add_delivery(rows)}/redrive")
    assert (status, dead) == (409, {"error": "Only a delivery that is dead can be sent again"})


class Away:
    """Operations whose database is away."""

    async def ask(self, *asked: object) -> Answered:
        return Answered(503, {"error": "the database is away"})


async def test_a_database_that_does_not_answer_is_said_beside_what_was_typed(
    tmp_path: Path, open_server: OpenServer, http: ClientSession
) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(f"version: 1\nservices:\n{stanza('sqlite:///esb.db')}")
    config = ConfigSource(file, {}).resolve()
    parts = Parts(lambda: config, Away(), lambda: "http://127.0.0.1:9", None)
    url = await open_server(create_portal(parts))
    async with http.get(f"{url}/deliveries?app=shop") as response:
        assert response.status == 503
        page = await response.text()
    assert 'role="alert">the database is away' in page
    assert 'value="shop"' in page
    assert "Nothing is held back" not in page
