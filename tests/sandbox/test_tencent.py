"""Tencent Cloud's side: signatures, numbers taken and refused one by one, limits and faults."""

import json
from typing import Any

import pytest

from esb.channels.tencent.cloud import authorization
from esb.sandbox.tencent import SEND_SMS, SEND_VOICE, SMS_VERSION, VOICE_VERSION
from tests.support.wechat_client import WeChat

SECRET_ID, SECRET_KEY = "AKIDsandbox", "tencent-secret"
SMS_APP, SMS_TEMPLATE, SIGN = "1400000001", "1000001", "sandbox"
VOICE_APP, VOICE_TEMPLATE = "1400000002", "1000002"
NUMBER, OTHER, ABROAD = "+8613800000000", "+8613800000001", "+447400123456"
PRODUCTS = {SEND_SMS: ("sms", SMS_VERSION), SEND_VOICE: ("vms", VOICE_VERSION)}


async def ask(
    wechat: WeChat,
    action: str,
    body: object,
    *,
    secret_id: str = SECRET_ID,
    secret_key: str = SECRET_KEY,
    product: str = "",
    late_by: int = 0,
    **headers: str,
) -> dict[str, Any]:
    """Return the Response to a signed request."""
    known, version = PRODUCTS.get(action, ("sms", "2021-01-11"))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    host, timestamp = f"{wechat.http.host}:{wechat.http.port}", int(wechat.clock.since_1970()) - late_by
    signed = {
        "Content-Type": "application/json; charset=utf-8",
        "X-TC-Action": action,
        "X-TC-Version": version,
        "X-TC-Timestamp": str(timestamp),
        "Authorization": authorization(
            secret_id, secret_key, product=product or known, host=host, body=raw, timestamp=timestamp
        ),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    reply = await wechat.call("POST", "/", data=raw, headers=signed)
    response = reply["Response"]
    assert response.pop("RequestId")
    assert isinstance(response, dict)
    return response


async def sms(wechat: WeChat, *numbers: str, text: str = "告警", **changes: object) -> dict[str, str]:
    """Send a text message; return the code of each number, or that of the whole request by ""."""
    body = {
        "PhoneNumberSet": numbers,
        "SmsSdkAppId": SMS_APP,
        "SignName": SIGN,
        "TemplateId": SMS_TEMPLATE,
        "TemplateParamSet": [text],
        **changes,
    }
    response = await ask(wechat, "SendSms", {key: value for key, value in body.items() if value is not None})
    if "Error" in response:
        return {"": response["Error"]["Code"]}
    return {status["PhoneNumber"]: status["Code"] for status in response["SendStatusSet"]}


async def voice(wechat: WeChat, number: str = NUMBER, **changes: object) -> str:
    """Let a text be read out; return the code of the refusal, "" for none."""
    body = {
        "CalledNumber": number,
        "VoiceSdkAppid": VOICE_APP,
        "TemplateId": VOICE_TEMPLATE,
        "TemplateParamSet": ["告警"],
        **changes,
    }
    response = await ask(wechat, "SendTtsVoice", body)
    return str(response.get("Error", {"Code": ""})["Code"])


async def test_a_text_message_is_in_the_inbox_as_phones_show_it(wechat: WeChat) -> None:
    assert await sms(wechat, NUMBER, "13800000001") == {NUMBER: "Ok", OTHER: "Ok"}

    [message] = await wechat.messages()
    assert (message["platform"], message["app"], message["endpoint"]) == ("sms", SMS_APP, "SendSms")
    assert (message["text"], message["delivered"], message["invalid"]) == ("【sandbox】告警", [NUMBER, OTHER], [])
    assert message["body"]["TemplateParamSet"] == ["告警"]
    first, second = message["reply"]["Response"]["SendStatusSet"]
    assert first["SerialNo"] != second["SerialNo"]
    assert (first["Fee"], first["Message"], first["IsoCode"]) == (1, "send success", "CN")


async def test_a_call_is_in_the_inbox_with_what_is_read_out(wechat: WeChat) -> None:
    assert await voice(wechat, SessionContext="mine") == ""

    [message] = await wechat.messages()
    assert (message["platform"], message["app"], message["endpoint"]) == ("voice", VOICE_APP, "SendTtsVoice")
    assert (message["text"], message["delivered"]) == ("告警", [NUMBER])
    status = message["reply"]["Response"]["SendStatus"]
    assert status["CallId"]
    assert status["SessionContext"] == "mine"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret_id": "AKIDnobody"}, "AuthFailure.SecretIdNotFound"),
        ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"product": "vms"}, "AuthFailure.SignatureFailure"),
        ({"late_by": 301}, "AuthFailure.SignatureExpire"),
        ({"late_by": -301}, "AuthFailure.SignatureExpire"),
        ({"X_TC_Timestamp": "now"}, "AuthFailure.SignatureExpire"),
        ({"Authorization": "Basic eDp5"}, "AuthFailure.InvalidAuthorization"),
        ({"Content_Type": "application/json"}, "AuthFailure.SignatureFailure"),
        ({"X_TC_Version": "2019-07-11"}, "NoSuchVersion"),
        ({"X_TC_Action": "PullSmsSendStatus"}, "InvalidAction"),
        ({"X_TC_Action": "smtp/DATA"}, "InvalidAction"),
    ],
)
async def test_a_request_that_is_not_signed_or_not_known_is_refused(
    wechat: WeChat, changes: dict[str, Any], code: str
) -> None:
    response = await ask(wechat, "SendSms", {}, **changes)

    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"]
    assert await wechat.messages() == []


async def test_a_signature_covers_the_body(wechat: WeChat) -> None:
    host = f"{wechat.http.host}:{wechat.http.port}"
    now = int(wechat.clock.since_1970())
    signed = authorization(SECRET_ID, SECRET_KEY, product="sms", host=host, body=b"{}", timestamp=now)

    response = await ask(wechat, "SendSms", {"PhoneNumberSet": [NUMBER]}, Authorization=signed)

    assert response["Error"]["Code"] == "AuthFailure.SignatureFailure"


async def test_signatures_are_held_against_the_machines_clock_whatever_the_world_is_pushed_ahead(
    wechat: WeChat,
) -> None:
    await wechat.control("POST", "clock", {"advance": 86400})

    assert await sms(wechat, NUMBER) == {NUMBER: "Ok"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
async def test_a_body_that_is_no_object_is_an_invalid_parameter(wechat: WeChat, body: bytes) -> None:
    assert (await ask(wechat, "SendSms", body))["Error"]["Code"] == "InvalidParameter"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PhoneNumberSet": []}, "MissingParameter.EmptyPhoneNumberSet"),
        ({"PhoneNumberSet": "13800000000"}, "InvalidParameter"),
        ({"PhoneNumberSet": [f"+86138{index:08d}" for index in range(201)]}, "LimitExceeded.PhoneNumberCountLimit"),
        (
            {"PhoneNumberSet": [NUMBER, ABROAD]},
            "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber",
        ),
        ({"SmsSdkAppId": VOICE_APP}, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"),
        ({"SmsSdkAppId": None}, "MissingParameter"),
        ({"SmsSdkAppId": 1400000001}, "InvalidParameter"),
        ({"TemplateId": None}, "MissingParameter"),
        ({"SignName": 1}, "InvalidParameter"),
    ],
)
async def test_a_request_is_refused_as_a_whole(wechat: WeChat, changes: dict[str, Any], code: str) -> None:
    assert await sms(wechat, NUMBER, **changes) == {"": code}


@pytest.mark.parametrize(
    ("number", "changes", "code"),
    [
        ("12", {}, "InvalidParameterValue.IncorrectPhoneNumber"),
        ("+8612", {}, "InvalidParameterValue.IncorrectPhoneNumber"),
        (NUMBER, {"SignName": "other"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        (NUMBER, {"SignName": None}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        (NUMBER, {"TemplateId": "1"}, "FailedOperation.TemplateIncorrectOrUnapproved"),
        (NUMBER, {"TemplateParamSet": []}, "FailedOperation.TemplateIncorrectOrUnapproved"),
        (NUMBER, {"TemplateParamSet": ["a", "b"]}, "FailedOperation.TemplateIncorrectOrUnapproved"),
        (NUMBER, {"TemplateParamSet": ["字" * 492]}, "InvalidParameterValue.ContentLengthLimit"),
    ],
)
async def test_a_number_is_refused_by_itself_and_nothing_is_in_the_inbox(
    wechat: WeChat, number: str, changes: dict[str, Any], code: str
) -> None:
    assert await sms(wechat, number, **changes) == {number: code}
    assert await wechat.messages() == []


async def test_numbers_abroad_need_no_sign(wechat: WeChat) -> None:
    assert await sms(wechat, ABROAD, SignName=None) == {ABROAD: "Ok"}

    [message] = await wechat.messages()
    assert message["text"] == "告警"


async def test_a_long_text_costs_more(wechat: WeChat) -> None:
    await sms(wechat, NUMBER, text="字" * 134)

    [message] = await wechat.messages()
    assert message["reply"]["Response"]["SendStatusSet"][0]["Fee"] == 3


async def test_numbers_that_the_seed_refuses_are_invalid_beside_those_that_are_reached(wechat: WeChat) -> None:
    code = "FailedOperation.PhoneNumberInBlacklist"
    await wechat.control("PATCH", f"tencent/{SECRET_ID}", {"numbers": {OTHER: code}})

    assert await sms(wechat, NUMBER, OTHER) == {NUMBER: "Ok", OTHER: code}
    assert await voice(wechat, OTHER) == code

    [message] = await wechat.messages()
    assert (message["delivered"], message["invalid"]) == ([NUMBER], [OTHER])


@pytest.mark.parametrize(
    ("knob", "code", "lasts"),
    [
        ("sms_number_per_30s", "LimitExceeded.PhoneNumberThirtySecondLimit", 30),
        ("sms_number_per_hour", "LimitExceeded.PhoneNumberOneHourLimit", 3600),
        ("sms_number_per_day", "LimitExceeded.PhoneNumberDailyLimit", 86400),
        ("sms_same_content_per_day", "LimitExceeded.PhoneNumberSameContentDailyLimit", 86400),
    ],
)
async def test_a_number_has_limits_that_end(wechat: WeChat, knob: str, code: str, lasts: int) -> None:
    await wechat.turn(**{knob: 1})
    assert await sms(wechat, NUMBER) == {NUMBER: "Ok"}

    assert await sms(wechat, NUMBER, OTHER) == {NUMBER: code, OTHER: "Ok"}
    await wechat.control("POST", "clock", {"advance": lasts})
    assert await sms(wechat, NUMBER) == {NUMBER: "Ok"}


async def test_only_the_same_text_is_over_its_limit(wechat: WeChat) -> None:
    await wechat.turn(sms_same_content_per_day=1)
    await sms(wechat, NUMBER)

    assert await sms(wechat, NUMBER, text="another") == {NUMBER: "Ok"}


async def test_an_application_has_a_limit_of_the_day(wechat: WeChat) -> None:
    await wechat.turn(sms_app_per_day=2)

    codes = await sms(wechat, "+8613800000000", "+8613800000001", "+8613800000002")

    assert list(codes.values()) == ["Ok", "Ok", "LimitExceeded.AppDailyLimit"]


async def test_a_key_has_a_limit_of_the_second_for_all_it_asks(wechat: WeChat) -> None:
    await wechat.turn(tencent_per_second=1)
    assert await voice(wechat) == ""

    assert await sms(wechat, NUMBER) == {"": "RequestLimitExceeded"}
    await wechat.control("POST", "clock", {"advance": 1})
    assert await sms(wechat, NUMBER) == {NUMBER: "Ok"}


async def test_a_number_is_not_called_too_often(wechat: WeChat) -> None:
    await wechat.turn(voice_number_per_hour=1)
    assert await voice(wechat) == ""

    assert await voice(wechat) == "LimitExceeded.DeliveryFrequencyLimit"
    assert await voice(wechat, OTHER) == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"CalledNumber": "12"}, "InvalidParameterValue.CalledNumberVerifyFail"),
        ({"VoiceSdkAppid": SMS_APP}, "UnauthorizedOperation.VoiceSdkAppidVerifyFail"),
        ({"TemplateId": SMS_TEMPLATE}, "FailedOperation.TemplateIncorrectOrUnapproved"),
    ],
)
async def test_a_call_that_cannot_be_made_is_refused(wechat: WeChat, changes: dict[str, Any], code: str) -> None:
    assert await voice(wechat, **changes) == code


async def test_a_disabled_application_is_told_apart(wechat: WeChat) -> None:
    account = {"secret_id": SECRET_ID, "secret_key": SECRET_KEY}
    disabled = {"enabled": False, "templates": {"1": "a fixed text"}}
    await wechat.seed(
        tencent=[
            {
                **account,
                "sms": [{"sdk_app_id": SMS_APP, **disabled}],
                "voice": [{"sdk_app_id": VOICE_APP, **disabled}],
            }
        ]
    )

    assert await sms(wechat, NUMBER) == {"": "UnauthorizedOperation.SdkAppIdIsDisabled"}
    assert await voice(wechat) == "UnauthorizedOperation.SdkAppidIsDisabled"


async def test_places_of_a_template_are_filled_in_by_their_numbers(wechat: WeChat) -> None:
    app = {"sdk_app_id": SMS_APP, "signs": [SIGN], "templates": {"1": "{2} has {1}, {2}", "2": "a fixed text"}}
    await wechat.seed(tencent=[{"secret_id": SECRET_ID, "secret_key": SECRET_KEY, "sms": [app]}])

    assert await sms(wechat, NUMBER, TemplateId="1", TemplateParamSet=["{2}", "db-1"]) == {NUMBER: "Ok"}
    assert await sms(wechat, NUMBER, TemplateId="2", TemplateParamSet=None) == {NUMBER: "Ok"}

    first, second = await wechat.messages()
    assert first["text"] == "【sandbox】db-1 has {2}, db-1"
    assert second["text"] == "【sandbox】a fixed text"


async def test_faults_strike_by_action_application_and_number(wechat: WeChat) -> None:
    match = {"path": "SendSms", "app": SMS_APP, "touser": NUMBER}
    await wechat.control(
        "POST", "faults", {"match": match, "action": {"errcode": "InternalError.Timeout"}, "times": 0, "when": "after"}
    )

    assert await sms(wechat, OTHER) == {OTHER: "Ok"}
    assert await voice(wechat) == ""
    assert await sms(wechat, "13800000000", OTHER) == {"": "InternalError.Timeout"}

    *_, message = await wechat.messages()
    assert (message["fault"], message["delivered"]) == (1, [NUMBER, OTHER])
    assert message["reply"]["Response"]["Error"]["Code"] == "InternalError.Timeout"


async def test_a_fault_may_have_words_of_its_own(wechat: WeChat) -> None:
    action = {"errcode": "FailedOperation.ContainSensitiveWord", "errmsg": "the word"}
    await wechat.control("POST", "faults", {"match": {"path": "SendTtsVoice"}, "action": action})

    response = await ask(wechat, "SendTtsVoice", {})

    assert response == {"Error": {"Code": "FailedOperation.ContainSensitiveWord", "Message": "the word"}}


async def test_a_number_as_the_code_of_a_fault_for_every_call_is_an_internal_error_here(wechat: WeChat) -> None:
    await wechat.control("POST", "faults", {"action": {"errcode": -1}})

    assert await sms(wechat, NUMBER) == {"": "InternalError"}


@pytest.mark.parametrize(
    ("match", "action", "expected"),
    [
        ({"path": "SendSms"}, {"errcode": 40001}, "action.errcode: expected one of Tencent Cloud's codes"),
        ({}, {"errcode": "InternalError"}, "action.errcode: expected a whole number"),
        ({"path": "/cgi-bin/token"}, {"errcode": "InternalError"}, "action.errcode: expected a whole number"),
        ({"path": "smtp/DATA"}, {"errcode": 250}, "action.errcode: expected an SMTP code"),
        ({"path": "smtp/DATA"}, {"status": 500}, "action.status: not for a command of SMTP"),
    ],
)
async def test_a_fault_that_its_endpoint_does_not_have_is_a_mistake(
    wechat: WeChat, match: object, action: object, expected: str
) -> None:
    response = await wechat.raw("POST", "/_sandbox/faults", {"match": match, "action": action})

    assert response.status == 400
    assert (await response.json())["error"].startswith(expected)


async def test_calls_are_counted_by_action_with_their_codes(wechat: WeChat) -> None:
    await sms(wechat, NUMBER)
    await sms(wechat)
    await ask(wechat, "Nothing", {})

    endpoints = (await wechat.control("GET", "stats"))["endpoints"]
    assert endpoints["SendSms"]["codes"] == {"0": 1, "MissingParameter.EmptyPhoneNumberSet": 1}
    assert endpoints["unknown"]["codes"] == {"InvalidAction": 1}


@pytest.mark.parametrize(
    ("tencent", "expected"),
    [
        ([{"secret_id": "a"}], "tencent[0]: 'secret_key' is missing"),
        ([{"secret_id": "a", "secret_key": "b", "sms": [{}]}], "tencent[0].sms[0]: 'sdk_app_id' is missing"),
        (
            [{"secret_id": "a", "secret_key": "b", "voice": [{"sdk_app_id": "1", "signs": []}]}],
            "tencent[0].voice[0]: unknown key 'signs'",
        ),
        ([{"secret_id": "a", "secret_key": "b"}] * 2, "tencent: secret_id 'a' is there twice"),
    ],
)
async def test_a_seed_names_the_place_of_a_mistake(wechat: WeChat, tencent: object, expected: str) -> None:
    response = await wechat.raw("POST", "/_sandbox/seed", {"tencent": tencent})

    assert response.status == 400
    assert (await response.json())["error"].startswith(expected)
