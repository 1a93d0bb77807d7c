"""A WeCom (企业微信) app: tokens from qyapi.weixin.qq.com, and messages to up to 1000 members a call."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esb.channels.wechat.account import Account
from esb.channels.wechat.message import Message
from esb.core.call import Call
from esb.outgoing.client import Target

MESSAGE_SEND = "/cgi-bin/message/send"
RECEIVERS_PER_CALL = 1000
"""Source: developer.work.weixin.qq.com/document/path/90236, touser."""
LONGEST_INTERVAL = 4 * 3600
"""Same source, duplicate_check_interval."""


class WeCom(Account):
    """An app of a corporation: its corpid and the app's own secret."""

    platform = "qy"
    system = "weixin_qy"
    interface = "send_message"
    at_once = 4

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        query = urlencode({"corpid": self.key.account, "corpsecret": self._secret})
        return await self._http.json(
            call,
            target,
            "GET",
            f"{self._host}/cgi-bin/gettoken?{query}",
            proxy=self._proxy,
            timeout=self.fetch_seconds,
        )


def app_messages(
    agentid: int, userids: tuple[str, ...], pages: Sequence[Mapping[str, Any]], drops_within: float | None
) -> list[Message]:
    """These pages for these members: in as many messages as they need.

    WeCom is asked to drop repetitions that come within so many seconds; None: it is not.
    """
    common: dict[str, Any] = {"agentid": agentid}
    if drops_within is not None:
        # WeCom compares the whole JSON within the interval. The member client_msg_id, which it ignores, makes two
        # calls two messages even when their text is the same, and the repetitions of one request one message.
        common["enable_duplicate_check"] = 1
        common["duplicate_check_interval"] = min(math.ceil(drops_within) + 1, LONGEST_INTERVAL)
        common["client_msg_id"] = os.urandom(16).hex()
    messages = []
    for start in range(0, len(userids), RECEIVERS_PER_CALL):
        receivers = userids[start : start + RECEIVERS_PER_CALL]
        messages.append(Message(receivers, MESSAGE_SEND, pages, common, deduplicated=drops_within is not None))
    return messages
