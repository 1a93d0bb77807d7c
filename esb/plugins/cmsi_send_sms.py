"""cmsi/send_sms: a text message through Tencent Cloud SMS, or through a service of the operator's own.

Config decides which: `dest_url` is handed the message as JSON, and wins; else the tencent_* keys with `sdk_app_id`,
`template_id` and `sms_sign` (the approved signature, which numbers of mainland China need). Tencent sends approved
templates only: the message is the one parameter of that template.

Source: cloud.tencent.com/document/api/382/55981 (SendSms, version 2021-01-11).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from esb import (
    Call,
    Check,
    Component,
    EsbError,
    Label,
    LooseBool,
    Message,
    Params,
    Probes,
    Reason,
    Receivers,
    RequiredText,
    Services,
    UpstreamError,
    either,
    problem,
    template,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.base64_param import plain_text
from esb.channels.delivery_run import still_open
from esb.channels.outcome import DeliveryOutcome, PlainWording
from esb.channels.preflight_message import TEXT, sending
from esb.channels.recipients import Audience, by_address, looked_up, read_of, require_somebody
from esb.channels.tencent.cloud import SYSTEM, TencentConfig, failure, in_doubt
from esb.channels.tencent.phone import Numbers, e164, is_mainland, of_contact, parts, typed
from esb.channels.tencent.sender import Product, TencentRequest, TencentSender, first_reason
from esb.channels.verdict import advice

CONTENT = Label("message content", "content")
SEND_SMS = "SendSms"
SMS = Product("sms", "2021-01-11", SEND_SMS, at_once=4)
NUMBERS_PER_REQUEST = 200
FAILED = template("SMS message sending failed")
SOME_USERS = template("Some users failed to send sms. {complaint}")
WRONG_NUMBERS = template("User message failed to send. {complaint}, please check")


class Config(TencentConfig):
    """Tencent's keys, and the signature that text messages carry."""

    sms_sign: str = Field("", description="the approved signature, which numbers of mainland China need")


class SendSmsParams(Params):
    """Parameters of cmsi/send_sms."""

    model_config = ConfigDict(json_schema_extra=either("receiver", "receiver__username"))

    receiver: Annotated[Numbers, Label("SMS receiver")] = Field(
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
    answer_type = Delivered | Previewed | Any
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        self._sender = TencentSender(services.http, config, SMS, "send_sms", WORDING, FAILED)

    def checks(self, probes: Probes) -> Sequence[Check]:
        return [*self._sender.checks(probes), *sending(probes, self, of_contact, _test_message)]

    async def handle(self, call: Call, params: SendSmsParams) -> Any:
        self._sender.require_configured()
        text = plain_text(params.content, params.is_content_base64, CONTENT)
        audience = still_open(call, await self._audience(call, params))
        if self._sender.relays:
            return await self._sender.relay(call, audience, _relayed(audience, text))
        return await self._sender.send(call, audience, _requests(self.config, audience, text), self._read)

    async def _audience(self, call: Call, params: SendSmsParams) -> Audience:
        if params.receiver:
            audience = await read_of(_addressed, params.receiver)
            if not audience.typed:
                raise EsbError(
                    WRONG_NUMBERS,
                    audience.report() | advice("receiver"),
                    call_reason=Reason.RECEIVERS,
                    complaint=audience.complaint(),
                )
            return audience
        audience = await looked_up(self.services.users, call, params.receiver__username, of_contact)
        require_somebody(audience)
        return audience

    def _read(self, addresses: Sequence[str], response: Mapping[str, Any]) -> DeliveryOutcome:
        statuses = response.get("SendStatusSet")
        by_number = {
            str(status.get("PhoneNumber")).removeprefix("+"): status
            for status in (statuses if isinstance(statuses, list) else ())
            if isinstance(status, dict)
        }
        return DeliveryOutcome.joined(
            [self._status(address, by_number.get(e164(address)[1:], {})) for address in addresses]
        )

    def _status(self, address: str, status: dict[str, Any]) -> DeliveryOutcome:
        """Return what Tencent says of one number."""
        code = str(status.get("Code") or "")
        if code.lower() == "ok":
            serial = str(status.get("SerialNo") or "")
            return DeliveryOutcome(accepted=(address,), msgids=(serial,) if serial else ())
        if not code or in_doubt(code):
            error = UpstreamError(SYSTEM, SEND_SMS, "the response does not say what became of every receiver")
            return DeliveryOutcome(unknown=(address,), error=error)
        cloud = self._sender.cloud
        errcode, errmsg = cloud.readable_code(code), cloud.readable_text(status.get("Message"))
        return DeliveryOutcome(failed=(failure(address, errcode, errmsg),))


def _addressed(receivers: Sequence[str]) -> Audience:
    """Return the numbers as the caller typed them; what is no number cannot be reached, and is reported so."""
    found = by_address((typed(receiver), receiver) for receiver in receivers)
    wrong = found.pop("", ())
    return Audience(found, without_contact=wrong, given=found)


def _test_message(receiver: str) -> dict[str, Any]:
    return {"receiver": [receiver], "content": TEXT}


def _requests(config: Config, audience: Audience, text: str) -> list[TencentRequest]:
    """Return the requests: numbers of the mainland and others apart, as Tencent wants it, and not too many at once."""
    body: dict[str, Any] = {"SmsSdkAppId": config.sdk_app_id, **config.template(text)}
    if config.sms_sign:
        body["SignName"] = config.sms_sign
    groups = [[address for address in audience.addresses if is_mainland(address) is home] for home in (True, False)]
    chunks = [
        group[start : start + NUMBERS_PER_REQUEST]
        for group in groups
        for start in range(0, len(group), NUMBERS_PER_REQUEST)
    ]
    return [TencentRequest(chunk, {"PhoneNumberSet": [e164(address) for address in chunk], **body}) for chunk in chunks]


def _refused(audience: Audience, outcome: DeliveryOutcome) -> Message:
    errmsg = first_reason(outcome)
    if not errmsg:
        return Message(FAILED)
    return Message("SMS message sending failed, {errmsg}", {"errmsg": errmsg})


WORDING = PlainWording(_refused, SOME_USERS)


def _relayed(audience: Audience, text: str) -> dict[str, Any]:
    """Return what a relay gets: numbers in the old ESB's form, and the message decoded."""
    receivers = []
    for code, number in map(parts, audience.addresses):
        receivers.append({"telephone": number, "nation_code": code})
    return {"receiver": receivers, "content": text, "is_content_base64": False}
