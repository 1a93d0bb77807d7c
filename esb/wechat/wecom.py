"""A WeCom (企业微信) app: tokens from qyapi.weixin.qq.com, and messages to up to 1000 members a call."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from esb.call import Call
from esb.outgoing import Target
from esb.wechat.account import Account
from esb.wechat.message import Message, Pages

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


@dataclass(frozen=True, slots=True)
class Post:
    """What the messages of one call have in common: the app, and whether WeCom is asked to drop repetitions."""

    agentid: int
    duplicate_check: bool
    timeout: float

    def messages(self, userids: Sequence[str], contents: Sequence[Mapping[str, Any]]) -> list[Pages]:
        """The contents, one after another, for these members: in as many calls as they need."""
        common: dict[str, Any] = {"agentid": self.agentid}
        if self.duplicate_check:
            # WeCom compares the whole JSON within the interval. The member client_msg_id, which it ignores, makes two
            # calls two messages even when their text is the same, and the repetitions of one request one message.
            common |= {
                "enable_duplicate_check": 1,
                "duplicate_check_interval": min(math.ceil(self.timeout) + 1, LONGEST_INTERVAL),
                "client_msg_id": os.urandom(16).hex(),
            }
        bodies = [{**content, **common} for content in contents]
        return [
            tuple(
                Message(
                    tuple(userids[start : start + RECEIVERS_PER_CALL]),
                    MESSAGE_SEND,
                    body,
                    deduplicated=self.duplicate_check,
                )
                for body in bodies
            )
            for start in range(0, len(userids), RECEIVERS_PER_CALL)
        ]
