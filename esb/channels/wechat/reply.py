"""WeChat's answers, read and judged; and the errors that are a no before anything was sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esb.channels.wechat.verdict import Verdict, judge
from esb.core.errors import EsbError, UpstreamError
from esb.outgoing.client import Target
from esb.outgoing.tokens.cache import TokenRefused

_NUMBER = re.compile(r"-?[0-9]{1,9}")


class WeChatError(EsbError):
    """WeChat said no before anything was sent; the verdict tells why."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__("{errmsg}", verdict.data(), errmsg=verdict.errmsg)


class CredentialRefused(WeChatError, TokenRefused):
    """WeChat does not accept this appid or corpid, its secret, or our address."""


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Reply:
    """WeChat's answer. A verdict with errcode 0 is acceptance, unless WeChat warns that it read only half."""

    verdict: Verdict
    body: Mapping[str, Any] = field(repr=False)

    @property
    def accepted(self) -> bool:
        return self.verdict.kind in {"ok", "held"}

    @property
    def half_read(self) -> bool:
        """Whether nobody knows what WeChat made of the message."""
        return self.verdict.errcode == 0 and not self.accepted


def verdict_on(
    platform: str, target: Target, payload: Mapping[str, Any], secrets: tuple[str, ...], *, fetching: bool = False
) -> Verdict:
    """What the answer to a send says, or to a token fetch. UpstreamError if it is none of WeChat's."""
    errcode, errmsg = payload.get("errcode"), payload.get("errmsg")
    if type(errcode) is not int:
        errcode = _number(target, errcode, 0 if fetching or "msgid" in payload else None)
    return judge(platform, errcode, errmsg if isinstance(errmsg, str) else "", secrets=secrets, fetching=fetching)


def _number(target: Target, errcode: Any, left_out: int | None) -> int:
    """An errcode that is not written as a number, or not at all: an official account's token comes without one."""
    if isinstance(errcode, str) and _NUMBER.fullmatch(errcode):
        return int(errcode)
    if errcode is None and left_out is not None:
        return left_out
    # Something on the way may answer 200 and JSON too.
    raise UpstreamError(target.system, target.interface, "the response has no errcode that is a number")
