"""use: dingtalk_robot: a text to a DingTalk group, through the group's robot."""

import base64
import hashlib
import hmac
from typing import Annotated, Any
from urllib.parse import quote_plus

from pydantic import SecretStr

from esb import (
    Call,
    Component,
    ConfigModel,
    EsbError,
    Label,
    Limited,
    LooseBool,
    Params,
    Receivers,
    RequiredText,
    Target,
)

SEND = Target("dingtalk", "robot/send", sends=True)
TOO_MANY = 130101
"""A robot may send 20 messages a minute; then DingTalk refuses for up to ten."""
TOO_MANY_SECONDS = 600.0


class Config(ConfigModel):
    """The robot's access token and signing secret, as DingTalk shows them where the robot is made."""

    access_token: SecretStr
    secret: SecretStr
    host: str = "https://oapi.dingtalk.com"


class DingTalkRobotParams(Params):
    """What callers send."""

    content: Annotated[RequiredText, Label("message content")]
    at_mobiles: Annotated[Receivers, Label("mobile numbers to mention")] = ()
    at_all: Annotated[LooseBool, Label("whether to mention everybody")] = False


class DingTalkRobot(Component[Config, DingTalkRobotParams]):
    """Sends the text once: DingTalk has no way to tell a repetition."""

    config_type = Config
    params_type = DingTalkRobotParams
    sends = True

    async def handle(self, call: Call, params: DingTalkRobotParams) -> Any:
        message = {
            "msgtype": "text",
            "text": {"content": params.content},
            "at": {"atMobiles": list(params.at_mobiles), "isAtAll": params.at_all},
        }
        if call.options.dry_run:
            return {"dry_run": True, "message": message}
        answer = await self.services.http.json(call, SEND, "POST", self._url(), body=message)
        if answer.get("errcode") != 0:
            raise _refusal(answer.get("errcode"), str(answer.get("errmsg", "")))
        return None

    def _url(self) -> str:
        """Signed anew for each message: DingTalk takes a signature for an hour."""
        timestamp = str(round(self.services.clock.since_1970() * 1000))
        sign = quote_plus(signature(timestamp, self.config.secret.get_secret_value()))
        token = quote_plus(self.config.access_token.get_secret_value())
        return f"{self.config.host}/robot/send?access_token={token}&timestamp={timestamp}&sign={sign}"


def signature(timestamp: str, secret: str) -> str:
    """HMAC-SHA256 over timestamp and secret, keyed with the secret, in base64."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _refusal(code: Any, text: str) -> EsbError:
    data = {"errcode": code, "errmsg": text}
    if code == TOO_MANY:
        return Limited(
            "robot message sending failed, {errmsg}",
            TOO_MANY_SECONDS,
            {**data, "retry_after": TOO_MANY_SECONDS},
            errmsg=text,
        )
    return EsbError("robot message sending failed, {errmsg}", data, errmsg=text)
