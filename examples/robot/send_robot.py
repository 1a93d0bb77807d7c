"""chat/send_robot: a text to a WeCom group, through the group's robot."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import SecretStr

from esb import Call, ConfigModel, Draft, Label, Limits, Params, Rejected, RequiredText, Sender, Target

SEND = Target("wecom_robot", "send", sends=True)
TOO_MANY = 45009


class Config(ConfigModel):
    """The robot's key, and where WeCom is."""

    key: SecretStr
    host: str = "https://qyapi.weixin.qq.com"


class SendRobotParams(Params):
    """Parameters of chat/send_robot."""

    content: Annotated[RequiredText, Label("message content")]


class SendRobot(Sender[Config, SendRobotParams]):
    """Sends the text, in several messages if it is long."""

    limits = Limits(per_minute=20, penalty_seconds=60, max_bytes=2048)

    def messages(self, call: Call, params: SendRobotParams) -> Iterable[Draft]:
        for page in self.limits.pages(params.content):
            yield Draft(["group"], {"msgtype": "text", "text": {"content": page}})

    async def deliver(self, call: Call, message: Draft) -> None:
        url = f"{self.config.host}/cgi-bin/webhook/send?key={self.config.key.get_secret_value()}"
        answer = await self.services.http.json(call, SEND, "POST", url, body=message.body)
        if (code := answer.get("errcode")) != 0:
            raise Rejected(code, answer.get("errmsg", ""), "quota" if code == TOO_MANY else "message")
