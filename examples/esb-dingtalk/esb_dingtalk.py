"""use: dingtalk_robot: a text to a DingTalk group, through the group's robot."""

import base64
import hashlib
import hmac
from typing import Annotated
from urllib.parse import quote_plus

from pydantic import SecretStr

from esb import Call, ConfigModel, Draft, Label, Limits, Params, Receivers, Rejected, RequiredText, Sender, Target

SEND = Target("dingtalk", "robot/send", sends=True)
TOO_MANY = 130101


class Config(ConfigModel):
    """The robot's access token and signing secret, as DingTalk shows them where the robot is made."""

    access_token: SecretStr
    secret: SecretStr
    host: str = "https://oapi.dingtalk.com"


class DingTalkRobotParams(Params):
    """What callers send."""

    content: Annotated[RequiredText, Label("message content")]
    at_mobiles: Annotated[Receivers, Label("mobile numbers to mention")] = ()
    at_all: bool = False


class DingTalkRobot(Sender[Config, DingTalkRobotParams]):
    """A robot may send 20 messages a minute; whoever is faster is refused for ten. So it stays a little below."""

    limits = Limits(per_minute=18, penalty_seconds=600, max_bytes=20_000)

    def messages(self, call: Call, params: DingTalkRobotParams) -> list[Draft]:
        at = {"atMobiles": list(params.at_mobiles), "isAtAll": params.at_all}
        return [Draft(["group"], {"msgtype": "text", "text": {"content": params.content}, "at": at})]

    async def deliver(self, call: Call, message: Draft) -> None:
        answer = await self.services.http.json(call, SEND, "POST", self._url(), body=message.body)
        code = answer.get("errcode")
        if code != 0:
            raise Rejected(code, answer.get("errmsg", ""), "quota" if code == TOO_MANY else "message")

    def _url(self) -> str:
        """Return the address, signed anew for each message: DingTalk takes a signature for an hour."""
        timestamp, secret = str(round(self.services.clock.since_1970() * 1000)), self.config.secret.get_secret_value()
        digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
        token, sign = quote_plus(self.config.access_token.get_secret_value()), quote_plus(base64.b64encode(digest))
        return f"{self.config.host}/robot/send?access_token={token}&timestamp={timestamp}&sign={sign}"
