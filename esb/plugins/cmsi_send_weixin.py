"""cmsi/send_weixin: a WeChat message through an official account (公众号) or a WeCom app (企业微信).

Config decides which: `wx_type: qy` (or qywx) needs wx_qy_corpid, and wx_qy_corpsecret with wx_qy_agentid unless every
caller brings its own; `wx_type: mp` needs wx_app_id, wx_secret and wx_template_id.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from esb import Call, Component, Label, Params, Receivers, RequiredDict, Services, Text, Whole, either, problem
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.recipients import address_of, addressed, looked_up, require_somebody
from esb.channels.sending import SendingResult
from esb.channels.wechat.config import OfficialAccountConfig, WeComConfig
from esb.channels.wechat.notice import Notice
from esb.channels.wechat.official_account import OfficialAccountChannel
from esb.channels.wechat.wecom import WeComChannel

USERID = address_of("wx_userid")


class Config(WeComConfig, OfficialAccountConfig):
    """Which WeChat, and its credential."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["wx_type"], "properties": {"wx_type": {"const": "mp"}}},
            "then": {"required": ["wx_app_id", "wx_secret", "wx_template_id"]},
            "else": {"required": ["wx_qy_corpid"]},
        }
    )

    wx_type: Literal["qy", "qywx", "mp"] = Field(
        "qy", description="qy (or qywx): WeCom; mp: official account", examples=["qy"]
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.wx_type == "mp":
            self.require_official_account()
        else:
            self.require_wecom()
        return self


class SendWeixinParams(Params):
    """Parameters of cmsi/send_weixin."""

    model_config = ConfigDict(json_schema_extra=either("receiver", "receiver__username"))

    receiver: Annotated[Receivers, Label("wechat receiver")] = Field(
        (),
        description="WeChat receivers: openids of users who follow the configured official account, or user IDs of"
        " WeCom users; several are separated by commas, or form a list",
        examples=["xxx"],
    )
    receiver__username: Receivers = Field(
        (),
        description="WeChat receivers: names of users who are registered in BlueKing; several are separated by commas,"
        " or form a list; if receiver and receiver__username are both given, receiver counts",
    )
    data: Annotated[Notice, RequiredDict, Label("message data")] = Field(description="content of the message")
    wx_qy_agentid: Annotated[Whole, Label("corp agentid", "agentid")] = Field(
        None, description="agentid of the WeChat app"
    )
    wx_qy_corpsecret: Text = Field("", description="secret of the WeChat app", repr=False)
    url: Text = Field("", description="where a tap on the message leads, if data holds no url")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.receiver and not self.receiver__username:
            raise problem("WeChat receiver [receiver, receiver__username] shall not be empty at the same time")
        return self


class SendWeixin(Component[Config, SendWeixinParams]):
    """Sends a WeChat message, through an official account or WeCom (formerly the enterprise account).

    To each receiver once; the answer tells for each whether the message was accepted.
    """

    config_type = Config
    params_type = SendWeixinParams
    answer_type = Delivered | Previewed
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        self._channel: OfficialAccountChannel | WeComChannel = (
            OfficialAccountChannel(config, services) if config.wx_type == "mp" else WeComChannel(config, services)
        )

    def worker_hazards(self) -> Mapping[str, str]:
        return self.config.worker_hazards() if self.config.wx_type == "mp" else {}

    async def handle(self, call: Call, params: SendWeixinParams) -> SendingResult:
        if params.receiver:
            audience = addressed(params.receiver)
        else:
            audience = await looked_up(self.services.users, call, params.receiver__username, USERID)
            require_somebody(audience)
        if isinstance(self._channel, OfficialAccountChannel):
            return await self._channel.send(call, audience, params.data, params.url)
        contents, warnings = params.data.contents(params.url, self.services.timezone)
        return await self._channel.send(
            call, audience, contents, warnings, agentid=params.wx_qy_agentid, secret=params.wx_qy_corpsecret
        )
