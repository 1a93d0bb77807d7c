"""The page of one delivery: what became of it, and what can be done about it."""

import pytest
from sqlalchemy import insert

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.callback_events import events_for
from esb.database.deliveries import CONTENT
from esb.database.engine import Database
from esb.portal.delivery import MOST
from tests.support.browser import Watch, open_browser, open_page
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.portal import Portal
from tests.support.portal_deliveries import add_held, state_of

SCRIPT = "<script>alert(1)</script>"


async def test_one_delivery_tells_what_became_of_each_receiver_and_what_to_do(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    receivers = [("zhangsan", ReceiverState.ACCEPTED), ("lisi", ReceiverState.FAILED)]
    identity = await add_delivery(
        rows,
        receivers,
        refusal=("60020", f"not allow to access from your ip, from ip: 10.1.2.3 {SCRIPT}"),
        state=DeliveryState.DEAD,
        failure="config",
        msgids=["2903148375210672128"],
    )
    async with rows.writing() as connection:
        await events_for(connection, rows.keys, [identity], NOW)
    page = await portal.get(f"/deliveries/{identity}")
    assert page.index("lisi") < page.index("zhangsan")
    assert "60020" in page
    assert "WeChat saw 10.1.2.3, which is no trusted IP of the app" in page
    assert SCRIPT not in page
    assert "2903148375210672128" in page
    assert "Callback done, delivery.dead" in page
    for link in ("/apps/monitor", "/c/cmsi/send_weixin", f"/deliveries?request_id={'0' * 32}"):
        assert f'href="{link}"' in page
    assert "/explain?app=monitor&amp;component=cmsi.send_weixin&amp;user=admin" in page
    assert "hx-get" not in page
    found = await portal.json(f"/deliveries/{identity}")
    assert found["callbacks"][0]["state"] == "queued"


async def test_a_delivery_that_has_not_ended_is_followed(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    identity = await add_held(rows)
    page = await portal.get(f"/deliveries/{identity}")
    assert f'hx-get="/deliveries/{identity}/live"' in page
    everybody = f'hx-get="/deliveries/{identity}/live?receivers=all"'
    assert everybody in await portal.get(f"/deliveries/{identity}?receivers=all")
    assert everybody in await portal.get(f"/deliveries/{identity}/live?receivers=all")
    assert "config: 535" in page
    live = await portal.get(f"/deliveries/{identity}/live")
    assert live.strip().startswith("<div")
    assert "<html" not in live
    async with portal.browser.get(f"{portal.url}/deliveries/{'0' * 32}/live") as response:
        assert response.status == 204


async def test_one_that_waits_is_cancelled_and_one_that_has_ended_is_not(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    identity = await add_held(rows)
    assert f'action="/deliveries/{identity}/cancel"' in await portal.get(f"/deliveries/{identity}")
    page = await (await portal.post(f"/deliveries/{identity}/cancel")).text()
    assert "It is cancelled." in page
    assert await state_of(rows, identity) == DeliveryState.CANCELLED
    done = await add_delivery(rows)
    response = await portal.post(f"/deliveries/{done}/cancel")
    assert response.status == 409
    assert "nothing of it is left to cancel" in await response.text()


@pytest.mark.parametrize(("whom", "state"), [("failed", ReceiverState.FAILED), ("unknown", ReceiverState.UNKNOWN)])
async def test_a_dead_one_is_sent_again_to_those_who_missed_it(
    portal: Portal, rows: Database, whom: str, state: ReceiverState
) -> None:
    await portal.log_in()
    identity = await add_delivery(rows, [("lisi", state)], component="cmsi.send_mail", state=DeliveryState.DEAD)
    async with rows.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=identity, sealed=b"sealed", purge=0))
    page = await portal.get(f"/deliveries/{identity}")
    assert f'name="receivers" value="{whom}"' in page
    assert ("may have the message already" in page) == (whom == "unknown")
    page = await (await portal.post(f"/deliveries/{identity}/redrive", {"receivers": whom})).text()
    assert "It is queued again" in page
    again = await portal.post(f"/deliveries/{identity}/redrive", {"receivers": whom})
    assert again.status == 409
    assert "Only a delivery that is dead can be sent again" in await again.text()


async def test_a_delivery_of_thousands_shows_those_first_who_missed_it(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    receivers = [(f"user{number}", ReceiverState.ACCEPTED) for number in range(MOST + 100)]
    identity = await add_delivery(rows, [*receivers, ("late", ReceiverState.EXPIRED)], state=DeliveryState.DEAD)
    page = await portal.get(f"/deliveries/{identity}")
    assert "late" in page
    assert "user250" not in page
    assert "Show 101 more" in page
    assert "user250" in await portal.get(f"/deliveries/{identity}?receivers=all")


async def test_a_call_is_followed_from_the_envelope_to_its_delivery(portal: Portal) -> None:
    envelope = await portal.send(**{"async": True})
    identity = envelope["data"]["delivery"]["id"]
    await portal.log_in()
    page = await portal.get(f"/deliveries?id={identity}")
    assert "zhangsan" in page
    assert 'href="/apps/esb_demo"' in page


async def test_there_is_no_such_delivery(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    assert "there is no delivery nobody&#39;s" in await portal.get("/deliveries/nobody's", 404)
    assert (await portal.post("/deliveries/nobody's/cancel")).status == 404


async def test_it_speaks_chinese_and_so_do_refusals(portal: Portal, rows: Database) -> None:
    await portal.log_in()
    identity = await add_delivery(
        rows, [("lisi", ReceiverState.FAILED)], refusal=("60020", "no"), state=DeliveryState.DEAD, failure="config"
    )
    page = await portal.get(f"/deliveries/{identity}?lang=zh-hans")
    assert "凭据、权限或设置有误" in page
    assert "which is no trusted IP" not in page
    assert "What happened" not in page
    response = await portal.post(f"/deliveries/{identity}/redrive")
    assert response.status == 409
    assert "投递的内容已不再保存" in await response.text()


async def test_its_end_is_seen_without_loading_the_page_again(portal: Portal, rows: Database) -> None:
    identity = await add_held(rows)
    async with open_browser() as browser:
        watch = Watch((portal.url,))
        page = await open_page(browser, watch)
        await page.clock.install()
        await page.goto(f"{portal.url}/deliveries/{identity}")
        assert await page.inner_text("#delivery .state .badge") == "held"
        await portal.log_in()
        await portal.post(f"/deliveries/{identity}/cancel")
        await page.clock.run_for(2500)
        await page.wait_for_selector("#delivery .state .badge:text-is('cancelled')")
        assert await page.get_attribute("#delivery", "hx-get") is None
        assert watch.faults == []


@pytest.mark.parametrize(("component", "says"), [("cmsi.send_weixin", True), ("cmsi.send_mp_weixin", False)])
async def test_how_to_take_it_back_is_told_where_the_platform_can(
    portal: Portal, rows: Database, component: str, says: bool
) -> None:
    identity = await add_delivery(rows, component=component, msgids=["42"])
    assert (f"esb delivery recall {identity}" in await portal.get(f"/deliveries/{identity}")) == says
