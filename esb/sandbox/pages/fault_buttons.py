"""Faults that the page offers: what goes wrong, with which calls, and how often. The control API has all others."""

from collections.abc import Iterator, Mapping

from esb.sandbox import control_values
from esb.sandbox.wire import encode

Rule = dict[str, object]

WECHAT, TENCENT, SMTP = "wechat", "tencent", "smtp"
SENDING = {
    "wecom": ("/cgi-bin/message/send", WECHAT),
    "official-account": ("/cgi-bin/message/template/send", WECHAT),
    "robot": ("/cgi-bin/webhook/send", WECHAT),
    "mail": ("smtp/DATA", SMTP),
    "sms": ("SendSms", TENCENT),
    "voice": ("SendTtsVoice", TENCENT),
}
"""Name of a choice -> the endpoint that is meant, and whose words it speaks."""
CALLS = (*SENDING, "all")
TIMES = ("1", "3", "0")
ANSWER_LOST: Rule = {"when": "after", "action": {"reset": "head"}}
BAD_GATEWAY: Rule = {"action": {"status": 502, "body": "<h1>502 Bad Gateway</h1>", "content_type": "text/html"}}
SLOW: Rule = {"action": {"latency_ms": 3000}}
RESET: Rule = {"action": {"reset": "head"}}
HANG: Rule = {"action": {"hang": True}}
FAULTS: dict[str, dict[str, Rule]] = {
    "answer-lost": {WECHAT: ANSWER_LOST, TENCENT: ANSWER_LOST, SMTP: ANSWER_LOST},
    "refused": {
        WECHAT: {"action": {"errcode": 45009}},
        TENCENT: {"action": {"errcode": "RequestLimitExceeded"}},
        SMTP: {"action": {"errcode": 450, "errmsg": "4.7.1 Too many mails, try again later"}},
    },
    "busy": {
        WECHAT: {"action": {"errcode": -1}},
        TENCENT: {"action": {"errcode": "InternalError"}},
        SMTP: {"action": {"errcode": 451, "errmsg": "4.3.0 Local error in processing"}},
    },
    "bad-gateway": {WECHAT: BAD_GATEWAY, TENCENT: BAD_GATEWAY},
    "slow": {WECHAT: SLOW, TENCENT: SLOW, SMTP: SLOW},
    "reset": {WECHAT: RESET, TENCENT: RESET, SMTP: RESET},
    "hang": {WECHAT: HANG, TENCENT: HANG, SMTP: HANG},
    "token-expired": {WECHAT: {"action": {"tokens": "expire"}}},
}
"""Name of a button -> what it does to each of them, without calls and times; it is for no others."""

NO_TOKEN = ("token-expired", "robot")
"""Robots have a key for ever."""


class DoesNotFit(Exception):
    """Such calls cannot fail in this way."""


def buttons() -> dict[str, list[str]]:
    """Return the names of the buttons, each with the choices of calls that it is for."""
    return {
        name: [calls for calls in CALLS if SENDING.get(calls, ("", WECHAT))[1] in sides and (name, calls) != NO_TOKEN]
        for name, sides in FAULTS.items()
    }


def rule(form: Mapping[str, object]) -> Rule:
    """Return the rule that a form asks for, as POST /_sandbox/faults takes it. Raises BadControl, and DoesNotFit."""
    name = control_values.one_of(form.get("fault"), "fault", FAULTS)
    calls = control_values.one_of(form.get("calls", "all"), "calls", CALLS)
    times = control_values.one_of(form.get("times", "1"), "times", TIMES)
    if calls not in buttons()[name]:
        raise DoesNotFit
    path, side = SENDING.get(calls, ("", WECHAT))
    return {**FAULTS[name][side], "match": {"path": path} if path else {}, "times": int(times)}


def name_of(rendered: Mapping[str, object]) -> str:
    """Return the name of the button that makes such a fault, "" if none does."""
    given = {"when": rendered["when"], "action": rendered["action"]}
    return next((name for name, fault in _all() if {"when": "before", **fault} == given), "")


def calls_of(rendered: Mapping[str, object]) -> str:
    """Return the name of the choice of such calls; where there is none, the conditions as they were given."""
    match = rendered["match"]
    if not match:
        return "all"
    return next((name for name, (path, _) in SENDING.items() if match == {"path": path}), encode(match).decode())


def _all() -> Iterator[tuple[str, Rule]]:
    return ((name, fault) for name, sides in FAULTS.items() for fault in sides.values())
