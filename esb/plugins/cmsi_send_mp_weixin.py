"""cmsi/send_mp_weixin: a template message of an official account (公众号). send_weixin does more; old apps call it."""

from collections.abc import Mapping, Sequence
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
    ReceiptAnswer,
    ReceiptRequest,
    RequiredDict,
    RequiredReceivers,
    Services,
    Text,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.preflight_message import TEXT, TITLE, sending
from esb.channels.recipients import address_of, addressed
from esb.channels.sending import SendingResult
from esb.channels.wechat.config import OfficialAccountConfig
from esb.channels.wechat.notice import Notice
from esb.channels.wechat.official_account import OfficialAccountChannel

USERID = address_of("wx_userid")


class Config(OfficialAccountConfig):
    """The official account and its template."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.require_official_account()
        return self


class SendMpWeixinParams(Params):
    """Parameters of cmsi/send_mp_weixin."""

    receiver: Annotated[RequiredReceivers, Label("wechat receiver")] = Field(
        description="openids of users who follow the official account; several are separated by commas, or form a list",
        examples=["xxx"],
    )
    data: Annotated[Notice, RequiredDict, Label("message data")] = Field(description="content of the message")
    url: Text = Field("", description="where a tap on the message leads, if data holds no url")


class SendMpWeixin(Component[Config, SendMpWeixinParams]):
    """Sends a template message of an official account."""

    config_type = Config
    params_type = SendMpWeixinParams
    answer_type = Delivered | Previewed
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        self._channel = OfficialAccountChannel(config, services)
        self.repeat_seconds = self._channel.repeat_seconds
        self.takes_receipts = self._channel.takes_receipts

    def worker_hazards(self) -> Mapping[str, str]:
        return self.config.worker_hazards()

    def checks(self, probes: Probes) -> Sequence[Check]:
        data = {"heading": TITLE, "message": TEXT}
        test = sending(probes, self, USERID, lambda receiver: {"receiver": receiver, "data": data})
        return self._channel.checks(probes, test)

    async def receipts(self, request: ReceiptRequest) -> ReceiptAnswer:
        return self._channel.receipts(request)

    async def explain(self, question: Question) -> Decision | None:
        return await self._channel.explain(question)

    async def handle(self, call: Call, params: SendMpWeixinParams) -> SendingResult:
        return await self._channel.send(call, addressed(params.receiver), params.data, params.url)
