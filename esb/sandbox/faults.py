"""Fault rules: the calls that they fit, how often they strike, and what they do."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from esb.sandbox import control_values, tencent
from esb.sandbox.changes import Changes
from esb.sandbox.control_values import BadControl
from esb.sandbox.wire import Code

SMTP_COMMAND = "smtp/"
"""Begin of the path that names a command of the SMTP side."""
SMTP_CODES = range(400, 600)
SMTP_ACTIONS = ("latency_ms", "errcode", "errmsg", "reset", "close", "hang")
"""Actions that fit a command: it has no HTTP answer."""


@dataclass(frozen=True, slots=True)
class Subject:
    """App and receivers of a call: the app it speaks for, None if unknown, and its `touser` as it was sent."""

    app: str | None
    touser: object

    def is_for(self, receiver: str) -> bool:
        named = self.touser.split("|") if isinstance(self.touser, str) else []
        return receiver.lower() in (name.strip().lower() for name in named)


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions of a rule: all that are set must fit; `nth`, `every` and `probability` choose among those calls."""

    path: str | None = None
    app: str | None = None
    touser: str | None = None
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    seed: int = 0

    def fits(self, path: str, subject: Callable[[], Subject]) -> bool:
        if self.path is not None and self.path != path:
            return False
        if self.app is None and self.touser is None:
            return True
        whom = subject()
        return (self.app is None or self.app == whom.app) and (self.touser is None or whom.is_for(self.touser))


@dataclass(frozen=True, slots=True)
class Action:
    """The effects on a call; `latency_ms` in milliseconds, `cut` and `huge` in bytes, `slow` in bytes per second."""

    latency_ms: float = 0
    errcode: Code | None = None
    errmsg: str | None = None
    status: int | None = None
    body: bytes | None = None
    content_type: str | None = None
    reset: Literal["head", "body"] | None = None
    close: bool = False
    hang: bool = False
    slow: float | None = None
    cut: int | None = None
    huge: int | None = None
    redirect: str | None = None
    tokens: Literal["expire", "rotate"] | None = None

    @property
    def replaces(self) -> bool:
        """True if the answer is another one than the platform's own."""
        given = (self.errcode, self.status, self.body, self.huge, self.redirect)
        return any(value is not None for value in given)

    @property
    def spoils(self) -> bool:
        """True if no client can read the whole answer: a fault "before" then needs no processing."""
        return self.close or self.hang or self.reset is not None or self.cut is not None


@dataclass(slots=True)
class Fault:
    """One rule and its count of the calls that it fitted (`seen`) and struck (`struck`)."""

    match: Match
    action: Action
    when: Literal["before", "after"]
    times: int
    wording: dict[str, Any]
    id: int = 0
    seen: int = 0
    struck: int = 0
    chance: Random = field(default_factory=Random)

    def wants(self, path: str, subject: Callable[[], Subject]) -> bool:
        """Return True if the rule would strike this call; count the call if it fits."""
        if (self.times and self.struck >= self.times) or not self.match.fits(path, subject):
            return False
        self.seen += 1
        return (
            self.match.nth in (None, self.seen)
            and (self.match.every is None or self.seen % self.match.every == 0)
            and (self.match.probability is None or self.chance.random() < self.match.probability)
        )


class Faults:
    """The rules in the order they were made. Every rule counts the calls it fits, but only the first one strikes."""

    def __init__(self, changes: Changes | None = None) -> None:
        self._changes = changes or Changes()
        self._rules: list[Fault] = []
        self._made = 0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, fault: Fault) -> int:
        self._made += 1
        fault.id = self._made
        self._rules.append(fault)
        self._changes.announce()
        return fault.id

    def pick(self, path: str, subject: Callable[[], Subject]) -> Fault | None:
        wanting = [fault for fault in self._rules if fault.wants(path, subject)]
        if not wanting:
            return None
        wanting[0].struck += 1
        self._changes.announce()
        return wanting[0]

    def clear(self) -> None:
        self._rules.clear()
        self._changes.announce()

    def rendered(self) -> list[dict[str, Any]]:
        return [{"id": fault.id, **fault.wording, "seen": fault.seen, "struck": fault.struck} for fault in self._rules]


def parse_fault(document: object) -> Fault:
    """Read a rule from JSON; without `times` and `when` it strikes once and before processing. Raises BadControl."""
    values = control_values.mapping(document, "fault", ("match", "action", "when", "times"))
    match = _match(values.get("match", {}))
    action = _action(values.get("action"))
    _check_fit(match.path or "", control_values.mapping(values["action"], "action"), action.errcode)
    when = control_values.one_of(values.get("when", "before"), "when", ("before", "after"))
    times = control_values.whole(values.get("times", 1), "times")
    wording = {"match": values.get("match", {}), "action": values["action"], "when": when, "times": times}
    return Fault(
        match=match,
        action=action,
        when="before" if when == "before" else "after",
        times=times,
        wording=wording,
        chance=Random(match.seed),  # noqa: S311 - chance that can be repeated is the point
    )


def _match(value: object) -> Match:
    return Match(**_read(value, "match", _MATCH))


def _action(value: object) -> Action:
    values = _read(value, "action", _ACTION)
    if not values:
        raise BadControl(f"action: nothing to do; choose from {', '.join(_ACTION)}")
    if "errmsg" in values and "errcode" not in values:
        raise BadControl("action.errmsg: needs errcode beside it")
    if "body" in values and "body_base64" in values:
        raise BadControl("action.body_base64: there is a body already")
    body = values.pop("body_base64", values.pop("body", None))
    return Action(body=body, **values)


def _check_fit(path: str, action: dict[str, object], errcode: Code | None) -> None:
    """Raise BadControl for what the endpoint of a rule does not have."""
    is_smtp, is_tencent = path.startswith(SMTP_COMMAND), path in tencent.APP_KEYS
    for key in action:
        if is_smtp and key not in SMTP_ACTIONS:
            raise BadControl(f"action.{key}: not for a command of SMTP; choose from {', '.join(SMTP_ACTIONS)}")
    if errcode is None:
        return
    if is_tencent and not isinstance(errcode, str):
        raise control_values.wrong(errcode, "action.errcode", "one of Tencent Cloud's codes, such as 'InternalError'")
    if isinstance(errcode, str) and not is_tencent:
        raise control_values.wrong(errcode, "action.errcode", "a whole number")  # texts are of Tencent's endpoints
    if is_smtp and errcode not in SMTP_CODES:
        raise control_values.wrong(errcode, "action.errcode", "an SMTP code from 400 to 599")


def _read(value: object, where: str, readers: dict[str, Callable[[object, str], Any]]) -> dict[str, Any]:
    found = control_values.mapping(value, where, readers)
    return {key: readers[key](item, f"{where}.{key}") for key, item in found.items()}


def _positive(value: object, where: str) -> int:
    if control_values.whole(value, where) < 1:
        raise control_values.wrong(value, where, "1 or more")
    return control_values.whole(value, where)


def _errcode(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise control_values.wrong(value, where, "a whole number")
    return value


def _code(value: object, where: str) -> Code:
    return value if isinstance(value, str) and value else _errcode(value, where)


def _string(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise control_values.wrong(value, where, "a string")
    return value


def _encoded(value: object, where: str) -> bytes:
    return _string(value, where).encode()


def _base64(value: object, where: str) -> bytes:
    try:
        return b64decode(_string(value, where), validate=True)
    except ValueError:
        raise control_values.wrong(value, where, "base64") from None


def _status(value: object, where: str) -> int:
    if not 200 <= control_values.whole(value, where) <= 599:
        raise control_values.wrong(value, where, "an HTTP status from 200 to 599")
    return control_values.whole(value, where)


def _rate(value: object, where: str) -> float:
    if control_values.amount(value, where) <= 0:
        raise control_values.wrong(value, where, "bytes per second, more than 0")
    return control_values.amount(value, where)


def _reset(value: object, where: str) -> str:
    return control_values.one_of(value, where, ("head", "body"))


def _tokens(value: object, where: str) -> str:
    return control_values.one_of(value, where, ("expire", "rotate"))


_MATCH: dict[str, Callable[[object, str], Any]] = {
    "path": control_values.text,
    "app": control_values.text,
    "touser": control_values.text,
    "nth": _positive,
    "every": _positive,
    "probability": control_values.probability,
    "seed": _errcode,
}
_ACTION: dict[str, Callable[[object, str], Any]] = {
    "latency_ms": control_values.amount,
    "errcode": _code,
    "errmsg": _string,
    "status": _status,
    "body": _encoded,
    "body_base64": _base64,
    "content_type": control_values.text,
    "reset": _reset,
    "close": control_values.flag,
    "hang": control_values.flag,
    "slow": _rate,
    "cut": control_values.whole,
    "huge": control_values.whole,
    "redirect": control_values.text,
    "tokens": _tokens,
}
