"""A WeCom (企业微信) app: tokens from qyapi.weixin.qq.com, and messages to up to 1000 members a call."""

import math
import os
import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esb.channels.account import Read
from esb.channels.message import OutboundMessage
from esb.channels.pacing import ARRIVING_SECONDS, Pace
from esb.channels.recipients import Audience, require_somebody
from esb.channels.sending import SendingResult, deliver
from esb.channels.verdict import JudgedAnswer, Verdict
from esb.channels.wechat.account import TO_USER, WeChatAccount
from esb.channels.wechat.config import WeComConfig, revealed
from esb.channels.wechat.wording import WORDING
from esb.contracts.services import ProcessServices
from esb.core.call import Call
from esb.core.errors import ParameterError, template
from esb.outgoing.client import Target

MESSAGE_SEND = "/cgi-bin/message/send"
RECEIVERS_PER_CALL = 1000
"""Source: developer.work.weixin.qq.com/document/path/90236, touser."""
LONGEST_INTERVAL = 4 * 3600
"""Same source, duplicate_check_interval."""
CONCURRENCY = 45033
"""Errcode for too many requests at once."""
EVERYBODY = "@all"
MEMBER_WAITS = template("WeChat takes no more messages for this member in this minute, please try again later")
"""WeCom drops, without a word, what a member gets beyond 30 messages a minute; so nobody is sent more than that.

Source: developer.work.weixin.qq.com/document/path/90454.
"""
_MEMBER = re.compile(r"(?!(?i:@all)\Z)[^\s|](?:[^|]*[^\s|])?")
"""One member, written as it is sent."""


class WeCom(WeChatAccount):
    """An app of a corporation: its corpid and the app's own secret."""

    platform = "qy"
    system = "weixin_qy"
    interface = "send_message"
    at_once = 4
    secret_parameter = "wx_qy_corpsecret"  # noqa: S105 - the name of a parameter

    async def _ask_token(self, call: Call, target: Target, read: Read) -> JudgedAnswer:
        query = urlencode({"corpid": self.key.account, "corpsecret": self._secret})
        url = f"{self._host}/cgi-bin/gettoken?{query}"
        return await self._http.judged(call, target, "GET", url, read, proxy=self._proxy, timeout=self.fetch_seconds)

    def _is_crowded(self, verdict: Verdict) -> bool:
        return verdict.errcode == CONCURRENCY


class WeComChannel:
    """Messages of one WeCom app; callers may bring the secret and the agentid of another one of the corporation."""

    def __init__(self, config: WeComConfig, services: ProcessServices) -> None:
        self._config = config
        self._services = services
        self._own_secret = revealed(config.wx_qy_corpsecret)
        self._app = self._app_with(self._own_secret) if self._own_secret else None
        self._agentid = config.wx_qy_agentid
        self._pace = None if self._agentid is None else self._pace_of(self._agentid)
        self._allow_all = config.wx_qy_allow_all
        self._drops = config.wx_qy_duplicate_check

    def send(
        self,
        call: Call,
        audience: Audience,
        contents: Sequence[Mapping[str, Any]],
        warnings: Sequence[dict[str, Any]] = (),
        *,
        agentid: int | None = None,
        secret: str = "",
    ) -> Awaitable[SendingResult]:
        """Send these pages to everybody."""
        app, pace = self._app, self._pace
        if secret:
            app = self._app_with(secret)
        if app is None:
            raise ParameterError("corp secret [corpsecret] This field is required.")
        if agentid is None:
            agentid = self._agentid
        elif agentid != self._agentid:
            pace = self._pace_of(agentid)
        if agentid is None:
            raise ParameterError("corp agentid [agentid] This field is required.")
        audience = members(audience, allow_all=self._allow_all)
        messages = app_messages(agentid, audience.addresses, contents, call.timeout if self._drops else None)
        return deliver(app, call, audience, messages, WORDING, warnings, pace)

    def _app_with(self, secret: str) -> WeCom:
        """Return the app of this secret, which is the configured one or came with a call."""
        return WeCom(
            self._services,
            host=self._config.wx_qy_host,
            account=self._config.wx_qy_corpid,
            secret=secret,
            proxy=revealed(self._config.wx_proxy) or None,
            borrowed=secret != self._own_secret,
        )

    def _pace_of(self, agentid: int) -> Pace | None:
        """Return how fast members may be sent to, counted by corporation and app; None if nobody counts."""
        limit = self._config.wx_qy_member_per_minute
        return (
            Pace(self._services.store, f"{self._config.wx_qy_corpid}:{agentid}", limit, MEMBER_WAITS) if limit else None
        )


def app_messages(
    agentid: int, userids: tuple[str, ...], pages: Sequence[Mapping[str, Any]], drops_within: float | None
) -> list[OutboundMessage]:
    """Return these pages for these members: in as many messages as they need.

    WeCom is asked to drop repetitions that are sent within so many seconds; None: it is not.
    """
    common: dict[str, Any] = {"agentid": agentid}
    if drops_within is not None:
        # WeCom compares the whole JSON within the interval. The member client_msg_id, which it ignores, makes two
        # calls two messages even when their text is the same, and the repetitions of one request one message.
        common["enable_duplicate_check"] = 1
        common["duplicate_check_interval"] = min(math.ceil(drops_within + ARRIVING_SECONDS), LONGEST_INTERVAL)
        common["client_msg_id"] = os.urandom(16).hex()
    messages = []
    for start in range(0, len(userids), RECEIVERS_PER_CALL):
        receivers = userids[start : start + RECEIVERS_PER_CALL]
        messages.append(OutboundMessage(receivers, MESSAGE_SEND, pages, common, TO_USER, drops_within is not None))
    return messages


def members(audience: Audience, *, allow_all: bool) -> Audience:
    """Return WeCom's members out of the receivers of a call: taken apart at WeCom's own separator, each once.

    Members are compared without regard to case. What the directory has for one person is one member, or no address.
    ParameterError if nobody is left, or for @all unless it is allowed.
    """
    if len(audience.typed) == 1:
        (address,) = audience.typed
        if _MEMBER.fullmatch(address):
            return audience  # nearly always
    spellings: dict[str, str] = {}
    typed: dict[str, tuple[str, ...]] = {}
    several: list[str] = []
    given, written = set[str](), frozenset(audience.given)
    for address, names in audience.typed.items():
        found = [member for part in address.split("|") if (member := part.strip())]
        if names != (address,) and len(found) != 1 and EVERYBODY not in address.lower():
            several += names
            continue
        for member in found:
            spelling = spellings.setdefault(member.lower(), member)
            called = (member,) if names == (address,) else names
            typed[spelling] = tuple(dict.fromkeys((*typed.get(spelling, ()), *called)))
            if address in written:
                given.add(spelling)
    if several:
        audience = Audience(typed, audience.unknown_users, (*audience.without_contact, *several))
        require_somebody(audience)
    if not typed:
        raise ParameterError("wechat receiver [receiver] This field is required.")
    if EVERYBODY in spellings:
        if not allow_all:
            raise ParameterError(
                "wechat receiver [receiver] @all is not allowed here, unless the operator sets wx_qy_allow_all"
            )
        typed = {EVERYBODY: tuple(name for names in typed.values() for name in names)}
        given = {EVERYBODY}
    return Audience(typed, audience.unknown_users, audience.without_contact, given)
