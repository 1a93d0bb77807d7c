"""cmsi/send_sms: a text message through Tencent Cloud SMS, or through a service of the operator's own.

Config decides which: `dest_url` is handed the message as JSON, and wins; else the tencent_* keys with `sdk_app_id`,
`template_id` and `sms_sign` (the approved signature, which numbers of mainland China need). Tencent sends approved
templates only: the message is the one parameter of that template.

Source: cloud.tencent.com/document/api/382/55981 (SendSms, version 2021-01-11).
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from esb import (
    Call,
    Component,
    EsbError,
    Label,
    LooseBool,
    Message,
    Params,
    Receivers,
    RequiredText,
    Services,
    UpstreamError,
    either,
    problem,
    template,
)
from esb.channels.answer_schema import Delivered
from esb.channels.base64_param import plain_text
from esb.channels.dest_url import Relay, relay_target, unfinished
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.recipients import Audience, by_address, looked_up, rehearsal, require_somebody
from esb.channels.report import DeliveryReport, PlainWording
from esb.channels.tencent.cloud import SYSTEM, TencentCloud, TencentConfig, attempt, in_doubt, retry_after
from esb.channels.tencent.phone import e164, in_country, is_mainland, parts, typed
from esb.core.single_flight import fan_out

CONTENT = Label("message content", "content")
SEND_SMS = "SendSms"
NUMBERS_PER_CALL = 200
CALLS_AT_ONCE = 4
FAILED = template("SMS message sending failed")
SOME_USERS = template("Some users failed to send sms. {complaint}")
WRONG_NUMBERS = template("User message failed to send. {complaint}, please check")


class Config(TencentConfig):
    """Tencent's keys, and the signature that text messages carry."""

    sms_sign: str = Field("", description="the approved signature, which numbers of mainland China need")


class SendSmsParams(Params):
    """Parameters of cmsi/send_sms."""

    model_config = ConfigDict(json_schema_extra=either("receiver", "receiver__username"))

    receiver: Annotated[Receivers, Label("SMS receiver")] = Field(
        (),
        description="phone numbers of mainland China, or of elsewhere as +country code and number; several are"
        " separated by commas, or form a list",
        examples=["13800000000"],
    )
    receiver__username: Annotated[Receivers, Label("SMS receiver")] = Field(
        (),
        description="names of users who are registered in BlueKing; several are separated by commas, or form a list;"
        " if receiver and receiver__username are both given, receiver counts",
    )
    content: Annotated[RequiredText, CONTENT] = Field(
        description="content of the text message", examples=["This is a test."]
    )
    is_content_base64: Annotated[LooseBool, Label("content is encoded by base64 or not")] = Field(
        False, description="whether content is base64 of UTF-8 text; default False"
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.receiver and not self.receiver__username:
            raise problem("SMS receiver [receiver, receiver__username] shall not be empty at the same time")
        return self


class SendSms(Component[Config, SendSmsParams]):
    """Sends a text message (SMS). The answer tells for each number whether the message was accepted."""

    config_type = Config
    params_type = SendSmsParams
    answer_type = Delivered | Any
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        url, target = config.dest_url.get_secret_value(), relay_target("send_sms")
        self._relay = Relay(services.http, target, url, failed=FAILED, some_users=SOME_USERS)
        self._tencent = TencentCloud(services.http, config, "sms", "2021-01-11")

    async def handle(self, call: Call, params: SendSmsParams) -> Any:
        if not self._relay and (missing := self.config.missing()):
            raise unfinished(missing)
        text = plain_text(params.content, params.is_content_base64, CONTENT)
        audience = await self._audience(call, params)
        if self._relay:
            return await self._relay.send(call, audience, _relayed(audience, text))
        messages = _messages(self.config, audience, text)
        if call.options.dry_run:
            return rehearsal(audience, [(addresses, SEND_SMS, body) for addresses, body in messages])
        outcomes = await fan_out(partial(self._send, call), messages, CALLS_AT_ONCE)
        return DeliveryReport(audience, DeliveryOutcome.joined(outcomes), WORDING)

    async def _audience(self, call: Call, params: SendSmsParams) -> Audience:
        if params.receiver:
            audience = _addressed(params.receiver)
            if not audience.typed:
                raise EsbError(WRONG_NUMBERS, audience.report(), complaint=audience.complaint())
            return audience
        audience = await looked_up(
            self.services.users,
            call,
            params.receiver__username,
            lambda contact: in_country(contact.telephone, contact.country_code),
        )
        require_somebody(audience)
        return audience

    async def _send(self, call: Call, message: tuple[Sequence[str], dict[str, Any]]) -> DeliveryOutcome:
        addresses, body = message
        return await attempt(addresses, partial(self._sent, call, addresses, body))

    async def _sent(self, call: Call, addresses: Sequence[str], body: dict[str, Any]) -> DeliveryOutcome:
        response = await self._tencent.call(call, SEND_SMS, body)
        statuses = response.get("SendStatusSet")
        told = {
            str(status.get("PhoneNumber")).removeprefix("+"): status
            for status in (statuses if isinstance(statuses, list) else ())
            if isinstance(status, dict)
        }
        return DeliveryOutcome.joined([self._status(address, told.get(e164(address)[1:], {})) for address in addresses])

    def _status(self, address: str, status: dict[str, Any]) -> DeliveryOutcome:
        """What Tencent says of one number."""
        code = str(status.get("Code") or "")
        if code.lower() == "ok":
            serial = str(status.get("SerialNo") or "")
            return DeliveryOutcome(accepted=(address,), msgids=(serial,) if serial else ())
        if not code or in_doubt(code):
            error = UpstreamError(SYSTEM, SEND_SMS, "the response does not say what became of every receiver")
            return DeliveryOutcome(unknown=(address,), error=error)
        errcode, errmsg = self._tencent.readable_code(code), self._tencent.readable_text(status.get("Message"))
        return DeliveryOutcome(failed=(Failure(address, errcode, errmsg, retry_after=retry_after(code) or None),))


def _addressed(receivers: Sequence[str]) -> Audience:
    """Numbers as the caller typed them; what is no number cannot be reached, and is told so."""
    found = by_address((typed(receiver), receiver) for receiver in receivers)
    wrong = found.pop("", ())
    return Audience(found, without_contact=wrong)


def _messages(config: Config, audience: Audience, text: str) -> list[tuple[Sequence[str], dict[str, Any]]]:
    """The requests: numbers of the mainland and others apart, as Tencent wants it, and not too many at once."""
    body: dict[str, Any] = {
        "SmsSdkAppId": config.sdk_app_id,
        "TemplateId": config.template_id,
        "TemplateParamSet": [text],
    }
    if config.sms_sign:
        body["SignName"] = config.sms_sign
    groups = [[address for address in audience.addresses if is_mainland(address) is home] for home in (True, False)]
    chunks = [
        group[start : start + NUMBERS_PER_CALL] for group in groups for start in range(0, len(group), NUMBERS_PER_CALL)
    ]
    return [(chunk, {"PhoneNumberSet": [e164(address) for address in chunk], **body}) for chunk in chunks]


def _refused(audience: Audience, outcome: DeliveryOutcome) -> Message:
    errmsg = next((failure.errmsg for failure in outcome.failed if failure.errmsg), "")
    if not errmsg:
        return Message(FAILED)
    return Message("SMS message sending failed, {errmsg}", {"errmsg": errmsg})


WORDING = PlainWording(_refused, SOME_USERS)


def _relayed(audience: Audience, text: str) -> dict[str, Any]:
    """What a relay gets: numbers in the old ESB's form, and the message decoded."""
    receivers = []
    for code, number in map(parts, audience.addresses):
        receivers.append({"telephone": number, "nation_code": code} if code else {"telephone": number})
    return {"receiver": receivers, "content": text, "is_content_base64": False}
