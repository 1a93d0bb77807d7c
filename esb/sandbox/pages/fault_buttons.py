"""Faults that the page offers: what goes wrong, with which calls, and how often. The control API has all others."""

from collections.abc import Mapping

from esb.sandbox import control_values
from esb.sandbox.wire import encode

SENDING = {
    "wecom": "/cgi-bin/message/send",
    "official-account": "/cgi-bin/message/template/send",
    "robot": "/cgi-bin/webhook/send",
}
"""Name of a choice -> the endpoint that is meant; "all" is every call."""
TIMES = ("1", "3", "0")
FAULTS: dict[str, dict[str, object]] = {
    "answer-lost": {"when": "after", "action": {"reset": "head"}},
    "refused": {"action": {"errcode": 45009}},
    "busy": {"action": {"errcode": -1}},
    "bad-gateway": {"action": {"status": 502, "body": "<h1>502 Bad Gateway</h1>", "content_type": "text/html"}},
    "slow": {"action": {"latency_ms": 3000}},
    "reset": {"action": {"reset": "head"}},
    "hang": {"action": {"hang": True}},
    "token-expired": {"action": {"tokens": "expire"}},
}
"""Name of a button -> the rule, without calls and times."""


def rule(form: Mapping[str, object]) -> dict[str, object]:
    """Return the rule that a form asks for, as POST /_sandbox/faults takes it. Raises BadControl."""
    fault = control_values.one_of(form.get("fault"), "fault", FAULTS)
    calls = control_values.one_of(form.get("calls", "all"), "calls", ("all", *SENDING))
    times = control_values.one_of(form.get("times", "1"), "times", TIMES)
    match = {"path": SENDING[calls]} if calls in SENDING else {}
    return {**FAULTS[fault], "match": match, "times": int(times)}


def name_of(rendered: Mapping[str, object]) -> str:
    """Return the name of the button that makes such a fault, "" if none does."""
    given = {"when": rendered["when"], "action": rendered["action"]}
    return next((name for name, fault in FAULTS.items() if {"when": "before", **fault} == given), "")


def calls_of(rendered: Mapping[str, object]) -> str:
    """Return the name of the choice of such calls; where there is none, the conditions as they were given."""
    match = rendered["match"]
    if not match:
        return "all"
    return next((name for name, path in SENDING.items() if match == {"path": path}), encode(match).decode())
