"""A credential of WeChat: what an official account, a WeCom app and a group robot have in common."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from esb.channels.account import GET_TOKEN, Account
from esb.channels.message import Address
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.verdict import JudgedAnswer, Verdict
from esb.channels.wechat.verdict import OK, judge
from esb.core.errors import Message, UpstreamError, template
from esb.outgoing.client import Target
from esb.outgoing.tokens.cache import Token

INVALID_RECEIVER = 40003
"""Both platforms' code for a receiver that does not exist; WeCom lists such receivers under errcode 0."""
INVALID = Message("invalid user")
UNLICENSED = Message("unlicensed user")
TO_USER: Address = ("touser", "|".join)
_NUMBER = re.compile(r"-?[0-9]{1,9}")


class WeChatAccount(Account):
    """A credential whose answers carry `errcode` and `errmsg`, and whose token goes in the query."""

    _quoted = ("", "")

    def _url(self, endpoint: str, token: str) -> str:
        if self._quoted[0] != token:
            self._quoted = token, quote(token, "")
        return f"{self._host}{endpoint}?access_token={self._quoted[1]}"

    def _token_in(self, body: Mapping[str, Any]) -> Token:
        value, expires_in = body.get("access_token"), body.get("expires_in")
        if not isinstance(value, str) or not value or not isinstance(expires_in, int) or expires_in <= 0:
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

    def outcome(self, receivers: tuple[str, ...], reply: JudgedAnswer) -> DeliveryOutcome:
        """Return what an answer says of each receiver; under errcode 0 WeCom may name some who get nothing."""
        body = reply.body
        missed: tuple[Failure, ...] = ()
        if body.get("invaliduser") or body.get("unlicenseduser"):
            missed, receivers = _told_apart(receivers, body)
        msgid = body.get("msgid")
        msgids = () if msgid is None or msgid == "" else (str(msgid),)
        return DeliveryOutcome.judged(receivers, reply.verdict, msgids, missed)


def _number(target: Target, errcode: Any, left_out: int | None) -> int:
    """Return an errcode that is not written as a number, or not at all: a token of an official account has none."""
    if isinstance(errcode, str) and _NUMBER.fullmatch(errcode):
        return int(errcode)
    if errcode is None and left_out is not None:
        return left_out
    # Something on the way may answer 200 and JSON too.
    reason = template("the response has no errcode that is a number")
    raise UpstreamError(target.system, target.interface, reason, http_status=200)


def _told_apart(receivers: tuple[str, ...], body: Mapping[str, Any]) -> tuple[tuple[Failure, ...], tuple[str, ...]]:
    """Return those whom the answer names as ones that get nothing, and the others."""
    reasons = dict.fromkeys(_named(body.get("unlicenseduser")), UNLICENSED)
    reasons |= dict.fromkeys(_named(body.get("invaliduser")), INVALID)
    missed = tuple(
        Failure(receiver, INVALID_RECEIVER, reasons[receiver.lower()], "receiver")
        for receiver in receivers
        if receiver.lower() in reasons
    )
    return missed, tuple(receiver for receiver in receivers if receiver.lower() not in reasons)


def _named(value: Any) -> list[str]:
    """Return the names in WeCom's "a|b", in the lower case that it uses."""
    if not isinstance(value, str):
        return []
    return [name.strip().lower() for name in value.split("|") if name.strip()]
