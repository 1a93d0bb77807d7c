"""cmsi/send_qy_weixin: a text through a WeCom app (企业微信). send_weixin does more; old apps call this one."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from esb import (
    Call,
    Check,
    Component,
    Decision,
    Label,
    Params,
    Probes,
    Question,
    RequiredReceivers,
    RequiredText,
    Services,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.pagination import pages
from esb.channels.preflight_message import TEXT, sending
from esb.channels.recipients import address_of, addressed
from esb.channels.sending import SendingResult
from esb.channels.wechat.config import WeComConfig
from esb.channels.wechat.text_limits import TEXT_BYTES
from esb.channels.wechat.wecom import WeComChannel

USERID = address_of("wx_userid")


class Config(WeComConfig):
    """The WeCom app."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.require_wecom()
        if self.wx_qy_corpsecret is None:
            raise ValueError("WeCom needs wx_qy_corpsecret and wx_qy_agentid")
        return self


class SendQyWeixinParams(Params):
    """Parameters of cmsi/send_qy_weixin."""

    receiver: Annotated[RequiredReceivers, Label("wechat receiver")] = Field(
        description="user IDs of WeCom users; several are separated by commas, or form a list", examples=["xxx"]
    )
    content: Annotated[RequiredText, Label("message content")] = Field(
        description="the text", examples=["This is a test."]
    )


class SendQyWeixin(Component[Config, SendQyWeixinParams]):
    """Sends a text through a WeCom app."""

    config_type = Config
    params_type = SendQyWeixinParams
    answer_type = Delivered | Previewed
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        self._channel = WeComChannel(config, services)
        self.repeat_seconds = self._channel.repeat_seconds
        self.recall_seconds = self._channel.recall_seconds

    def checks(self, probes: Probes) -> Sequence[Check]:
        found = self._channel.checks(probes, self.services.users)
        return [*found, *sending(probes, self, USERID, lambda receiver: {"receiver": receiver, "content": TEXT})]

    async def recall(self, call: Call, msgid: str) -> None:
        await self._channel.recall(call, msgid)

    async def explain(self, question: Question) -> Decision | None:
        return await self._channel.explain(question)

    async def handle(self, call: Call, params: SendQyWeixinParams) -> SendingResult:
        contents = [{"msgtype": "text", "text": {"content": page}} for page in pages(params.content, TEXT_BYTES)]
        return await self._channel.send(call, addressed(params.receiver), contents)
