"""The verdict on an answer of WeChat: what to do next, and what to tell.

The tables of errcodes lie in `codes`, one a platform: the same number often means different things on the two.
"""

import ipaddress
import re
from datetime import datetime
from typing import Any

from esb.channels.beijing import seconds_to_midnight
from esb.channels.verdict import Meaning, Table, Verdict
from esb.channels.wechat.codes import official_account, wecom
from esb.channels.wechat.codes.official_account import OFFICIAL_ACCOUNT
from esb.channels.wechat.codes.wecom import ROBOT, WECOM
from esb.core.errors import Message
from esb.core.redaction import redacted

_ON_SEND: dict[str, Table] = {"mp": OFFICIAL_ACCOUNT, "qy": WECOM, "robot": ROBOT}
_ON_FETCH: dict[str, Table] = {
    "mp": {**OFFICIAL_ACCOUNT, **official_account.ON_FETCH},
    "qy": {**WECOM, **wecom.ON_FETCH},
}

SYSTEM_BUSY = -1
"""WeChat's errcode for a failure of its own, which comes before or after it took the message."""
ACCEPTED = Meaning("ok", "WeChat has accepted the message; whether it arrives, WeChat does not say here.")
HALF_READ = Meaning(
    "message",
    "WeChat read only part of the message, so it may be incomplete or not sent: check the types of its fields.",
)
"""errcode 0 with "Warning: wrong json format": WeCom's way to say that a field had a type that it did not expect."""
UNKNOWN = Meaning("unknown", "The gateway does not know this code and does not repeat the message: see errmsg.")

_ADDRESS = re.compile(r",?\s*(?:(?:for )?(?:more (?:info|details)|view more) at:?\s*)?https?://\S+", re.IGNORECASE)
_OUR_IP = re.compile(r"\b(?:from ip|invalid ip|requestip)\b[\s:]*([0-9a-f.:]+)", re.IGNORECASE)

OK = Verdict(0, "ok", ACCEPTED.kind, ACCEPTED.hint())


def judge(
    platform: str, errcode: int, errmsg: str, *, fetching: bool = False, secrets: tuple[str, ...] = ()
) -> Verdict:
    """Return what a reply of "mp" (official account), "qy" (WeCom) or "robot" (its group robots) means.

    `fetching`: it answers a token fetch, where 40001 is a wrong secret instead of a dead token.
    `secrets` are taken out of the errmsg; nothing needs to be if it is `readable` already.
    """
    meaning = _meaning(platform, errcode, errmsg, fetching)
    return Verdict(
        errcode,
        readable(errmsg, secrets),
        meaning.kind,
        meaning.hint(ip=_our_ip(errmsg)) if "{ip}" in meaning.text else meaning.hint(),
        retry_after(platform, errcode) if meaning.kind == "quota" else None,
        errcode == SYSTEM_BUSY and not fetching,
    )


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
        return seconds_to_midnight(now)
    return 60.0


def readable(errmsg: str, secrets: tuple[str, ...]) -> str:
    """WeChat's errmsg as a caller may read it: no address, no secret of ours, at most 300 characters."""
    text = _ADDRESS.sub("", errmsg) if "://" in errmsg else errmsg
    return redacted(text, secrets).strip()[:300]
