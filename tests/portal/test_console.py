"""The console: a form from the parameters, dry runs, sending for real, and what a page tells of it."""

import asyncio
import html
import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web

from esb.portal import loopback
from tests.support.configuration import DEMO, WECOM
from tests.support.gateway import OpenServer
from tests.support.portal import COMPONENTS, JSON, Portal, csrf_of, form_of, open_portal
from tests.support.servers.recorder import Recorder, proxy, recording

TRY, RELAY = "/c/cmsi/send_weixin/try", "/c/demo/relay/try"
DATA = json.dumps({"heading": "H", "message": "M", "date": "D"})
FORM = {**DEMO, "p.receiver": "zhangsan", "p.data": DATA}
SECRET = "a-secret-that-nobody-knows"
HOSTILE = "<script>alert(1)</script>"
ROBOT = """\
  - path: /cmsi/send_wecom_robot/
    use: cmsi_send_wecom_robot
    config: {robots: {ops: bot-key}, wx_qy_host: "${sandbox}"}
"""
QUERY = "  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n"
HOOK = """\
  - path: /alerts/hook/
    use: alert_webhook
    methods: [POST]
    config: {to: /cmsi/send_weixin/, params: {receiver: lisi}}
"""
OFF = WECOM.replace("/cmsi/send_weixin/", "/cmsi/off/").replace("/v2/cmsi/off/", "/v2/off/") + "    active: false\n"
CHINESE = {"Accept-Language": "zh-CN"}


async def posted(portal: Portal, form: dict[str, str], path: str = TRY, **headers: str) -> ClientResponse:
    """Return the answer to a form."""
    token = csrf_of(await portal.get(path))
    response = await portal.browser.post(portal.url + path, data={"csrf": token, **form}, headers=headers)
    await response.read()
    return response


async def page(portal: Portal, form: dict[str, str], path: str = TRY) -> str:
    """Return the page that answers a form, and is no error page."""
    response = await posted(portal, form, path)
    assert response.status == 200, await response.text()
    return await response.text()


async def result(portal: Portal, form: dict[str, str], path: str = TRY) -> Any:
    """Return the answer to a form as JSON."""
    return await (await posted(portal, form, path, **JSON)).json()


async def arrived(portal: Portal) -> list[Any]:
    assert portal.deployment.sandbox is not None
    async with portal.browser.get(f"{portal.deployment.sandbox.url}/_sandbox/messages") as response:
        return list((await response.json())["messages"])


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


@pytest.fixture
async def relayed(tmp_path: Path, opened: AsyncExitStack, upstream: Recorder) -> Portal:
    """Open a portal of a gateway that relays to a server of the test, and knows robots, a query and what is off."""
    components = COMPONENTS + proxy(upstream.url, response="raw") + ROBOT + QUERY + OFF
    return await opened.enter_async_context(open_portal(tmp_path, components))


# The form


async def test_a_form_has_a_field_for_each_parameter_in_its_kind(portal: Portal) -> None:
    fields = {each["parameter"]: each for each in (await portal.json(TRY))["fields"]}
    assert fields["data"]["kind"] == "json"
    assert fields["data"]["required"]
    assert json.loads(fields["data"]["example"])["heading"] == "blueking alarm"
    assert {fields[name]["kind"] for name in ("receiver", "url")} == {"text"}
    assert fields["wx_qy_agentid"]["kind"] == "integer"
    assert fields["to_all"]["kind"] == "flag"
    assert fields["wx_qy_corpsecret"]["kind"] == "secret"
    text = await portal.get(TRY)
    assert re.search(r'<input id="f-p.wx_qy_corpsecret"[^>]*type="password"', text)
    assert re.search(r'<textarea id="f-p.data"[^>]*class="code"', text)
    for name in ("bk_app_secret", "bk_token"):
        assert re.search(rf'<input id="f-{name}"[^>]*type="password"', text)


async def test_descriptions_speak_the_visitors_language(portal: Portal) -> None:
    assert "names of users who are registered in BlueKing" in await portal.get(TRY)
    chinese = await portal.get(TRY, headers=CHINESE)
    assert "names of users" not in chinese
    assert "调用方" in chinese


async def test_the_form_of_the_example_needs_nothing_more_for_a_first_dry_run(portal: Portal) -> None:
    form = form_of(await portal.get(TRY))
    assert form["bk_app_secret"] == "demo-secret"
    told = await result(portal, form)
    assert told["ok"], told
    assert told["dry_run"]
    assert told["receivers"][0]["receiver"] == "admin"


async def test_a_secret_that_is_not_the_documents_own_stands_nowhere(portal: Portal) -> None:
    portal.file.write_text(portal.file.read_text().replace("demo-secret", SECRET))
    await portal.deployment.reloader.reload()
    text = await portal.get(TRY)
    assert SECRET not in text
    assert form_of(text)["bk_app_code"] == "esb_demo"
    line = next(number for number, each in enumerate(portal.file.read_text().split("\n"), 1) if SECRET in each)
    assert f"esb.yaml:{line}" in text


async def test_nothing_is_filled_in_where_visitors_come_from_afar(tmp_path: Path) -> None:
    keys = ", host: 0.0.0.0, trusted_header: X-User, trusted_from: [127.0.0.1]"
    async with open_portal(tmp_path, keys=keys) as portal:
        portal.url = portal.url.replace("0.0.0.0", "127.0.0.1")
        form = form_of(await portal.get(TRY, headers={"X-User": "ops"}))
    assert {form[name] for name in DEMO} == {""}
    assert form["p.receiver__username"] == ""


async def test_nothing_is_filled_in_for_whom_a_proxy_has_passed_on(portal: Portal) -> None:
    assert form_of(await portal.get(TRY))["bk_app_code"] == "esb_demo"
    form = form_of(await portal.get(TRY, headers={"X-Forwarded-For": "10.0.0.1"}))
    assert {form[name] for name in DEMO} == {""}


async def test_no_such_component_is_no_page(portal: Portal) -> None:
    assert "error" in await portal.json("/c/cmsi/nothing/try", 404)


async def test_one_that_is_switched_off_says_so(relayed: Portal) -> None:
    assert "switched off" in await relayed.get("/c/cmsi/off/try")
    told = await result(relayed, FORM, "/c/cmsi/off/try")
    assert told["code"] == 1306405


# A dry run, and sending


@pytest.mark.parametrize("action", [{}, {"action": "dry_run"}, {"action": "nonsense"}])
async def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(portal: Portal, action: dict[str, str]) -> None:
    told = await result(portal, {**FORM, **action})
    assert told["ok"]
    assert told["dry_run"]
    assert [(each["receiver"], each["fate"]) for each in told["receivers"]] == [("zhangsan", "would be sent")]
    assert told["previews"][0]["body"]["text"] == {"content": "H\nM\nDate: D"}
    assert await arrived(portal) == []


async def test_sending_for_real_asks_once_more_and_shows_what_goes_to_whom(portal: Portal) -> None:
    text = await page(portal, {**FORM, "action": "ask"})
    assert "Send for real?" in text
    assert "zhangsan" in text
    assert 'value="send"' in text
    assert await arrived(portal) == []
    sent = await page(portal, {**form_of(text), "action": "send"})
    assert "What happened" in sent
    assert "H\nM\nDate: D" in sent
    assert [each["text"] for each in await arrived(portal)] == ["H\nM\nDate: D"]


async def test_a_send_that_was_confirmed_once_is_made_once(portal: Portal) -> None:
    form = {**form_of(await page(portal, {**FORM, "action": "ask"})), "action": "send"}
    assert re.fullmatch("console-[0-9a-f]{32}", form["key"])
    first, again = await asyncio.gather(result(portal, form), result(portal, form))
    assert first["msgids"] == again["msgids"]
    assert {first["replayed"], again["replayed"]} == {False, True}
    assert f"-H 'Idempotency-Key: {form['key']}'" in first["curl"]
    assert "nothing was done a second time" in await page(portal, form)
    assert len(await arrived(portal)) == 1


async def test_each_page_that_asks_has_a_key_of_its_own_which_no_form_to_be_changed_keeps(portal: Portal) -> None:
    first = form_of(await page(portal, {**FORM, "action": "ask"}))
    assert (await result(portal, {**first, "action": "ask"}))["key"] not in ("", first["key"])
    changed = form_of(await page(portal, {**first, "action": "edit"}))
    assert "key" not in changed
    assert changed["o.key"] == ""
    for message in ("one", "two"):
        form = form_of(
            await page(portal, {**changed, "p.data": json.dumps({"heading": "H", "message": message}), "action": "ask"})
        )
        assert not (await result(portal, {**form, "action": "send"}))["replayed"]
    assert len(await arrived(portal)) == 2


async def test_a_key_that_was_typed_in_counts(portal: Portal) -> None:
    form = form_of(await page(portal, {**FORM, "o.key": "order-42", "action": "ask"}))
    assert "key" not in form
    assert "Idempotency-Key: order-42" in (await result(portal, {**form, "key": "drawn", "action": "send"}))["curl"]


async def test_a_key_among_the_parameters_of_one_that_sends_counts_too(tmp_path: Path, opened: AsyncExitStack) -> None:
    portal = await opened.enter_async_context(open_portal(tmp_path, WECOM + HOOK))
    path = "/c/alerts/hook/try"
    for parameters, has_key in (({"title": "T", "idempotency_key": "1"}, False), ({"title": "T"}, True)):
        told = await result(portal, {**DEMO, "p.": json.dumps(parameters), "action": "ask"}, path)
        assert told["preview"]["ok"], told
        assert bool(told["key"]) is has_key


async def test_of_a_key_that_nobody_typed_in_nobody_is_warned(tmp_path: Path) -> None:
    async with open_portal(tmp_path, has_database=False) as portal:
        form = form_of(await page(portal, {**FORM, "action": "ask"}))
        told = await result(portal, {**form, "action": "send"})
        assert told["ok"]
        assert told["warnings"] == []
        typed = await result(portal, {**FORM, "o.key": "1", "action": "send"})
        assert [each["field"] for each in typed["warnings"]] == ["Idempotency-Key"]


async def test_what_a_dry_run_refuses_cannot_be_sent_from_the_page_that_asks(portal: Portal) -> None:
    text = await page(portal, {**FORM, "bk_app_secret": "wrong", "action": "ask"})
    assert "This would not be sent" in text
    assert 'value="send"' not in text
    back = await page(portal, {**form_of(text), "action": "edit"})
    assert form_of(back)["p.receiver"] == "zhangsan"


async def test_a_secret_stands_in_the_page_that_answers_a_form_alone(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    response = await posted(portal, {**FORM, "bk_app_secret": SECRET, "action": "ask"})
    text = await response.text()
    assert response.headers["Cache-Control"] == "no-store"
    assert text.count(SECRET) == 1
    assert re.search(rf'<input type="hidden" name="bk_app_secret" value="{SECRET}" autocomplete="off">', text)
    assert SECRET not in str(response.url)
    assert SECRET not in caplog.text
    assert SECRET not in await portal.get(TRY)
    told = await posted(portal, {**FORM, "bk_app_secret": SECRET, "p.wx_qy_corpsecret": SECRET}, **JSON)
    assert SECRET not in await told.text()


async def test_the_request_is_shown_as_curl_with_variables_for_secrets(portal: Portal) -> None:
    told = await result(portal, {**FORM, "p.wx_qy_corpsecret": "corp-secret"})
    assert told["curl"].startswith(f"curl -X POST {portal.deployment.url}/api/c/compapi/cmsi/send_weixin/ ")
    assert '"$ESB_APP_SECRET"' in told["curl"]
    assert '"$ESB_WX_QY_CORPSECRET"' in told["curl"]
    assert "-H 'X-Dry-Run: 1'" in told["curl"]
    assert "demo-secret" not in told["curl"]
    assert "corp-secret" not in told["curl"]


async def test_the_fate_of_each_receiver_is_told_with_code_and_meaning(portal: Portal) -> None:
    told = await result(portal, {**FORM, "p.receiver": "zhangsan,nobody", "action": "send"})
    assert not told["ok"]
    assert [(each["receiver"], each["fate"]) for each in told["receivers"]] == [
        ("nobody", "failed"),
        ("zhangsan", "accepted"),
    ]
    assert told["receivers"][0]["errcode"] == 40003
    assert told["receivers"][0]["meaning"] == "This receiver cannot be reached."
    text = await page(portal, {**FORM, "p.receiver": "zhangsan,nobody", "action": "send"})
    assert "<code>40003</code>" in text


async def test_what_arrived_is_the_message_of_this_call(portal: Portal) -> None:
    await portal.send(data={"heading": "another", "message": "one"})
    told = await result(portal, {**FORM, "action": "send"})
    assert [(each["text"], each["delivered"]) for each in told["arrived"]] == [("H\nM\nDate: D", ["zhangsan"])]
    assert portal.deployment.sandbox is not None
    assert told["inbox"].startswith(f"{portal.deployment.sandbox.url}/_sandbox/inbox?msgid=")
    async with portal.browser.get(told["inbox"], headers=JSON) as response:
        assert [each["text"] for each in (await response.json())["messages"]] == ["H\nM\nDate: D"]


async def test_operators_are_led_to_an_explanation_of_a_refusal(portal: Portal) -> None:
    wrong = {**FORM, "bk_app_secret": "wrong"}
    assert (await result(portal, wrong))["explain"] == "/explain?app=esb_demo&user=admin&component=cmsi.send_weixin"
    assert (await result(portal, FORM))["explain"] == ""


async def test_others_are_not_led_to_pages_of_operators(tmp_path: Path) -> None:
    async with open_portal(tmp_path, keys=", trusted_header: X-User, trusted_from: [10.0.0.9]") as portal:
        told = await result(portal, {**FORM, "bk_app_secret": "wrong"})
        sent = await page(portal, {**FORM, "o.async": "on", "action": "send"})
    assert told["explain"] == ""
    assert 'href="/deliveries/' not in sent


async def test_an_asynchronous_call_tells_its_delivery(portal: Portal) -> None:
    told = await result(portal, {**FORM, "o.async": "on", "action": "send"})
    assert told["status"] == 202
    assert re.fullmatch("[0-9a-f]{32}", told["delivery"]["id"])
    text = await page(portal, {**FORM, "o.async": "on", "action": "send"})
    assert re.search('href="/deliveries/[0-9a-f]{32}"', text)


async def test_options_go_along_with_the_call(portal: Portal) -> None:
    keyed = {**FORM, "o.key": "order-42", "o.language": "zh-hans", "action": "send"}
    first, second = await result(portal, keyed), await result(portal, keyed)
    assert first["msgids"] == second["msgids"]
    assert second["answer"]["data"]["replayed"] is True
    assert "Idempotency-Key: order-42" in second["curl"]
    assert "Blueking-Language: zh-hans" in second["curl"]
    tested = await result(portal, {**FORM, "o.test": "on"})
    assert tested["code"] == 1306206


async def test_a_line_end_in_an_option_makes_no_header(relayed: Portal) -> None:
    told = await result(relayed, {**FORM, "o.key": "a\0\r\nX-Forwarded-For: 10.0.0.1"})
    assert "Idempotency-Key: a X-Forwarded-For: 10.0.0.1'" in told["curl"]


async def test_a_form_that_cannot_be_sent_says_where_and_calls_nobody(portal: Portal) -> None:
    response = await posted(portal, {**FORM, "p.data": '{"heading":\n nonsense}', "action": "send"}, **JSON)
    assert response.status == 422
    assert await response.json() == {
        "error": "Something in the form cannot be sent.",
        "faults": {"data": "This is no JSON: line 2, column 2."},
    }
    text = await page(portal, {**FORM, "p.data": "[" * 100_000, "action": "send"})
    assert "nested too deep" in text
    assert await arrived(portal) == []


async def test_a_form_without_the_pages_token_makes_no_call(portal: Portal) -> None:
    async with portal.browser.post(portal.url + TRY, data={**FORM, "action": "send"}) as response:
        assert response.status == 403
        assert 'id="result"' in await response.text()
    assert await arrived(portal) == []


# Components without dry runs, and answers of other systems


async def test_a_query_is_called_at_once_and_anything_else_asks_before(relayed: Portal, upstream: Recorder) -> None:
    told = await result(relayed, {**DEMO, "action": "ask"}, "/c/cmsi/get_msg_type/try")
    assert [each["type"] for each in told["answer"]["data"]]
    text = await page(relayed, {**DEMO, "o.method": "POST", "p.": '{"a": 1}', "action": "ask"}, RELAY)
    assert "Make this call?" in text
    assert upstream.seen == []
    told = await result(relayed, {**form_of(text), "action": "send"}, RELAY)
    assert json.loads(upstream.last.body) == {"a": 1}
    assert told["answer"] == upstream.says


async def test_a_component_that_takes_no_key_gets_none(relayed: Portal, upstream: Recorder) -> None:
    form = form_of(await page(relayed, {**DEMO, "o.method": "POST", "action": "ask"}, RELAY))
    assert "key" not in form
    upstream.says = {"result": True, "data": {"replayed": True}}
    told = await result(relayed, {**form, "key": "drawn", "action": "send"}, RELAY)
    assert told["ok"], told
    assert not told["replayed"]
    assert "Idempotency-Key" not in told["curl"]


async def test_a_relayed_call_that_takes_a_key_shows_it_before_it_is_made_once(
    tmp_path: Path, opened: AsyncExitStack, upstream: Recorder
) -> None:
    upstream.says = {"result": True, "data": {}}
    relay = proxy(upstream.url, stanza="idempotency: true, ")
    portal = await opened.enter_async_context(open_portal(tmp_path, relay))
    text = await page(portal, {**DEMO, "o.method": "POST", "action": "ask"}, RELAY)
    form = {**form_of(text), "action": "send"}
    assert f"Idempotency-Key: {form['key']}" in text
    assert [(await result(portal, form, RELAY))["replayed"] for _ in range(2)] == [False, True]
    assert len(upstream.seen) == 1


async def test_nothing_of_the_visitors_own_request_goes_along(relayed: Portal, upstream: Recorder) -> None:
    form = {**DEMO, "o.method": "GET", "p.": '{"a": "b c"}'}
    more = {"X-Forwarded-For": "10.0.0.1", "Cookie": "other=1", "X-Request-Uri": "/elsewhere", "X-More": "1"}
    token = csrf_of(await relayed.get(RELAY))
    cookies = "; ".join(f"{each.key}={each.value}" for each in relayed.browser.cookie_jar)
    headers = {**more, **JSON, "Cookie": f"{cookies}; other=1"}
    async with relayed.browser.post(relayed.url + RELAY, data={"csrf": token, **form}, headers=headers) as response:
        assert (await response.json())["ok"]
    assert upstream.last.target == "/x/?a=b+c"
    assert "X-More" not in upstream.last.headers
    assert "Cookie" not in upstream.last.headers
    assert "10.0.0.1" not in upstream.last.headers.get("X-Forwarded-For", "")


async def test_answers_of_other_systems_are_text(relayed: Portal, upstream: Recorder) -> None:
    async def hostile(request: web.Request) -> web.StreamResponse:
        return web.Response(text=HOSTILE, content_type="text/html")

    upstream.answer = hostile
    text = await page(relayed, {**DEMO, "o.method": "GET"}, RELAY)
    assert HOSTILE not in text
    assert html.escape(HOSTILE) in text
    upstream.answer, upstream.says = (
        None,
        {"result": False, "code": HOSTILE, "message": HOSTILE, "data": {"hint": HOSTILE}},
    )
    text = await page(relayed, {**DEMO, "o.method": "GET"}, RELAY)
    assert HOSTILE not in text
    assert text.count(html.escape(HOSTILE)) >= 4


@pytest.mark.parametrize("name", ["bk_app_code", "bk_username", "p.receiver", "p.data", "p.url", "o.key"])
async def test_what_is_typed_in_is_text(portal: Portal, name: str) -> None:
    hostile = f"\"'>{HOSTILE}"
    for action in ("dry_run", "ask", "edit", "send"):
        assert HOSTILE not in await page(portal, {**FORM, name: hostile, "action": action})


async def test_answers_of_any_shape_are_shown(relayed: Portal, upstream: Recorder) -> None:
    shapes: Iterator[Any] = iter(
        [
            {"data": {"failed": "x", "accepted": 5, "messages": [1, {"receivers": 3}], "dry_run": True}},
            {"result": True, "data": {"failed": [1, {"receiver": None, "class": "none"}], "warnings": [2, {}]}},
            {"result": True, "data": {"delivery": {}, "unknown": [{"a": 1}], "hint": [1]}},
            {"result": "yes", "message": None, "code": None},
            [1, 2],
            "text",
            None,
        ]
    )
    for shape in shapes:
        upstream.says = shape
        assert "HTTP 200" in await page(relayed, {**DEMO, "o.method": "GET"}, RELAY)


async def test_a_redirect_is_shown_and_not_followed(relayed: Portal, upstream: Recorder) -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{upstream.url}/elsewhere"})

    upstream.answer = elsewhere
    told = await result(relayed, {**DEMO, "o.method": "GET"}, RELAY)
    assert told["status"] == 302
    assert told["headers"]["Location"] == f"{upstream.url}/elsewhere"


@pytest.mark.parametrize("body", [b"x" * 3_000_000, b"\xff\xfe\x00" * 1000])
async def test_bytes_without_end_or_sense_are_cut_or_counted(relayed: Portal, upstream: Recorder, body: bytes) -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/octet-stream")

    upstream.answer = large
    told = await result(relayed, {**DEMO, "o.method": "GET"}, RELAY)
    assert told["is_cut"] is (len(body) > loopback.MOST_BYTES)
    assert len(await page(relayed, {**DEMO, "o.method": "GET"}, RELAY)) < 200_000


async def test_a_gateway_that_breaks_off_is_told_and_in_doubt(relayed: Portal, upstream: Recorder) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.abort()
        return response

    upstream.answer = broken
    told = await result(relayed, {**DEMO, "o.method": "GET"}, RELAY)
    assert not told["ok"]
    assert "may have been carried out" in told["problem"]
    assert "may have been carried out" in await page(relayed, {**DEMO, "o.method": "GET"}, RELAY)


async def test_a_call_has_a_deadline(relayed: Portal, upstream: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    done = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await done.wait()
        return web.Response()

    upstream.answer = silent
    monkeypatch.setattr("esb.portal.console.LONGEST_CALL", 0.0)
    monkeypatch.setattr("esb.portal.console.MARGIN", 0.05)
    told = await result(relayed, {**DEMO, "o.method": "GET"}, RELAY)
    done.set()
    assert told["problem"].startswith("No answer within 0.05 s")


async def test_only_some_calls_are_under_way_at_once(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "MOST_AT_ONCE", 0)
    response = await posted(portal, FORM, **JSON)
    assert response.status == 503
    assert "Too many calls" in (await response.json())["error"]


async def test_a_proxy_of_the_environment_has_no_part_in_it(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await result(portal, FORM))["ok"]


async def test_a_reload_changes_the_form(portal: Portal) -> None:
    text = portal.file.read_text()
    portal.file.write_text(text + ROBOT)
    assert "error" in await portal.json("/c/cmsi/send_wecom_robot/try", 404)
    await portal.deployment.reloader.reload()
    assert (await portal.json("/c/cmsi/send_wecom_robot/try"))["component"] == "cmsi.send_wecom_robot"
