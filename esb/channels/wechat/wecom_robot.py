"""A WeCom group robot: no token, its key in the URL is the whole credential. WeCom drops no repetitions here."""

from urllib.parse import quote

from esb.channels.account import Read
from esb.channels.pacing import Pace
from esb.channels.verdict import JudgedAnswer
from esb.channels.wechat.account import WeChatAccount
from esb.channels.wechat.wecom import MEMBER_WAITS
from esb.contracts.services import ProcessServices
from esb.core.call import Call
from esb.outgoing.client import Target

WEBHOOK_SEND = "/cgi-bin/webhook/send"
MESSAGES_PER_MINUTE = 20
"""Source: developer.work.weixin.qq.com/document/path/99110."""


class WeComRobot(WeChatAccount):
    """A robot, whose secret is the key of its webhook."""

    platform = "robot"
    system = "wecom_robot"
    interface = "send"
    at_once = 1

    def __init__(self, services: ProcessServices, *, host: str, key: str, proxy: str | None = None) -> None:
        super().__init__(services, host=host, account="robot", secret=key, proxy=proxy)
        self.pace = Pace(services.store, self.key.secret_digest, MESSAGES_PER_MINUTE, MEMBER_WAITS)

    async def _token(self, call: Call) -> str:
        return ""

    async def _ask_token(self, call: Call, target: Target, read: Read) -> JudgedAnswer:
        raise AssertionError("a robot has a key, and no token")

    def _url(self, endpoint: str, token: str) -> str:
        return f"{self._host}{endpoint}?key={quote(self._secret, '')}"
