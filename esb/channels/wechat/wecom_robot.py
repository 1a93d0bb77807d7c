"""A WeCom group robot: no token, its key in the URL is the whole credential. WeCom drops no repetitions here."""

from urllib.parse import quote

from esb.channels.wechat.account import Account
from esb.core.call import Call

WEBHOOK_SEND = "/cgi-bin/webhook/send"
MESSAGES_PER_MINUTE = 20
"""Source: developer.work.weixin.qq.com/document/path/99110."""


class Robot(Account):
    """`secret` is the key of the webhook."""

    platform = "robot"
    system = "wecom_robot"
    interface = "send"
    at_once = 1

    async def _token(self, call: Call) -> str:
        return ""

    def _url(self, endpoint: str, token: str) -> str:
        return f"{self._host}{endpoint}?key={quote(self._secret, '')}"
