"""Tencent Cloud's SendSms and SendTtsVoice: what they take, what they refuse as a whole and number by number.

Sources: cloud.tencent.com/document/api/382/55981 (SendSms), /382/59177 (its codes), /1128/51558 (SendTtsVoice).
"""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

from esb.sandbox import tencent_signature
from esb.sandbox.inbox import Reply
from esb.sandbox.knobs import Knobs
from esb.sandbox.state import State, TencentAccount, TencentApp
from esb.sandbox.tencent_texts import TEXTS, UNKNOWN
from esb.sandbox.wire import Call, Refusal

SEND_SMS, SEND_VOICE = "SendSms", "SendTtsVoice"
SMS_VERSION, VOICE_VERSION = "2021-01-11", "2020-09-02"
APP_KEYS = {SEND_SMS: "SmsSdkAppId", SEND_VOICE: "VoiceSdkAppid"}
"""Action -> the key of a request that names the application."""
NUMBERS = 200
MAINLAND = "+86"
SHORT_SMS, LONG_SMS = 70, 67
"""Characters of a text message that is sent in one piece, and of each piece of a longer one."""
_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}")
_DOMESTIC = re.compile(r"(?:\+86|0086|86)?(1[0-9]{10})")
_PLACE = re.compile(r"\{([0-9]+)\}")


def action_of(method: str, path: str, headers: Mapping[str, str]) -> str:
    """Return the action that a request to the root asks Tencent Cloud for; "" if it is none of theirs."""
    return headers.get("X-TC-Action", "") if path == "/" and method == "POST" else ""


def unknown_action(state: State, call: Call) -> Reply:
    """Answer an action that is not played here."""
    raise Refusal("InvalidAction")


def send_sms(state: State, call: Call) -> Reply:
    """SendSms: one text to at most 200 numbers, each of which is taken or refused by itself."""
    account, request = _opened(state, call, "sms", SMS_VERSION)
    app = _app(account.sms, request, APP_KEYS[SEND_SMS], "SdkAppId")
    numbers = _numbers(request)
    sign, text = _sign(request), _filled(app, request)
    shown = f"【{sign}】{text}" if sign else text or ""
    codes = {number: _refused(state, account, app, number, sign, shown, text) for number in numbers}
    statuses = [_status(state, number, code, request, shown) for number, code in codes.items()]
    reply = _response(state, SendStatusSet=statuses)
    delivered = [number for number, code in codes.items() if not code]
    if not delivered:
        return reply, None
    message = state.inbox.add(call, state.now(), "sms", app.sdk_app_id, shown, delivered)
    message.invalid = [number for number, code in codes.items() if code]
    message.reply = reply
    return reply, message


def send_voice(state: State, call: Call) -> Reply:
    """SendTtsVoice: a call to one number, in which the template is read out."""
    account, request = _opened(state, call, "vms", VOICE_VERSION)
    app = _app(account.voice, request, APP_KEYS[SEND_VOICE], "SdkAppid")
    number = _normal(_text(request, "CalledNumber"))
    if not number:
        raise Refusal("InvalidParameterValue.CalledNumberVerifyFail")
    text = _filled(app, request)
    if text is None:
        raise Refusal("FailedOperation.TemplateIncorrectOrUnapproved")
    if code := account.numbers.get(number):
        raise Refusal(code)
    now, per_hour = state.now(), state.knobs.voice_number_per_hour
    if per_hour and app.hours[number].count(now) >= per_hour:
        raise Refusal("LimitExceeded.DeliveryFrequencyLimit")
    if per_hour:
        app.hours[number].add(now)
    message = state.inbox.add(call, now, "voice", app.sdk_app_id, text, [number])
    status = {"CallId": f"sandbox-{next(state.serial):020d}", "SessionContext": _context(request)}
    message.reply = _response(state, SendStatus=status)
    return dict(message.reply), message


def refuse(state: State, refusal: Refusal, remote: str) -> dict[str, Any]:
    """Return the body of a refusal. A number is no code of Tencent's: it says only that something went wrong."""
    code = refusal.errcode if isinstance(refusal.errcode, str) else "InternalError"
    return _response(state, Error={"Code": code, "Message": refusal.wording or TEXTS.get(code, UNKNOWN)})


def code_of(reply: Mapping[str, Any]) -> int | str:
    """Return the code of a reply's error; 0 if it has none."""
    error = reply["Response"].get("Error")
    return error["Code"] if error else 0


def app_of(call: Call) -> str | None:
    """Return the application that a request names."""
    named = call.fields.get(APP_KEYS.get(call.path, ""))
    return named if isinstance(named, str) else None


def numbers_of(call: Call) -> list[str]:
    """Return the numbers of a request as they are kept, for a look that must not fail."""
    fields = call.fields
    named = fields.get("PhoneNumberSet") if call.path == SEND_SMS else [fields.get("CalledNumber")]
    return [_normal(number) for number in named if isinstance(number, str)] if isinstance(named, list) else []


def _opened(state: State, call: Call, product: str, version: str) -> tuple[TencentAccount, Mapping[str, Any]]:
    """Return whose key has signed a request, and its body."""
    account = tencent_signature.signer(state, call, product)
    if call.headers.get("X-TC-Version") != version:
        raise Refusal("NoSuchVersion")
    per_second = state.knobs.tencent_per_second
    if per_second and account.second.count(state.now()) >= per_second:
        raise Refusal("RequestLimitExceeded")
    if per_second:
        account.second.add(state.now())
    try:
        document = call.document
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Refusal("InvalidParameter")
    return account, document


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if value is None:
        raise Refusal("MissingParameter", f"The request is missing a required parameter `{key}`.")
    if not isinstance(value, str):
        raise Refusal("InvalidParameter", f"The parameter `{key}` is not a string.")
    return value


def _texts(request: Mapping[str, Any], key: str) -> list[str]:
    value = request.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refusal("InvalidParameter", f"The parameter `{key}` is not a list of strings.")
    return value


def _app(apps: Mapping[str, TencentApp], request: Mapping[str, Any], key: str, named: str) -> TencentApp:
    app = apps.get(_text(request, key))
    if app is None:
        raise Refusal(f"UnauthorizedOperation.{key}VerifyFail")
    if not app.enabled:
        raise Refusal(f"UnauthorizedOperation.{named}IsDisabled")
    return app


def _sign(request: Mapping[str, Any]) -> str:
    return _text(request, "SignName") if request.get("SignName") is not None else ""


def _numbers(request: Mapping[str, Any]) -> list[str]:
    """Return the numbers, each once; one that is none stays as it was written."""
    numbers = _texts(request, "PhoneNumberSet")
    if not numbers:
        raise Refusal("MissingParameter.EmptyPhoneNumberSet")
    if len(numbers) > NUMBERS:
        raise Refusal("LimitExceeded.PhoneNumberCountLimit")
    normal = dict.fromkeys(_normal(number) or number for number in numbers)
    if len({number.startswith(MAINLAND) for number in normal if _NUMBER.fullmatch(number)}) > 1:
        raise Refusal("UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber")
    return list(normal)


def _normal(number: str) -> str:
    """Return a number as +86138…; "" if it is none."""
    if domestic := _DOMESTIC.fullmatch(number):
        return MAINLAND + domestic[1]
    return number if _NUMBER.fullmatch(number) and not number.startswith(MAINLAND) else ""


def _filled(app: TencentApp, request: Mapping[str, Any]) -> str | None:
    """Return the template with its parameters filled in; None if there is none, or they do not fit it."""
    template, values = app.templates.get(_text(request, "TemplateId")), _texts(request, "TemplateParamSet")
    places = set() if template is None else {int(number) for number in _PLACE.findall(template)}
    if template is None or len(values) != max(places, default=0):
        return None
    return _PLACE.sub(lambda found: values[int(found[1]) - 1], template)


def _refused(
    state: State, account: TencentAccount, app: TencentApp, number: str, sign: str, shown: str, text: str | None
) -> str:
    """Return the code by which a number is refused; "" if it gets the message, which is then counted."""
    if not _NUMBER.fullmatch(number):
        return "InvalidParameterValue.IncorrectPhoneNumber"
    if code := account.numbers.get(number):
        return code
    if sign not in app.signs and (sign or number.startswith(MAINLAND)):
        return "FailedOperation.SignatureIncorrectOrUnapproved"
    if text is None:
        return "FailedOperation.TemplateIncorrectOrUnapproved"
    if len(shown) > state.knobs.sms_characters > 0:
        return "InvalidParameterValue.ContentLengthLimit"
    return _limited(app, number, shown, state.now(), state.knobs)


def _limited(app: TencentApp, number: str, shown: str, now: float, knobs: Knobs) -> str:
    """Return the code of the first limit that a number is over; "" if it is below all, and counted for each."""
    windows = [
        (code, limit, kept[number])
        for code, limit, kept in (
            ("LimitExceeded.PhoneNumberThirtySecondLimit", knobs.sms_number_per_30s, app.half_minutes),
            ("LimitExceeded.PhoneNumberOneHourLimit", knobs.sms_number_per_hour, app.hours),
        )
        if limit
    ]
    days = [
        (code, limit, app.days[counted])
        for code, limit, counted in (
            ("LimitExceeded.PhoneNumberDailyLimit", knobs.sms_number_per_day, number),
            ("LimitExceeded.PhoneNumberSameContentDailyLimit", knobs.sms_same_content_per_day, (number, shown)),
            ("LimitExceeded.AppDailyLimit", knobs.sms_app_per_day, ""),
        )
        if limit
    ]
    over = [code for code, limit, window in windows if window.count(now) >= limit]
    over += [code for code, limit, day in days if day.today(now) >= limit]
    if over:
        return over[0]
    for _, _, window in windows:
        window.add(now)
    for _, _, day in days:
        day.add(now)
    return ""


def _status(state: State, number: str, code: str, request: Mapping[str, Any], shown: str) -> dict[str, Any]:
    pieces = 1 if len(shown) <= SHORT_SMS else ceil(len(shown) / LONG_SMS)
    return {
        "SerialNo": "" if code else f"sandbox-{next(state.serial):020d}",
        "PhoneNumber": number,
        "Fee": 0 if code else pieces,
        "SessionContext": _context(request),
        "Code": code or "Ok",
        "Message": TEXTS.get(code, UNKNOWN) if code else "send success",
        "IsoCode": "CN" if number.startswith(MAINLAND) else "",
    }


def _context(request: Mapping[str, Any]) -> str:
    context = request.get("SessionContext")
    return context if isinstance(context, str) else ""


def _response(state: State, **fields: Any) -> dict[str, Any]:
    return {"Response": {**fields, "RequestId": f"sandbox-{next(state.serial):020d}"}}
