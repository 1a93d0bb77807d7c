"""Bad input: it gets a clear envelope, and nothing is sent."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.configuration import DEMO, MESSAGE, OFFICIAL_ACCOUNT, OPENID, SEND_WEIXIN
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.wire import connection, envelope_of, exchange, read_answer, request, until

TARGET = f"/api/c/compapi/{SEND_WEIXIN}/".encode()
MALFORMED = "Request JSON string is wrong in format, which cannot be analyzed."
CRASHED = "Component error, please contact the component developer to handle it."
REQUIRED = "This field is required."
ADDRESSED = {**DEMO, "receiver": "zhangsan", "data": MESSAGE}


def raw(**changes: Any) -> bytes:
    """A request that would be sent, with something in its place."""
    return json.dumps({**ADDRESSED, **changes}).encode()


async def refused(gateway: Gateway, sandbox: Sandbox, body: bytes, **headers: str) -> dict[str, Any]:
    """The envelope of this body: a failure, no crash, and nothing sent."""
    envelope = await envelope_of(await gateway.post(body, headers=headers or None))
    assert envelope["result"] is False
    assert envelope["message"] not in {CRASHED, ""}
    assert await sandbox.messages() == []
    return envelope


GOOD = raw()
JSON = "application/json"


@pytest.mark.parametrize(
    "body",
    {
        "half of it": GOOD[: len(GOOD) // 2],
        "single quotes": GOOD.replace(b'"', b"'"),
        "trailing comma": GOOD[:-1] + b",}",
        "two of them": GOOD + GOOD,
        "garbage behind": GOOD + b"\x00",
        "invalid utf-8": GOOD.replace(b"zhangsan", b"\xff\xfe"),
        "overlong utf-8": GOOD.replace(b"zhangsan", b"\xe0\x80\xaf"),
        "raw null byte": GOOD.replace(b"zhangsan", b"zhang\x00san"),
        "raw control character": GOOD.replace(b"zhangsan", b"zhang\x1fsan"),
        "not a number": GOOD.replace(b'"zhangsan"', b"NaN"),
        "infinity": GOOD.replace(b'"zhangsan"', b"-Infinity"),
        "beyond all numbers": GOOD.replace(b'"zhangsan"', b"1e999"),
        "integer without end": GOOD.replace(b'"zhangsan"', b"7" * 5000),
        "comments": b"{/* hello */" + GOOD[1:],
    }.items(),
    ids=lambda item: item[0],
)
async def test_json_that_is_none_is_malformed(gateway: Gateway, sandbox: Sandbox, body: tuple[str, bytes]) -> None:
    assert (await refused(gateway, sandbox, body[1]))["message"] == MALFORMED


@pytest.mark.parametrize("levels", [100, 600, 1000, 1020, 10_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
async def test_json_that_is_nested_too_deep_is_told_so(
    gateway: Gateway, sandbox: Sandbox, levels: int, opening: bytes, closing: bytes
) -> None:
    body = GOOD.replace(b'"zhangsan"', opening * levels + b"1" + closing * levels)
    envelope = await refused(gateway, sandbox, body)
    assert envelope["code"] == 1306406
    assert "nested too deep, the limit is 100 levels" in envelope["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"receiver": None}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": ""}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": []}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": " ,; "}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": ["", " "]}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": "[]"}, "WeChat receiver [receiver, receiver__username] shall not be empty at the same time"),
        ({"receiver": {}}, "wechat receiver [receiver] Must be the specified parameter data type list"),
        ({"receiver": {"a": "b"}}, "wechat receiver [receiver] Must be the specified parameter data type list"),
        ({"receiver": True}, "wechat receiver [receiver] Must be the specified parameter data type list"),
        ({"receiver": 1.5}, "wechat receiver [receiver] Must be the specified parameter data type list"),
        ({"receiver": [["zhangsan"]]}, "wechat receiver [receiver] Must be a list of strings"),
        ({"receiver": ["zhangsan", None]}, "wechat receiver [receiver] Must be a list of strings"),
        ({"receiver": [{"a": "b"}]}, "wechat receiver [receiver] Must be a list of strings"),
        ({"receiver": '["zhangsan", {}]'}, "wechat receiver [receiver] Must be a list of strings"),
        ({"receiver": "zhang\x00san"}, "wechat receiver [receiver] Null characters are not allowed."),
        ({"data": None}, f"message data [data] {REQUIRED}"),
        ({"data": {}}, f"message data [data] {REQUIRED}"),
        ({"data": []}, f"message data [data] {REQUIRED}"),
        ({"data": "text"}, "message data [data] Must be the specified parameter data type dict"),
        ({"data": [MESSAGE]}, "message data [data] Must be the specified parameter data type dict"),
        ({"data": json.dumps(MESSAGE)}, "message data [data] Must be the specified parameter data type dict"),
        ({"data": 42}, "message data [data] Must be the specified parameter data type dict"),
        ({"wx_qy_agentid": "x"}, "corp agentid [agentid] Enter a whole number."),
        ({"wx_qy_agentid": [1]}, "corp agentid [agentid] Enter a whole number."),
        ({"wx_qy_agentid": 1.5}, "corp agentid [agentid] Enter a whole number."),
        ({"wx_qy_agentid": True}, "corp agentid [agentid] Enter a whole number."),
    ],
)
async def test_a_parameter_of_another_type_is_told_by_its_label(
    gateway: Gateway, sandbox: Sandbox, changes: dict[str, Any], message: str
) -> None:
    envelope = await refused(gateway, sandbox, raw(**changes))
    assert (envelope["code"], envelope["message"]) == (1306000, message)


@pytest.mark.parametrize("name", ["receiver", "data"])
async def test_a_parameter_that_is_missing_is_told(gateway: Gateway, sandbox: Sandbox, name: str) -> None:
    parameters = {key: value for key, value in ADDRESSED.items() if key != name}
    assert name in (await refused(gateway, sandbox, json.dumps(parameters).encode()))["message"]


@pytest.mark.parametrize("name", ["heading", "message"])
@pytest.mark.parametrize("value", [None, "", "  ", [], {}, ["a"], {"a": 1}, True, "a\x00b"])
async def test_the_parts_of_a_message_are_text(gateway: Gateway, sandbox: Sandbox, name: str, value: Any) -> None:
    envelope = await refused(gateway, sandbox, raw(data={**MESSAGE, name: value}))
    assert f"[{name}]" in envelope["message"]


@pytest.mark.parametrize("name", ["date", "remark"])
@pytest.mark.parametrize("value", [[], {}, ["a"], True, "a\x00b"])
async def test_so_are_its_further_parts(gateway: Gateway, sandbox: Sandbox, name: str, value: Any) -> None:
    envelope = await refused(gateway, sandbox, raw(data={**MESSAGE, name: value}))
    assert f"[{name}]" in envelope["message"]


@pytest.mark.parametrize("text", ["not base64!", "////", "4", "gICA", "AA==", "", "IA=="])
async def test_what_says_it_is_base64_and_is_no_text_is_refused(gateway: Gateway, sandbox: Sandbox, text: str) -> None:
    data = {**MESSAGE, "message": text, "is_message_base64": True}
    assert "[message]" in (await refused(gateway, sandbox, raw(data=data)))["message"]


@pytest.mark.parametrize("parameter", ["receiver", "data", "wx_qy_agentid", "bk_app_code", "bk_username", "bk_token"])
async def test_a_value_nested_nearly_too_deep_is_refused_wherever_it_stands(
    gateway: Gateway, sandbox: Sandbox, parameter: str
) -> None:
    deep: Any = "x"
    for _ in range(99):
        deep = [deep]
    body = {**ADDRESSED, parameter: deep}
    if parameter == "bk_token":  # no text, so it claims nothing, and the name that is there counts
        assert (await envelope_of(await gateway.post(body)))["result"] is True
    else:
        await refused(gateway, sandbox, json.dumps(body).encode())


@pytest.mark.parametrize("body", [b"", b"   ", b"[]", json.dumps([ADDRESSED]).encode(), b"null", b"hello"])
async def test_a_body_without_parameters_is_told_what_is_missing(
    gateway: Gateway, sandbox: Sandbox, body: bytes
) -> None:
    envelope = await refused(gateway, sandbox, body)
    assert envelope["message"].startswith("Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty")


async def test_eleven_megabytes_are_too_many(gateway: Gateway, sandbox: Sandbox) -> None:
    body = raw(data={**MESSAGE, "message": "M" * (11 << 20)})
    answer = await exchange(gateway.url, request(b"POST", TARGET, body))
    assert (answer.status, answer.envelope()["code"]) == (413, 1306406)
    assert await sandbox.messages() == []


@pytest.mark.parametrize("size", [0, 3, 20, len(GOOD) - 1])
async def test_a_body_that_breaks_off_sends_nothing(gateway: Gateway, sandbox: Sandbox, size: int) -> None:
    async with connection(gateway.url) as (reader, writer):
        writer.write(request(b"POST", TARGET, GOOD[:size], length=len(GOOD)))
        await writer.drain()
        writer.write_eof()
        assert await reader.read() == b""
    await until(lambda: bool(gateway.events))
    assert await sandbox.messages() == []


async def test_unknown_parameters_are_ignored(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send(colour="red", data={**MESSAGE, "colour": {"deep": [{}]}}, **{"": None, "__class__": 1})
    assert answer["result"] is True
    assert len(await sandbox.messages()) == 1


@pytest.mark.parametrize(
    ("receiver", "reached"),
    [
        ("zhangsan,lisi", ["zhangsan", "lisi"]),
        (["zhangsan", "lisi"], ["zhangsan", "lisi"]),
        ('["zhangsan", "lisi"]', ["zhangsan", "lisi"]),
        ("zhangsan;lisi wangwu\nlisi", ["zhangsan", "lisi", "wangwu"]),
        (["zhangsan"] * 50 + [" zhangsan "], ["zhangsan"]),
        ("zhangsan," * 5000, ["zhangsan"]),
    ],
)
async def test_receivers_come_in_every_form_and_each_is_sent_to_once(
    gateway: Gateway, sandbox: Sandbox, receiver: Any, reached: list[str]
) -> None:
    answer = await gateway.send(receiver)
    assert (answer["result"], answer["data"]["accepted"]) == (True, reached)
    assert [message["delivered"] for message in await sandbox.messages()] == [reached]


async def test_a_receiver_may_be_a_number(gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await gateway.send(12345)
    assert answer["data"]["failed"][0]["receiver"] == "12345"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (b'"receiver": "lisi", ', ["receiver"]),
        (b'"receiver":["lisi"],"receiver" : "wangwu",', ["receiver"]),
        (b'"\\u0072eceiver": "lisi", "bk_username": "lisi",', ["receiver", "bk_username"]),
        (b'"data": {"heading": "a", "heading": "b", "remark": "c"}, ', ["data.heading", "data"]),
        (b'"data": {"url": {"a": [{"b": 1}, {"b": 1, "b": 2}]}}, ', ["data.url.a.b", "data"]),
    ],
)
async def test_duplicate_keys_count_as_the_last_of_them_and_are_named(
    gateway: Gateway, sandbox: Sandbox, more: bytes, named: list[str]
) -> None:
    body = b"{" + more + GOOD[1:]
    for raw, kind in ((body, "text/plain"), (body, "application/x-www-form-urlencoded"), (body + b"\n", JSON)):
        data = (await envelope_of(await gateway.post(raw, headers={"Content-Type": kind})))["data"]
        assert data["accepted"] == ["zhangsan"]
        assert sorted(each["field"] for each in data["warnings"]) == sorted(named)
        assert all("given several times" in each["what"] for each in data["warnings"])


@pytest.mark.parametrize("text", ['a": 1, "a": 2', '{"a":1,"a":2}', '" :', "\\", 'x\\":'])
async def test_what_looks_like_a_duplicate_key_in_a_text_is_none(gateway: Gateway, sandbox: Sandbox, text: str) -> None:
    answer = await gateway.send(data={**MESSAGE, "message": text, "heading": text})
    assert (answer["result"], "warnings" in answer["data"]) == (True, False)


async def test_no_duplicate_key_is_looked_for_in_what_nobody_wrote_by_hand(gateway: Gateway, sandbox: Sandbox) -> None:
    body = b'{"receiver": "lisi", "x": "' + b"x" * 2**16 + b'", ' + GOOD[1:]
    warnings = (await envelope_of(await gateway.post(body)))["data"]["warnings"]
    assert [each["field"] for each in warnings] == ["x"]


@pytest.mark.parametrize("kind", ["text/plain", "image/png", "multipart/form-data; boundary=x", "", "\xff"])
async def test_json_is_sent_whatever_the_content_type(gateway: Gateway, sandbox: Sandbox, kind: str) -> None:
    assert (await envelope_of(await gateway.post(GOOD, headers={"Content-Type": kind})))["result"] is True


async def test_a_form_cannot_carry_a_message(gateway: Gateway, sandbox: Sandbox) -> None:
    form = {**DEMO, "receiver": "zhangsan", "data": json.dumps(MESSAGE)}
    envelope = await envelope_of(await gateway.request("POST", TARGET.decode(), data=form))
    assert envelope["message"] == "message data [data] Must be the specified parameter data type dict"
    assert await sandbox.messages() == []


@pytest.mark.parametrize(
    "text", ["{", "{0}", "{text} {label}", "%s %(a)s", "\u2028\u2029", "<script>", "\ufeff", "😀" * 100, "a\r\nb"]
)
async def test_text_of_any_kind_arrives_as_it_is(gateway: Gateway, sandbox: Sandbox, text: str) -> None:
    answer = await gateway.send(data={"heading": "H", "message": f"x{text}x", "date": "D"})
    assert answer["result"] is True
    (message,) = await sandbox.messages()
    assert message["text"] == f"H\nx{text}x\nDate: D"


@pytest.mark.parametrize("text", ["{", "{0}", "{receiver}", "%s", "a\u2028b", "</script>", "😀"])
async def test_a_receiver_of_any_kind_is_told_as_it_was_typed(gateway: Gateway, sandbox: Sandbox, text: str) -> None:
    answer = await gateway.send([text])
    assert answer["result"] is False
    assert [failure["receiver"] for failure in answer["data"]["failed"]] == [text]


@pytest.mark.parametrize(
    "body",
    [
        raw(receiver=[]),
        raw(receiver=OPENID, data={}),
        raw(receiver=OPENID, data={"heading": "H"}),
        raw(receiver=OPENID, data="text"),
        raw(receiver={}, data=MESSAGE),
        raw(receiver=OPENID, data=MESSAGE, url={"a": 1}),
        raw(receiver=OPENID, data={**MESSAGE, "is_message_base64": 1}),
        raw(receiver=OPENID)[:-9],
    ],
)
async def test_an_official_account_is_asked_nothing_either(
    open_gateway: OpenGateway, sandbox: Sandbox, body: bytes
) -> None:
    gateway = await open_gateway(OFFICIAL_ACCOUNT, sandbox_url=sandbox.url)
    await refused(gateway, sandbox, body)
    assert await sandbox.calls("/cgi-bin/message/template/send") == 0


async def test_a_connection_carries_on_after_each_of_its_bad_requests(gateway: Gateway, sandbox: Sandbox) -> None:
    bad = [b"{", raw(receiver=[]), b"", b'{"a":' * 10_000, raw(bk_app_secret="wrong")]
    async with connection(gateway.url) as (reader, writer):
        for body in bad:
            writer.write(request(b"POST", TARGET, body, length=len(body)))
            assert (await read_answer(reader)).envelope()["result"] is False
        assert await sandbox.messages() == []
        writer.write(request(b"POST", TARGET, GOOD))
        assert (await read_answer(reader)).envelope()["result"] is True
    assert len(await sandbox.messages()) == 1


async def test_many_bad_requests_at_once_leave_a_gateway_as_it_was(gateway: Gateway, sandbox: Sandbox) -> None:
    bodies = [b"{", raw(receiver={}), raw(data=[]), b"\xff", b'{"a":' * 10_000] * 40
    answers = await asyncio.gather(*(gateway.post(body) for body in bodies))
    assert {answer.status for answer in answers} == {200}
    assert await sandbox.messages() == []
    assert (await gateway.send())["result"] is True
