import base64
import json
from typing import Any

import pytest

from esb.core.events import UpstreamFinished
from esb.plugins.cmsi_send_sms import SMS
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import late
from tests.support.servers.tencent import KEYS, SECRET_ID, SECRET_KEY, Relay, Tencent

SEND_SMS = "cmsi/send_sms"
UNFINISHED = "Unfinished interface shall be improved by the component developer"


def stanza(config: str, **more: Any) -> str:
    lines = ["  - path: /cmsi/send_sms/", "    use: cmsi_send_sms", f"    config: {{{config}}}"]
    return "\n".join(lines + [f"    {key}: {json.dumps(value)}" for key, value in {"timeout": 300, **more}.items()])


@pytest.fixture
def tencent() -> Tencent:
    return Tencent()


@pytest.fixture
async def sms(open_gateway: OpenGateway, open_server: OpenServer, tencent: Tencent) -> Gateway:
    url = await open_server(tencent.application())
    return await open_gateway(stanza(f"{KEYS}, sms_sign: 腾讯云, tencent_host: '{url}'"))


async def relayed(open_gateway: OpenGateway, open_server: OpenServer, relay: Relay) -> Gateway:
    return await open_gateway(stanza(f"dest_url: '{await open_server(relay.application())}/relay?key=relay-key'"))


def assert_leaks_no_secret(gateway: Gateway, answer: Any) -> None:
    told = json.dumps(answer) + repr(gateway.events)
    for secret in (SECRET_ID, SECRET_KEY, "relay-key", "demo-secret", "13800000000@", "http://"):
        assert secret not in told
    assert "127.0.0.1:" not in json.dumps(answer)  # the log has the host


async def test_a_message_goes_as_the_templates_only_parameter(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver="13800000001,13800000002", content="disk full")
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    assert answer["data"] == {
        "username_check": {"invalid": []},
        "accepted": ["13800000001", "13800000002"],
        "failed": [],
        "unknown": [],
        "msgids": ["serial-+8613800000001", "serial-+8613800000002"],
    }
    assert tencent.requests == [
        (
            "SendSms",
            {
                "PhoneNumberSet": ["+8613800000001", "+8613800000002"],
                "SmsSdkAppId": "1400006666",
                "TemplateId": "449739",
                "TemplateParamSet": ["disk full"],
                "SignName": "腾讯云",
            },
        )
    ]
    assert tencent.headers[0]["X-TC-Version"] == "2021-01-11"
    assert tencent.headers[0]["X-TC-Region"] == "ap-guangzhou"
    assert_leaks_no_secret(sms, answer)


async def test_user_names_are_looked_up(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver__username="admin", content="M")
    assert answer["data"]["accepted"] == ["admin"]
    assert tencent.bodies[0]["PhoneNumberSet"] == ["+8613800000000"]


async def test_a_receiver_wins_over_a_user_name(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver="13800000009", receiver__username="nobody", content="M")
    assert answer["data"]["accepted"] == ["13800000009"]


async def test_the_others_get_it_when_some_users_do_not_exist_or_have_no_phone(sms: Gateway) -> None:
    answer = await sms.call(SEND_SMS, receiver__username="admin,nobody,without,left", content="M")
    assert answer["result"] is False
    assert answer["message"] == (
        "Some users failed to send sms. The following users are not blueking users: nobody,left;"
        "The following users contact format are incorrect: without"
    )
    data = answer["data"]
    assert (data["accepted"], data["username_check"]) == (["admin"], {"invalid": ["nobody", "left"]})
    assert [(entry["receiver"], entry["errcode"]) for entry in data["failed"]] == [
        ("nobody", None),
        ("left", None),
        ("without", None),
    ]


async def test_nothing_is_sent_when_no_user_can_be_reached(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver__username="nobody", content="M")
    assert answer["message"] == (
        "All users message failed to be sent. The following users are not blueking users: nobody"
    )
    assert tencent.requests == []


async def test_what_is_no_number_is_told_and_the_others_get_the_message(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver=["13800000001", "not-a-number", "１３８"], content="M")
    assert answer["message"] == (
        "Some users failed to send sms. The following users contact format are incorrect: not-a-number,１３８"
    )
    assert answer["data"]["accepted"] == ["13800000001"]
    assert [entry["receiver"] for entry in answer["data"]["failed"]] == ["not-a-number", "１３８"]
    assert len(tencent.requests) == 1


async def test_only_wrong_numbers_are_refused_in_the_old_words(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver="x", content="M")
    assert answer["message"] == (
        "User message failed to send. The following users contact format are incorrect: x, please check"
    )
    assert [entry["receiver"] for entry in answer["data"]["failed"]] == ["x"]
    assert tencent.requests == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"receiver": "1"}, "message content [content] This field is required."),
        ({"content": "M"}, "SMS receiver [receiver, receiver__username] shall not be empty at the same time"),
        (
            {"receiver": {"a": 1}, "content": "M"},
            "SMS receiver [receiver] Must be the specified parameter data type list",
        ),
        (
            {"receiver": "13800000001", "content": "***", "is_content_base64": True},
            "message content [content] Must be base64 of UTF-8 text, as is_content_base64 says",
        ),
    ],
)
async def test_wrong_parameters_are_told(sms: Gateway, tencent: Tencent, params: dict[str, Any], message: str) -> None:
    answer = await sms.call(SEND_SMS, **params)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, message)
    assert tencent.requests == []


async def test_base64_content_is_decoded(sms: Gateway, tencent: Tencent) -> None:
    content = base64.b64encode("磁盘满".encode()).decode()
    await sms.call(SEND_SMS, receiver="13800000001", content=content, is_content_base64="true")
    assert tencent.bodies[0]["TemplateParamSet"] == ["磁盘满"]


async def test_thousands_of_numbers_go_two_hundred_a_call_each_once(sms: Gateway, tencent: Tencent) -> None:
    numbers = [str(13900000000 + number) for number in range(1001)]
    tencent.wait_for(SMS.at_once)
    answer = await sms.call(SEND_SMS, receiver=numbers * 2 + ["+86" + numbers[0]], content="M")
    assert answer["result"] is True
    assert sorted(len(body["PhoneNumberSet"]) for body in tencent.bodies) == [1, 200, 200, 200, 200, 200]
    assert sorted(answer["data"]["accepted"]) == sorted([*numbers, "+86" + numbers[0]])
    assert len(answer["data"]["msgids"]) == 1001
    assert tencent.most_at_once == SMS.at_once


async def test_numbers_of_the_mainland_and_others_go_apart(sms: Gateway, tencent: Tencent) -> None:
    answer = await sms.call(SEND_SMS, receiver="13800000001,+442071234567", content="M")
    assert answer["data"]["accepted"] == ["13800000001", "+442071234567"]
    assert [body["PhoneNumberSet"] for body in tencent.bodies] == [["+8613800000001"], ["+442071234567"]]


async def test_a_refused_number_is_told_and_the_others_are_accepted(sms: Gateway, tencent: Tencent) -> None:
    tencent.statuses = {"+8613800000002": "InvalidParameterValue.IncorrectPhoneNumber"}
    answer = await sms.call(SEND_SMS, receiver="13800000001,13800000002", content="M")
    assert (answer["code"], answer["message"]) == (1306000, "SMS message sending failed, the number was refused")
    assert answer["data"]["accepted"] == ["13800000001"]
    assert answer["data"]["failed"] == [
        {
            "receiver": "13800000002",
            "errcode": "InvalidParameterValue.IncorrectPhoneNumber",
            "errmsg": "the number was refused",
            "class": "receiver",
        }
    ]


async def test_a_refusal_of_the_whole_call_is_told_with_tencents_code(sms: Gateway, tencent: Tencent) -> None:
    tencent.error = ("FailedOperation.TemplateIncorrectOrUnapproved", f"bad template, {SECRET_ID} {SECRET_KEY}")
    answer = await sms.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["message"]) == (1306000, "SMS message sending failed, bad template, *** ***")
    assert answer["data"]["errcode"] == "FailedOperation.TemplateIncorrectOrUnapproved"
    assert answer["data"]["errmsg"] == "bad template, *** ***"
    assert_leaks_no_secret(sms, answer)


async def test_a_wrong_secret_is_refused_by_tencent(sms: Gateway, tencent: Tencent) -> None:
    tencent.secret_key = "another"
    answer = await sms.call(SEND_SMS, receiver="13800000001", content="M")
    assert answer["data"]["errcode"] == "AuthFailure.SignatureFailure"


async def test_a_frequency_limit_says_when_to_come_again(sms: Gateway, tencent: Tencent) -> None:
    tencent.statuses = {"+8613800000001": "LimitExceeded.PhoneNumberThirtySecondLimit"}
    answer = await sms.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["data"]["retry_after"]) == (1306429, 30)
    assert answer["message"] == "SMS message sending failed, the number was refused"
    assert answer["data"]["failed"][0]["errcode"] == "LimitExceeded.PhoneNumberThirtySecondLimit"
    tencent.error = ("RequestLimitExceeded", "too many requests")
    answer = await sms.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["data"]["retry_after"]) == (1306429, 1)


async def test_a_limit_beside_another_refusal_is_no_limit_of_the_call(sms: Gateway, tencent: Tencent) -> None:
    tencent.statuses = {"+8613800000001": "LimitExceeded.DeliveryFrequencyLimit", "+8613800000002": "FailedOperation.X"}
    answer = await sms.call(SEND_SMS, receiver="13800000001,13800000002", content="M")
    assert answer["code"] == 1306000


@pytest.mark.parametrize("how", ["error", "status", "silent"])
async def test_nobody_knows_what_tencents_own_errors_did(sms: Gateway, tencent: Tencent, how: str) -> None:
    if how == "error":
        tencent.error = ("InternalError.Timeout", "timed out")
    elif how == "status":
        tencent.statuses = {"+8613800000001": "InternalError.SendAndRecvFail"}
    else:
        tencent.silent = {"+8613800000001"}
    answer = await sms.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, ["13800000001"])
    assert answer["data"]["failed"] == []


@pytest.mark.parametrize("raw", [b"not json", b"[]", b"{}", b'{"Response": 1}', b'{"Response": {"Error": 1}}'])
async def test_an_answer_of_unknown_form_leaves_the_outcome_open(sms: Gateway, tencent: Tencent, raw: bytes) -> None:
    tencent.raw = raw
    answer = await sms.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, ["13800000001"])
    assert "[TENCENT_CLOUD] interface [SendSms]" in answer["message"]


async def test_a_hanging_tencent_is_left_at_the_deadline(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    tencent = Tencent(hangs=True)
    url = await open_server(tencent.application())
    gateway = await open_gateway(stanza(f"{KEYS}, tencent_host: '{url}'", timeout=20))
    answer = await late(20, gateway.call(SEND_SMS, receiver="13800000001", content="M"), tencent.hanging.wait())
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, ["13800000001"])


async def test_a_tencent_that_is_down_has_sent_nothing(open_gateway: OpenGateway, unused_tcp_port: int) -> None:
    gateway = await open_gateway(stanza(f"{KEYS}, tencent_host: 'http://127.0.0.1:{unused_tcp_port}'"))
    answer = await gateway.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, [])
    assert [entry["receiver"] for entry in answer["data"]["failed"]] == ["13800000001"]
    assert_leaks_no_secret(gateway, answer)


async def test_the_log_knows_of_every_request(sms: Gateway) -> None:
    await sms.call(SEND_SMS, receiver="13800000001", content="M")
    (event,) = (event for event in sms.events if isinstance(event, UpstreamFinished))
    assert (event.system, event.interface, event.status, event.failure) == ("TENCENT_CLOUD", "SendSms", 200, "")


async def test_an_unfinished_stanza_names_what_is_missing(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(stanza("tencent_secret_id: x, sdk_app_id: 1"))
    answer = await gateway.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"].startswith(UNFINISHED)
    assert answer["message"].endswith("dest_url, or else tencent_secret_key, template_id")


async def test_a_relay_gets_the_message_in_the_old_form(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    relay = Relay({"result": True, "data": {"id": 7}})
    gateway = await relayed(open_gateway, open_server, relay)
    content = base64.b64encode(b"M").decode()
    answer = await gateway.call(SEND_SMS, receiver="13800000001,+442071234567", content=content, is_content_base64=True)
    assert relay.messages == [
        {
            "receiver": [
                {"telephone": "13800000001", "nation_code": "86"},
                {"telephone": "2071234567", "nation_code": "44"},
            ],
            "content": "M",
            "is_content_base64": False,
        }
    ]
    assert answer["message"] == "OK"
    assert (answer["data"]["id"], answer["data"]["accepted"]) == (7, ["13800000001", "+442071234567"])


async def test_a_relays_refusal_is_told_as_it_is(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    relay = Relay({"result": False, "code": 42, "message": "no credit", "data": None})
    gateway = await relayed(open_gateway, open_server, relay)
    answer = await gateway.call(SEND_SMS, receiver__username="admin,nobody", content="M")
    assert (answer["result"], answer["message"]) == (False, "no credit")
    assert answer["data"]["failed"][0] == {
        "receiver": "admin",
        "errcode": 42,
        "errmsg": "no credit",
        "class": "unknown",
    }
    assert [entry["receiver"] for entry in answer["data"]["failed"]] == ["admin", "nobody"]
    assert_leaks_no_secret(gateway, answer)


@pytest.mark.parametrize(("status", "body"), [(502, {"result": True}), (200, {"ok": True}), (200, [1])])
async def test_a_relay_without_a_usable_answer_leaves_the_outcome_open(
    open_gateway: OpenGateway, open_server: OpenServer, status: int, body: Any
) -> None:
    gateway = await relayed(open_gateway, open_server, Relay(body, status))
    answer = await gateway.call(SEND_SMS, receiver="13800000001", content="M")
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, ["13800000001"])
    assert_leaks_no_secret(gateway, answer)
