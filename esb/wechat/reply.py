"""WeChat's answers, read and judged; and the errors that are a no before anything was sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esb.errors import EsbError, UpstreamError
from esb.outgoing import Target
from esb.tokens import TokenRefused
from esb.wechat.errcodes import Verdict, judge

_NUMBER = re.compile(r"-?[0-9]{1,9}")


class WeChatError(EsbError):
    """WeChat said no before anything was sent; the verdict tells why."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__("{errmsg}", verdict.data(), errmsg=verdict.errmsg)


class CredentialRefused(WeChatError, TokenRefused):
    """WeChat does not accept this appid or corpid, its secret, or our address."""


@dataclass(frozen=True, slots=True)
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
    errcode = payload.get("errcode")
    if isinstance(errcode, str) and _NUMBER.fullmatch(errcode):
        errcode = int(errcode)
    if errcode is None and (fetching or "msgid" in payload):
        errcode = 0  # an official account's token comes without one
    if not isinstance(errcode, int) or isinstance(errcode, bool):
        # Something on the way may answer 200 and JSON too.
        raise UpstreamError(target.system, target.interface, "the response has no errcode that is a number")
    errmsg = payload.get("errmsg")
    text = errmsg if isinstance(errmsg, str) else ""
    return judge(platform, errcode, text, secrets=secrets, fetching=fetching)
