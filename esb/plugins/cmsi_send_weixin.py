"""cmsi/send_weixin: a WeChat message through an official account (公众号) or a WeCom app (企业微信).

Config decides which: `wx_type: qy` (or qywx) needs wx_qy_corpid, and wx_qy_corpsecret with wx_qy_agentid unless every
caller brings its own; `wx_type: mp` needs wx_app_id, wx_secret and wx_template_id.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from esb import (
    Call,
    Component,
    Label,
    ParameterError,
    Params,
    Receivers,
    RequiredDict,
    Services,
    Text,
    Whole,
    problem,
)
from esb.audience import Audience, addressed, looked_up, require_somebody
from esb.wechat import (
    Notice,
    OfficialAccount,
    OfficialAccountConfig,
    WeCom,
    WeComConfig,
    answer,
    deliver,
    members,
    template_messages,
    text_messages,
)


class Config(WeComConfig, OfficialAccountConfig):
    """Which WeChat, and its credential."""

    wx_type: Literal["qy", "qywx", "mp"] = "qy"

    @property
    def is_wecom(self) -> bool:
        return self.wx_type != "mp"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.is_wecom:
            self.require_wecom()
        else:
            self.require_official_account()
        return self


class SendWeixinParams(Params):
    """Parameters of cmsi/send_weixin."""

    receiver: Annotated[Receivers, Label("wechat receiver")] = Field(
        (), description="openids of the official account, or WeCom user ids; separated by commas"
    )
    receiver__username: Receivers = Field(
        (), description="user names, looked up in the directory; receiver wins when both are given"
    )
    data: Annotated[Notice, RequiredDict, Label("message data")] = Field(description="the message")
    wx_qy_agentid: Annotated[Whole, Label("corp agentid", "agentid")] = Field(
        None, description="agentid of a WeCom app"
    )
    wx_qy_corpsecret: Text = Field("", description="secret of that WeCom app", repr=False)
    url: Text = Field("", description="where a tap on an official account's message leads")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.receiver and not self.receiver__username:
            raise problem("WeChat receiver [receiver, receiver__username] shall not be empty at the same time")
        return self


class SendWeixin(Component[Config, SendWeixinParams]):
    """Sends to each receiver once, and tells for each whether the message was accepted."""

    config_type = Config
    params_type = SendWeixinParams

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        self._account: OfficialAccount | WeCom | None
        if config.is_wecom:
            self._account = config.wecom(services.http, services.tokens)
        else:
            self._account = config.official_account(services.http, services.tokens)

    async def handle(self, call: Call, params: SendWeixinParams) -> Any:
        audience = await self._audience(call, params)
        if isinstance(self._account, OfficialAccount):
            account: OfficialAccount | WeCom = self._account
            messages = template_messages(
                audience.addresses, self.config.wx_template_id, params.data.fields(), params.url
            )
        else:
            account, agentid = self._app(params)
            audience = members(audience, allow_all=self.config.wx_qy_allow_all)
            messages = text_messages(audience.addresses, agentid, params.data.lines())
        return answer(account, audience, await deliver(account, call, messages))

    async def _audience(self, call: Call, params: SendWeixinParams) -> Audience:
        if params.receiver:
            return addressed(params.receiver)
        audience = await looked_up(
            self.services.users, call, params.receiver__username, lambda contact: contact.wx_userid
        )
        require_somebody(audience)
        return audience

    def _app(self, params: SendWeixinParams) -> tuple[WeCom, int]:
        """The WeCom app to send with: the caller's own secret and agentid win over the configured ones."""
        app = self._account
        if params.wx_qy_corpsecret:
            app = self.config.wecom(self.services.http, self.services.tokens, params.wx_qy_corpsecret)
        agentid = self.config.wx_qy_agentid if params.wx_qy_agentid is None else params.wx_qy_agentid
        if not isinstance(app, WeCom):
            raise ParameterError("corp secret [corpsecret] This field is required.")
        if agentid is None:
            raise ParameterError("corp agentid [agentid] This field is required.")
        return app, agentid
