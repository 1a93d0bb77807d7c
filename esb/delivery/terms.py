"""The terms of an asynchronous call, as its parameters say them: when it is sent, until when, who hears of its end."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from esb.config.moment import DATE, instant, span
from esb.core.call import Call
from esb.core.errors import Message, RequestError
from esb.core.gateway_parameters import ASYNC, CALLBACK, DELIVER_AT, EXPIRES, PRIORITY, TERMS
from esb.core.params import switched_on

PRIORITIES = {"low": 0, "normal": 5, "high": 9}
"""Of deliveries that are due, those of a higher number go first; a whole number from 0 to 9 says the same."""
LONGEST_DAYS = 366
"""The time for which a delivery may wait, and for which it may be tried: its content is kept as long."""
_LONGEST_MILLISECONDS = LONGEST_DAYS * 86_400_000
_LONGEST_VALUE = 100


class When(NamedTuple):
    """A moment: milliseconds since 1970, or (`is_span`) after another moment."""

    milliseconds: int
    is_span: bool

    def after(self, moment: int) -> int:
        """Return the moment, where a span begins at this one."""
        return moment + self.milliseconds if self.is_span else self.milliseconds


@dataclass(frozen=True, slots=True)
class Terms:
    """The moments from which on and until which a delivery is tried, and more. `expires`, as a span, begins at `due`.

    `callback` is the name of one, "" for none.
    """

    due: When
    expires: When
    callback: str
    priority: int


def is_asynchronous(args: Mapping[str, Any], own: Set[str]) -> bool:
    """Return True if these arguments ask for an asynchronous call; `own` are parameters of its component."""
    if ASYNC not in own and switched_on(args.get(ASYNC)):
        return True
    return DELIVER_AT not in own and not _is_empty(args.get(DELIVER_AT))


def terms_of(call: Call, own: Set[str], expires: int, now: float) -> Terms:
    """Return the terms of this call. RequestError for what cannot be.

    `own` are the parameters of its component, `expires` the seconds for which it is tried unless it says otherwise, and
    `now` is in seconds since 1970.
    """
    given = {name: call.args[name] for name in TERMS & call.args.keys() - own if not _is_empty(call.args[name])}
    moment = int(now * 1000)
    due, ends = When(0, is_span=True), When(expires * 1000, is_span=True)
    if DELIVER_AT in given:
        due = _when(DELIVER_AT, given[DELIVER_AT], now)
    begins = max(due.after(moment), moment)
    if begins - moment > _LONGEST_MILLISECONDS:
        raise _refusal(DELIVER_AT, Message("at most {days} days from now", {"days": LONGEST_DAYS}))
    if EXPIRES in given:
        ends = _when(EXPIRES, given[EXPIRES], now)
        if not begins < ends.after(begins) <= begins + _LONGEST_MILLISECONDS:
            raise _refusal(EXPIRES, Message("later than it is sent, by at most {days} days", {"days": LONGEST_DAYS}))
    return Terms(due, ends, _callback(call, given.get(CALLBACK)), _priority(given.get(PRIORITY, "normal")))


def without_terms(args: Mapping[str, Any], own: Set[str]) -> dict[str, Any]:
    """Return the arguments of the component, of which `own` are its own parameters, without the terms of its call."""
    return {name: value for name, value in args.items() if name in own or name not in TERMS}


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _when(name: str, value: Any, now: float) -> When:
    text = value.strip() if isinstance(value, str) else ""
    seconds = span(text)
    if seconds is not None:
        return When(seconds * 1000, is_span=True)
    try:
        if re.fullmatch(DATE, text):  # its end is meant elsewhere; here nobody could know
            raise ValueError(text)
        return When(instant(text, now), is_span=False)
    except ValueError:
        raise _refusal(
            name, Message("a time such as 2026-12-31T18:00:00+08:00, or so long from then: 30m, 12h, 7d")
        ) from None


def _callback(call: Call, name: Any) -> str:
    if name is None:
        return ""
    declared = call.app.callbacks if call.app is not None else {}
    if not isinstance(name, str) or name not in declared:
        names = ", ".join(sorted(declared)) or Message("there is none")
        raise _refusal(
            CALLBACK, Message("the name of a callback that is declared for the app: {names}", {"names": names})
        )
    return name


def _priority(value: Any) -> int:
    text = str(value).strip().lower()[:_LONGEST_VALUE]
    number = PRIORITIES.get(text)
    if number is None and not isinstance(value, bool) and re.fullmatch("[0-9]", text):
        number = int(text)
    if number is None:
        raise _refusal(PRIORITY, Message("low, normal or high"))
    return number


def _refusal(name: str, expected: Message) -> RequestError:
    return RequestError("Parameters error, [{name}] must be {expected}", {"field": name}, name=name, expected=expected)
