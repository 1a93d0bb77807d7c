"""A WeCom (企业微信) app: tokens from qyapi.weixin.qq.com, and text messages to up to 1000 members a call."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from esb.call import Call
from esb.outgoing import Target
from esb.wechat.account import Account
from esb.wechat.errcodes import WECOM_REFUSED
from esb.wechat.message import Message, Pages
from esb.wechat.text import pages

MESSAGE_SEND = "/cgi-bin/message/send"
RECEIVERS_PER_CALL = 1000
"""Source: developer.work.weixin.qq.com/document/path/90236, touser."""
TEXT_BYTES = 2048
"""Longer text is cut by WeCom; same source, text.content."""


class WeCom(Account):
    """An app of a corporation: its corpid and the app's own secret."""

    platform = "qy"
    system = "weixin_qy"
    interface = "send_message"
    refused = WECOM_REFUSED
    at_once = 4

    async def _ask_token(self, call: Call, target: Target) -> dict[str, Any]:
        query = urlencode({"corpid": self.key.account, "corpsecret": self._secret})
        return await self._http.json(call, target, "GET", f"{self._host}/cgi-bin/gettoken?{query}", proxy=self._proxy)


def text_messages(userids: Sequence[str], agentid: int, text: str) -> list[Pages]:
    """A text for these members, in as many calls as they need and as many numbered pages as the text needs."""
    bodies = [
        {"msgtype": "text", "agentid": agentid, "text": {"content": content}} for content in pages(text, TEXT_BYTES)
    ]
    return [
        tuple(Message(tuple(userids[start : start + RECEIVERS_PER_CALL]), MESSAGE_SEND, body) for body in bodies)
        for start in range(0, len(userids), RECEIVERS_PER_CALL)
    ]
