"""cmsi/send_wecom_robot: a message by a WeCom group robot (群机器人) into its group.

The key of the robot's webhook is its whole credential. WeCom drops no repetitions of robots' messages: when it is not
known whether one arrived, it is not sent again, and the answer says so.
"""

from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from esb import (
    BaseUrl,
    Call,
    Component,
    ConfigModel,
    Label,
    Params,
    Receivers,
    RequiredText,
    SecretUrl,
    Services,
    Text,
    problem,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.message import OutboundMessage
from esb.channels.recipients import addressed
from esb.channels.sending import SendingResult, deliver
from esb.channels.wechat.config import revealed
from esb.channels.wechat.pagination import ROBOT_MARKDOWN_BYTES, markdown_pages, pages
from esb.channels.wechat.wecom_robot import WEBHOOK_SEND, WeComRobot
from esb.channels.wechat.wording import WORDING


class Config(ConfigModel):
    """The robot, and the way to WeCom."""

    webhook_key: SecretStr = Field(description="`key` of the robot's webhook address")
    wx_qy_host: BaseUrl = Field("https://qyapi.weixin.qq.com", description="address of WeCom or of a private proxy")
    wx_proxy: SecretUrl | None = Field(None, description="forward proxy: http://user:password@host:port")


class SendWecomRobotParams(Params):
    """Parameters of cmsi/send_wecom_robot."""

    content: Annotated[RequiredText, Label("message content")] = Field(
        description="the message", examples=["This is a test."]
    )
    msgtype: Annotated[Text, Label("form of the message")] = Field(
        "text", description="text or markdown", json_schema_extra={"enum": ["text", "markdown", "", None]}
    )
    mentioned_list: Receivers = Field((), description="text: user ids to mention; @all mentions everybody")
    mentioned_mobile_list: Receivers = Field((), description="text: mobile numbers to mention")

    @field_validator("msgtype")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if value.lower() not in {"", "text", "markdown"}:
            raise problem("Must be one of {choices}", choices="text, markdown")
        return value.lower() or "text"

    @model_validator(mode="after")
    def _mentions_fit(self) -> Self:
        if self.msgtype == "markdown" and (self.mentioned_list or self.mentioned_mobile_list):
            raise problem("Mentions [mentioned_list, mentioned_mobile_list] need msgtype text; markdown has <@userid>")
        return self


class SendWecomRobot(Component[Config, SendWecomRobotParams]):
    """Sends a message by a WeCom group robot into its group, 20 messages a minute at most."""

    config_type = Config
    params_type = SendWecomRobotParams
    answer_type = Delivered | Previewed
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        key = config.webhook_key.get_secret_value()
        self._robot = WeComRobot(services, host=config.wx_qy_host, key=key, proxy=revealed(config.wx_proxy) or None)

    async def handle(self, call: Call, params: SendWecomRobotParams) -> SendingResult:
        message = OutboundMessage(("robot",), WEBHOOK_SEND, _pages(params), {})
        return await deliver(self._robot, call, addressed(["robot"]), [message], WORDING, pace=self._robot.pace)


def _pages(params: SendWecomRobotParams) -> list[dict[str, Any]]:
    if params.msgtype == "markdown":
        contents = markdown_pages(params.content, ROBOT_MARKDOWN_BYTES)
        return [{"msgtype": "markdown", "markdown": {"content": content}} for content in contents]
    bodies: list[dict[str, Any]] = [{"content": content} for content in pages(params.content)]
    mentions = {"mentioned_list": params.mentioned_list, "mentioned_mobile_list": params.mentioned_mobile_list}
    bodies[0] |= {name: list(people) for name, people in mentions.items() if people}  # once, not on every page
    return [{"msgtype": "text", "text": body} for body in bodies]
