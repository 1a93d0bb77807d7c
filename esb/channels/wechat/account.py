"""A credential of WeChat: what an official account, a WeCom app and a group robot have in common."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from esb.channels.account import GET_TOKEN, Account
from esb.channels.message import Address
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.verdict import ACCEPTED, JudgedAnswer, Verdict
from esb.channels.wechat.verdict import OK, judge
from esb.core.call import Call
from esb.core.errors import Message, UpstreamError, template
from esb.outgoing.client import Target
from esb.outgoing.tokens.cache import Token

INVALID_RECEIVER = 40003
"""Both platforms' code for a receiver that does not exist; WeCom lists such receivers under errcode 0."""
INVALID = Message("invalid user")
UNLICENSED = Message("unlicensed user")
INVALID_PARTY = Message("invalid department")
INVALID_TAG = Message("invalid tag")
PARTY, TAG = "toparty\0", "totag\0"
"""Before the names of departments and tags among the receivers of a message: no name of a member holds a zero."""
MISSED = {
    "unlicenseduser": ("", UNLICENSED),
    "invalidparty": (PARTY, INVALID_PARTY),
    "invalidtag": (TAG, INVALID_TAG),
    "invaliduser": ("", INVALID),
}
"""Fields in which WeCom names, under errcode 0, those of the receivers who get nothing: of which kind, and why."""
UNREAD = Message(
    "WeChat accepted the message, but names receivers who get nothing in a form that cannot be read: look whether it"
    " arrived, and report the answer of the address that wx_qy_host names."
)
NOT_SAID = template("WeChat failed, and does not say whether it took the message")
TO_USER: Address = ("touser", "|".join)
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_SEPARATORS = re.compile(r"[,;，；、\s]+")
SHORT_LIFE = 60.0
"""Seconds that a token is used whose life nobody tells: soon replaced, and yet not one fetch a call."""
LONGEST_LIFE = 86_400.0
"""Seconds that a token is used at most, whatever its answer says: WeChat's own live two hours."""


class WeChatAccount(Account):
    """A credential whose answers carry `errcode` and `errmsg`, and whose token goes in the query."""

    _quoted = ("", "")

    def _url(self, endpoint: str, token: str) -> str:
        if self._quoted[0] != token:
            self._quoted = token, quote(token, "")
        return f"{self._host}{endpoint}?access_token={self._quoted[1]}"

    def _token_in(self, body: Mapping[str, Any]) -> Token:
        value, expires_in = body.get("access_token"), _seconds(body.get("expires_in"))
        if not isinstance(value, str) or not value or expires_in <= 0:
            reason = template("the response holds no usable access_token")
            raise UpstreamError(self.system, GET_TOKEN, reason, sent=False, transient=True)
        return Token(value, expires_in)

    def _judged(self, errcode: int, errmsg: str, *, fetching: bool = False) -> Verdict:
        return judge(self.platform, errcode, errmsg, fetching=fetching)

    def _reply(self, target: Target, secrets: tuple[str, ...], fetching: bool, body: Mapping[str, Any]) -> JudgedAnswer:
        errcode, errmsg = body.get("errcode"), body.get("errmsg")
        if type(errcode) is not int:
            errcode = _number(target, errcode, 0 if fetching or "msgid" in body else None)
        elif errcode == 0 and errmsg == "ok":
            return JudgedAnswer(OK, body)  # nearly always
        text = errmsg if isinstance(errmsg, str) else ""
        return JudgedAnswer(judge(self.platform, errcode, text, secrets=secrets, fetching=fetching), body)

    # Preflights

    async def live_token(self, call: Call) -> JudgedAnswer:
        """Ask for a token now, whatever is kept and whatever was refused before; nothing is remembered of it.

        Not for an account of which a fetch kills the token before: see `kept_token`.
        """
        return await self._ask_token(call, self._fetching, partial(self._reply, self._fetching, (self._secret,), True))

    async def kept_token(self) -> str | None:
        """Return the token that the processes of the gateway use, without a fetch; None if there is none."""
        return await self._tokens.known(self.key)

    def token_in(self, body: Mapping[str, Any]) -> str:
        """Return the token of such an answer. UpstreamError if it holds none."""
        return self._token_in(body).value

    async def ask(
        self, call: Call, token: str, method: str, endpoint: str, *, query: str = "", body: Any = None
    ) -> JudgedAnswer:
        """Ask with this token for something that only reads. An answer without errcode is a good one."""
        target = Target(self.system, endpoint.rpartition("/")[2], sends=False)
        secrets = (token, self._secret)
        return await self._http.judged(
            call,
            target,
            method,
            f"{self._url(endpoint, token)}{query}",
            lambda told: self._reply(target, secrets, False, {"errcode": 0, "errmsg": "ok", **told}),
            body=body,
            proxy=self._proxy,
        )

    def outcome(self, receivers: tuple[str, ...], reply: JudgedAnswer) -> DeliveryOutcome:
        """Return what an answer says of each receiver; under errcode 0 WeCom may name some who get nothing.

        Whom an answer leaves out that names people, and cannot be read, is unknown: it may mean them.
        """
        body, verdict = reply.body, reply.verdict
        if verdict.in_doubt:
            error = UpstreamError(self.system, self.interface, NOT_SAID, transient=True)
            return replace(DeliveryOutcome.stopped(receivers, error), refusal=verdict)
        missed: tuple[Failure, ...] = ()
        if any(map(body.get, MISSED)):
            missed, receivers, unread = _told_apart(receivers, body)
            if unread and verdict.kind in ACCEPTED:
                verdict = Verdict(OK.errcode, f"{unread} cannot be read", "unknown", UNREAD)
        msgid = body.get("msgid")
        msgids = () if msgid is None or msgid == "" else (str(msgid),)
        return DeliveryOutcome.judged(receivers, verdict, msgids, missed)


def _number(target: Target, errcode: Any, left_out: int | None) -> int:
    """Return an errcode that is not written as a number, or not at all: a token of an official account has none."""
    if isinstance(errcode, str) and _NUMBER.fullmatch(errcode):
        return int(errcode)
    if isinstance(errcode, float) and errcode.is_integer():
        return int(errcode)
    if errcode is None and left_out is not None:
        return left_out
    # Something on the way may answer 200 and JSON too.
    reason = template("the response has no errcode that is a number")
    raise UpstreamError(target.system, target.interface, reason, http_status=200)


def _seconds(value: Any) -> float:
    """Return the life of a token, which proxies also write as a string or a fraction; 0 for what is no number."""
    if value is None:
        return SHORT_LIFE
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return 0.0
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return 0.0
    return min(seconds, LONGEST_LIFE) if seconds > 0 else 0.0  # and what is not a number is not above 0


def _told_apart(
    receivers: tuple[str, ...], body: Mapping[str, Any]
) -> tuple[tuple[Failure, ...], tuple[str, ...], str]:
    """Return those whom the answer names as ones that get nothing, the others, and the field that cannot be read."""
    reasons: dict[str, Message] = {}
    unread = ""
    asked = {receiver.lower() for receiver in receivers}
    plain = {receiver.rpartition("\0")[2] for receiver in asked}
    for field, (kind, reason) in MISSED.items():
        if value := body.get(field):
            names = _named(value, plain)
            missing = None if names is None else {kind + name for name in names}
            if missing and kind and asked.isdisjoint(missing):  # members, in a field of which a proxy thought so
                missing, reason = names, INVALID
            if missing is None or (missing and asked.isdisjoint(missing)):
                unread = unread or field
            else:
                reasons |= dict.fromkeys(missing, reason)
    missed = tuple(
        Failure(receiver, INVALID_RECEIVER, reasons[receiver.lower()], "receiver")
        for receiver in receivers
        if receiver.lower() in reasons
    )
    return missed, tuple(receiver for receiver in receivers if receiver.lower() not in reasons), unread


def _named(value: Any, asked: Collection[str]) -> set[str] | None:
    """Return the names in a field, in the lower case that WeCom uses; None if its form is not known.

    WeCom documents "a|b". Proxies and its older versions also write commas, a list, an object whose keys are names, or
    a number.
    """
    items = value.split("|") if isinstance(value, str) else [value] if isinstance(value, int) else value
    if isinstance(value, bool) or not isinstance(items, list | Mapping):
        return None
    names: set[str] = set()
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int):
            return None
        name = str(item).strip().lower()
        names.update([name] if name in asked else _SEPARATORS.split(name))
    return names - {""}
