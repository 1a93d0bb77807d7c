"""What WeChat's errcodes mean, one table a platform: the same number often means different things on the two.

`judge` turns a reply into what to do next and what to tell. The tables are `official_account_codes` and `wecom_codes`.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from esb.channels.wechat.codes import official_account, wecom
from esb.channels.wechat.codes.meaning import RETRYABLE, Kind, Meaning, Table
from esb.channels.wechat.codes.official_account import OFFICIAL_ACCOUNT
from esb.channels.wechat.codes.wecom import ROBOT, WECOM
from esb.core.errors import Message
from esb.core.redaction import redacted
from esb.outgoing.json_answer import own_code

_ON_SEND: dict[str, Table] = {"mp": OFFICIAL_ACCOUNT, "qy": WECOM, "robot": ROBOT}
_ON_FETCH: dict[str, Table] = {
    "mp": {**OFFICIAL_ACCOUNT, **official_account.ON_FETCH},
    "qy": {**WECOM, **wecom.ON_FETCH},
}


def _codes(table: Table, kind: Kind) -> frozenset[int]:
    return frozenset(code for code, meaning in table.items() if meaning.kind == kind)


TOKEN_DEAD = _codes(OFFICIAL_ACCOUNT, "token") | _codes(WECOM, "token")
"""On a send, on both platforms: the access token is not valid any more. A fresh one may be; try once."""
OFFICIAL_ACCOUNT_REFUSED = _codes(_ON_FETCH["mp"], "config")
"""On a token fetch: the appid, its secret or our address is refused, and asking again will not help."""
WECOM_REFUSED = _codes(_ON_FETCH["qy"], "config")
"""The same for WeCom, which bans addresses that keep asking with a wrong secret."""
RATE_LIMITED = _codes(OFFICIAL_ACCOUNT, "quota") | _codes(WECOM, "quota")

ACCEPTED = Meaning("ok", "WeChat has accepted the message; whether it arrives, WeChat does not say here.")
HALF_READ = Meaning(
    "message",
    "WeChat read only part of the message, so it may be incomplete or not sent: check the types of its fields.",
)
"""errcode 0 with "Warning: wrong json format": WeCom's way to say that a field had a type that it did not expect."""
UNKNOWN = Meaning("unknown", "The gateway does not know this code and does not repeat the message: see errmsg.")

_BEIJING = timezone(timedelta(hours=8))
_ADDRESS = re.compile(r",?\s*(?:(?:for )?(?:more (?:info|details)|view more) at:?\s*)?https?://\S+", re.IGNORECASE)
_OUR_IP = re.compile(r"\b(?:from ip|invalid ip|requestip)\b[\s:]*([0-9a-f.:]+)", re.IGNORECASE)


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Verdict:
    """A reply, judged. `retryable`: the same request may work later; after `retry_after` seconds, if that is known."""

    errcode: int
    errmsg: str
    kind: Kind
    hint: Message
    retry_after: float | None = None

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE

    def data(self) -> dict[str, Any]:
        """What an answer's data tells of it. The hint is still a Message: only the rim knows the caller's language."""
        return {
            "errcode": self.errcode,
            "errmsg": self.errmsg,
            "class": self.kind,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "hint": self.hint,
        }


OK = Verdict(0, "ok", ACCEPTED.kind, ACCEPTED.hint())


def judge(
    platform: str, errcode: int, errmsg: str, *, fetching: bool = False, secrets: tuple[str, ...] = ()
) -> Verdict:
    """What a reply of "mp" (official account), "qy" (WeCom) or "robot" (its group robots) means.

    `fetching`: it answers a token fetch, where 40001 is a wrong secret instead of a dead token.
    `secrets` are taken out of the errmsg; nothing needs to be if it is `readable` already.
    """
    if errcode == 0 and errmsg == "ok":
        return OK  # nearly every answer
    meaning = _meaning(platform, errcode, errmsg, fetching)
    return Verdict(
        errcode,
        readable(errmsg, secrets),
        meaning.kind,
        meaning.hint(ip=_our_ip(errmsg)) if "{ip}" in meaning.text else meaning.hint(),
        retry_after(platform, errcode) if meaning.kind == "quota" else None,
    )


def kind_of(platform: str, answer: Mapping[str, Any], *, fetching: bool = False) -> str:
    """The class of an answer as it came; `http` if it is none of WeChat's, which something on the way may send."""
    errcode = answer.get("errcode", 0 if fetching else None)
    if type(errcode) is not int:
        code = own_code(errcode)
        if code is None:
            return "http"
        errcode = int(code)
    return _meaning(platform, errcode, answer.get("errmsg"), fetching).kind


def refuses(platform: str, answer: Mapping[str, Any]) -> bool:
    """Whether an answer to a send is a no: then WeChat did nothing, and keeps nothing back to deliver later."""
    errcode = answer.get("errcode")
    return errcode != 0 and own_code(errcode) not in {None, "0"} and kind_of(platform, answer) != "held"


def _meaning(platform: str, errcode: int, errmsg: Any, fetching: bool) -> Meaning:
    if errcode == 0:
        return HALF_READ if errmsg != "ok" and "wrong json format" in str(errmsg).lower() else ACCEPTED
    return (_ON_FETCH if fetching else _ON_SEND)[platform].get(errcode, UNKNOWN)


def _our_ip(errmsg: str) -> str | Message:
    """Our address, as WeChat tells it: "from ip: 1.2.3.4", or "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4"."""
    for found in _OUR_IP.findall(errmsg):
        try:
            return str(ipaddress.ip_address(found.rstrip(".:")))
        except ValueError:
            continue
    return Message("an address that it does not name")


def retry_after(platform: str, errcode: int, now: datetime | None = None) -> float:
    """After how many seconds a rate limit is over: the next minute, or for an official account's 45009 the next day."""
    if platform == "mp" and errcode == 45009:
        moment = (now or datetime.now(UTC)).astimezone(_BEIJING)
        midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return round((midnight - moment).total_seconds())
    return 60.0


def readable(errmsg: str, secrets: tuple[str, ...]) -> str:
    """WeChat's errmsg as a caller may read it: no address, no secret of ours, at most 300 characters."""
    text = _ADDRESS.sub("", errmsg) if "://" in errmsg else errmsg
    return redacted(text, secrets).strip()[:300]
