"""cmsi/send_weixin: a WeChat message through an official account (公众号) or a WeCom app (企业微信).

Config decides which: `wx_type: qy` (or qywx) needs wx_qy_corpid, and wx_qy_corpsecret with wx_qy_agentid unless every
caller brings its own; `wx_type: mp` needs wx_app_id, wx_secret and wx_template_id.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from esb import (
    Call,
    Check,
    Component,
    Decision,
    Label,
    LooseBool,
    Message,
    ParameterError,
    Params,
    Probes,
    Question,
    ReceiptAnswer,
    ReceiptRequest,
    Receivers,
    RequiredDict,
    Services,
    Text,
    Whole,
    either,
    problem,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.preflight_message import TEXT, TITLE, sending
from esb.channels.recipients import address_of, addressed, looked_up, require_somebody
from esb.channels.sending import SendingResult
from esb.channels.wechat.config import OfficialAccountConfig, WeComConfig
from esb.channels.wechat.media import KINDS
from esb.channels.wechat.notice import Notice, dated
from esb.channels.wechat.official_account import OfficialAccountChannel
from esb.channels.wechat.wecom import EVERYBODY, WeComChannel
from esb.channels.wechat.wecom_groups import grouped

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

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                *either("receiver", "receiver__username", "toparty", "totag")["anyOf"],
                {"required": ["chatid"], "properties": {"chatid": {"type": "string", "pattern": r"[^\s]"}}},
                {"required": ["to_all"], "properties": {"to_all": {"const": True}}},
            ]
        }
    )

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
    toparty: Annotated[Receivers, Label("department")] = Field(
        (), description="WeCom: ids of departments whose members get the message too; written as receiver is"
    )
    totag: Annotated[Receivers, Label("tag")] = Field(
        (), description="WeCom: ids of tags whose members get the message too; written as receiver is"
    )
    to_all: LooseBool = Field(
        False, description="WeCom: whether everybody gets the message, which the operator has to allow"
    )
    chatid: Annotated[Text, Label("group chat")] = Field(
        "", description="WeCom: id of a group chat that the app has made; it gets the message instead of receivers"
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        named = self.receiver or self.receiver__username or self.toparty or self.totag or self.to_all
        if self.chatid and named:
            raise problem("Group chat [chatid] must be the only receiver")
        if not named and not self.chatid:
            raise problem("WeChat receiver [receiver, receiver__username] shall not be empty at the same time")
        return self

    def require_followers(self) -> None:
        """Refuse receivers that no official account has."""
        for name in ("toparty", "totag", "to_all", "chatid"):
            if getattr(self, name):
                raise ParameterError("{name} [{name}] needs WeCom, this is an official account", name=name)

    def unused(self) -> list[dict[str, Any]]:
        """Return a warning for each given parameter that chooses a WeCom app: an official account has no use for it."""
        what = Message("it needs WeCom, this is an official account")
        chosen = {"wx_qy_agentid": self.wx_qy_agentid is not None, "wx_qy_corpsecret": self.wx_qy_corpsecret}
        return [{"field": name, "what": what} for name, is_given in chosen.items() if is_given]


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
        self.repeat_seconds = self._channel.repeat_seconds
        self.recall_seconds = self._channel.recall_seconds
        self.takes_receipts = self._channel.takes_receipts

    def worker_hazards(self) -> Mapping[str, str]:
        return self.config.worker_hazards() if self.config.wx_type == "mp" else {}

    def checks(self, probes: Probes) -> Sequence[Check]:
        channel, data = self._channel, {"heading": TITLE, "message": TEXT}
        test = sending(probes, self, USERID, lambda receiver: {"receiver": receiver, "data": data})
        if isinstance(channel, OfficialAccountChannel):
            return channel.checks(probes, test)
        return [*channel.checks(probes, self.services.users), *test]

    async def recall(self, call: Call, msgid: str) -> None:
        if isinstance(self._channel, OfficialAccountChannel):
            return await super().recall(call, msgid)
        await self._channel.recall(call, msgid)

    async def receipts(self, request: ReceiptRequest) -> ReceiptAnswer:
        if isinstance(self._channel, WeComChannel):
            return await super().receipts(request)
        return self._channel.receipts(request)

    async def explain(self, question: Question) -> Decision | None:
        return await self._channel.explain(question)

    async def handle(self, call: Call, params: SendWeixinParams) -> SendingResult:
        channel, data, secret = self._channel, params.data, params.wx_qy_corpsecret
        groups = grouped(params.toparty, params.totag) if params.toparty or params.totag else None
        receivers = (*params.receiver, EVERYBODY) if params.to_all else params.receiver
        if receivers or not params.receiver__username:
            audience = addressed(receivers)
        else:
            audience = await looked_up(self.services.users, call, params.receiver__username, USERID)
            if groups is None:
                require_somebody(audience)
        if isinstance(channel, OfficialAccountChannel):
            params.require_followers()
            return await channel.send(call, audience, data, params.url, params.unused())
        if call.options.run is not None:
            data = dated(call, data, self.services.timezone)
        contents, warnings = data.contents(params.url, self.services.timezone)
        file = await data.media() if data.msgtype in KINDS else None
        if params.chatid:
            return await channel.send_to_chat(
                call, params.chatid, contents, warnings, file=file, agentid=params.wx_qy_agentid, secret=secret
            )
        return await channel.send(
            call, audience, contents, warnings, groups=groups, file=file, agentid=params.wx_qy_agentid, secret=secret
        )
