"""chat/send_robot: a text to a WeCom group, through the group's robot."""

from typing import Annotated, Any

from pydantic import SecretStr

from esb import Call, Component, ConfigModel, EsbError, Label, Params, RequiredText, Target

SEND = Target("wecom_robot", "send")


class Config(ConfigModel):
    """The robot's key, and where WeCom is."""

    key: SecretStr
    host: str = "https://qyapi.weixin.qq.com"


class SendRobotParams(Params):
    """Parameters of chat/send_robot."""

    content: Annotated[RequiredText, Label("message content")]


class SendRobot(Component[Config, SendRobotParams]):
    """Sends the text once."""

    config_type = Config
    params_type = SendRobotParams

    async def handle(self, call: Call, params: SendRobotParams) -> Any:
        url = f"{self.config.host}/cgi-bin/webhook/send?key={self.config.key.get_secret_value()}"
        message = {"msgtype": "text", "text": {"content": params.content}}
        answer = await self.services.http.json(call, SEND, "POST", url, body=message)
        if answer.get("errcode") != 0:
            data = {"errcode": answer.get("errcode"), "errmsg": answer.get("errmsg")}
            raise EsbError("robot message sending failed, {errmsg}", data, errmsg=data["errmsg"])
        return None
