"""Faults at the press of a button, and that only our own pages press it."""

import re
from typing import Any

import pytest

from esb.sandbox.pages import fault_buttons
from tests.support.wechat_client import MESSAGE_SEND, WeChat

INBOX = "/_sandbox/inbox"
OWN = {"Sec-Fetch-Site": "same-origin"}


async def press(wechat: WeChat, path: str, form: dict[str, str] | None = None, **headers: str) -> int:
    """Send a form as a browser does; return the status."""
    response = await wechat.http.post(INBOX + path, data=form or {}, headers={**OWN, **headers}, allow_redirects=False)
    return response.status


async def shown(wechat: WeChat) -> str:
    return await (await wechat.raw("GET", INBOX, headers={"Accept": "text/html"})).text()


async def faults(wechat: WeChat) -> Any:
    return (await wechat.control("GET", "faults"))["faults"]


async def test_the_page_has_a_button_for_each_fault_and_a_choice_for_each_kind_of_call(wechat: WeChat) -> None:
    text = await shown(wechat)
    shape = r'name="fault" value="([^"]+)" data-calls="([^"]+)"><b>[^<]+</b><small>[^<]+<'
    assert {name: calls.split() for name, calls in re.findall(shape, text)} == fault_buttons.buttons()
    assert list(fault_buttons.buttons()) == list(fault_buttons.FAULTS)
    calls = re.search(r'<select name="calls">(.*?)</select>', text, re.DOTALL)
    times = re.search(r'<select name="times">(.*?)</select>', text, re.DOTALL)
    assert calls
    assert re.findall(r'value="([^"]+)">[^<]', calls[1]) == list(fault_buttons.CALLS)
    assert times
    assert re.findall(r'value="([^"]+)">[^<]', times[1]) == list(fault_buttons.TIMES)


@pytest.mark.parametrize("calls", fault_buttons.SENDING)
@pytest.mark.parametrize("name", fault_buttons.FAULTS)
async def test_each_button_sets_its_fault_and_the_page_names_it(wechat: WeChat, name: str, calls: str) -> None:
    path, _ = fault_buttons.SENDING[calls]
    status = await press(wechat, "/faults", {"fault": name, "calls": calls, "times": "3"})
    if calls not in fault_buttons.buttons()[name]:
        assert (status, await faults(wechat)) == (409, [])
        return
    [fault] = await faults(wechat)
    assert (status, fault["match"], fault["times"]) == (303, {"path": path}, 3)
    assert (fault_buttons.name_of(fault), fault_buttons.calls_of(fault)) == (name, calls)

    page = await shown(wechat)
    listed = page.partition('id="fault-list"')[2]
    for value in (name, calls):
        words = re.search(rf'value="{value}"[^>]*>(?:<b>)?([^<]+)<', page)
        assert words is not None
        assert words[1] in listed
    assert "0 of 3 times" in listed


async def test_a_refusal_of_the_next_wecom_message_is_one(wechat: WeChat) -> None:
    await press(wechat, "/faults", {"fault": "refused", "calls": "wecom", "times": "1"})
    token = await wechat.wecom_token()
    assert [(await wechat.send(token))["errcode"] for _ in range(2)] == [45009, 0]
    assert "1 of 1 times" in await shown(wechat)


async def test_faults_of_the_control_api_are_listed_as_they_were_given(wechat: WeChat) -> None:
    await wechat.fault(MESSAGE_SEND, {"cut": 3}, match={"touser": "<lisi>"}, times=0)
    text = await shown(wechat)
    assert "&#34;cut&#34;: 3" in text
    assert "{&#34;touser&#34;:&#34;&lt;lisi&gt;&#34;,&#34;path&#34;:&#34;/cgi-bin/message/send&#34;}" in text
    assert "0 times so far" in text


async def test_all_faults_are_cleared_and_the_inbox_is_emptied(wechat: WeChat) -> None:
    await wechat.robot()
    await press(wechat, "/faults", {"fault": "busy", "calls": "all"})
    assert await press(wechat, "/faults/clear") == 303
    assert await press(wechat, "/empty") == 303
    assert (await faults(wechat), await wechat.messages()) == ([], [])


async def test_the_page_keeps_its_filters_when_a_button_is_pressed(wechat: WeChat) -> None:
    response = await wechat.raw("POST", f"{INBOX}/faults/clear?platform=qy&text=a%26b&evil=1", headers=OWN)
    assert response.headers["Location"] == f"{INBOX}?platform=qy&text=a%26b"


@pytest.mark.parametrize(
    "form",
    [{}, {"fault": "nothing"}, {"fault": "busy", "calls": "mine"}, {"fault": "busy", "times": "7"}, {"fault": "<b>"}],
)
async def test_a_form_that_makes_no_sense_sets_nothing(wechat: WeChat, form: dict[str, str]) -> None:
    assert await press(wechat, "/faults", form) == 400
    assert await faults(wechat) == []


@pytest.mark.parametrize("path", ["/faults", "/faults/clear", "/empty"])
async def test_forms_of_other_sites_are_refused(wechat: WeChat, path: str) -> None:
    await wechat.robot()
    await wechat.fault(None, {"errcode": -1}, times=0, match={"path": "/none"})
    form = {"fault": "hang"}
    assert await press(wechat, path, form, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert await press(wechat, path, form, **{"Sec-Fetch-Site": "same-site"}) == 403
    response = await wechat.http.post(INBOX + path, data=form, headers={"Origin": "https://evil.example"})
    assert response.status == 403
    assert (len(await faults(wechat)), len(await wechat.messages())) == (1, 1)


async def test_a_form_to_nowhere_is_404(wechat: WeChat) -> None:
    assert await press(wechat, "/nothing") == 404


async def test_neither_many_faults_nor_long_ones_fill_the_page(wechat: WeChat) -> None:
    for _ in range(60):
        await wechat.fault("/" * 100_000, {"body": "x" * 100_000}, times=0)
    text = await shown(wechat)
    assert len(text) < 60_000
    assert "60 in all" in text
