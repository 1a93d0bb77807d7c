"""cmsi/send_voice_msg: a phone call that reads a message out, through Tencent Cloud VMS or a service of the operator's.

Config decides which: `dest_url` is handed the message as JSON, and wins; else the tencent_* keys with `sdk_app_id` and
`template_id`. Tencent reads approved templates only: the message is the one parameter of that template.

Source: cloud.tencent.com/document/api/1128/51558 (SendTtsVoice, version 2020-09-02).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from esb import (
    Call,
    Check,
    Component,
    Dicts,
    Label,
    LooseBool,
    Message,
    Params,
    Probes,
    Receivers,
    RequiredText,
    Services,
    Text,
    either,
    problem,
    template,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.base64_param import plain_text
from esb.channels.delivery_run import still_open
from esb.channels.outcome import DeliveryOutcome, DeliveryReport, PlainWording
from esb.channels.preflight_message import TEXT, TITLE, sending
from esb.channels.recipients import Audience, by_address, looked_up, named_once, require_somebody, united
from esb.channels.tencent.cloud import TencentConfig
from esb.channels.tencent.phone import e164, of_contact, parts, typed
from esb.channels.tencent.sender import Product, TencentRequest, TencentSender, first_reason

CONTENT = Label("auto voice reading info", "auto_read_message")
VMS = Product("vms", "2020-09-02", "SendTtsVoice", at_once=8)
RELAY_FAILED = template("Some users failed to send voice.")
NOBODY = template("All users contact information failed to get, {complaint}")
SOME_USERS = template("Some users failed to send voice. {complaint}")


class UserParams(Params):
    """One item of the parameter `user_list_information`."""

    username: Annotated[RequiredText, Label("person notified")] = Field(
        description="name of the user", examples=["admin"]
    )
    mobile_phone: Annotated[Text, Label("mobile phone of the person notified")] = Field(
        "", description="the user's phone number; the directory's when left out", examples=["13800000000"]
    )

    @model_validator(mode="after")
    def _number(self) -> Self:
        if self.mobile_phone and not typed(self.mobile_phone):
            raise problem("Mobile phone [mobile_phone] of the person notified must be a number")
        return self


class SendVoiceMsgParams(Params):
    """Parameters of cmsi/send_voice_msg."""

    model_config = ConfigDict(json_schema_extra=either("user_list_information", "receiver__username"))

    auto_read_message: Annotated[RequiredText, CONTENT] = Field(
        description="text that is read out", examples=["This is a test."]
    )
    is_content_base64: LooseBool = Field(
        False, description="whether auto_read_message is base64 of UTF-8 text; default False"
    )
    user_list_information: Annotated[tuple[UserParams, ...], Dicts, Label("user list")] = Field(
        (), description="the people to call", examples=[[{"username": "admin", "mobile_phone": "13800000000"}]]
    )
    receiver__username: Annotated[Receivers, Label("BlueKing user list")] = Field(
        (),
        description="names of users who are registered in BlueKing; several are separated by commas, or form a list;"
        " if user_list_information and receiver__username are both given, user_list_information counts",
    )

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.user_list_information and not self.receiver__username:
            raise problem(
                "The parameters [user_list_information and receiver__username] shall not be empty at the same time"
            )
        return self


class SendVoiceMsg(Component[TencentConfig, SendVoiceMsgParams]):
    """Calls people by phone and reads a text out. The answer tells for each number whether the call was taken on."""

    config_type = TencentConfig
    params_type = SendVoiceMsgParams
    answer_type = Delivered | Previewed | Any
    sends = True

    def __init__(self, config: TencentConfig, services: Services) -> None:
        super().__init__(config, services)
        self._sender = TencentSender(services.http, config, VMS, "send_voice_msg", WORDING, RELAY_FAILED)

    def checks(self, probes: Probes) -> Sequence[Check]:
        return [*self._sender.checks(probes), *sending(probes, self, of_contact, _test_message)]

    async def handle(self, call: Call, params: SendVoiceMsgParams) -> Any:
        self._sender.require_configured()
        text = plain_text(params.auto_read_message, params.is_content_base64, CONTENT)
        audience = still_open(call, await self._audience(call, params))
        if self._sender.relays:
            told = named_once(audience, audience.addresses)
            return await self._sender.relay(call, told, _relayed(audience, text))
        report = await self._sender.send(call, audience, _requests(self.config, audience, text), _read)
        return report.by_person() if isinstance(report, DeliveryReport) else report

    async def _audience(self, call: Call, params: SendVoiceMsgParams) -> Audience:
        people = params.user_list_information
        numbered = [(typed(person.mobile_phone), person.username) for person in people if person.mobile_phone]
        usernames = [person.username for person in people if not person.mobile_phone]
        if not people:
            usernames = list(params.receiver__username)
        addresses = by_address(numbered)
        audience = Audience(addresses, given=addresses)
        if usernames:
            known = await looked_up(self.services.users, call, list(dict.fromkeys(usernames)), of_contact)
            audience = united(audience, known)
        require_somebody(audience, NOBODY)
        return audience


def _test_message(receiver: str) -> dict[str, Any]:
    return {"user_list_information": [{"username": TITLE, "mobile_phone": receiver}], "auto_read_message": TEXT}


def _requests(config: TencentConfig, audience: Audience, text: str) -> list[TencentRequest]:
    """Return the requests, one a number."""
    body = {**config.template(text), "VoiceSdkAppid": config.sdk_app_id}
    return [TencentRequest([address], {"CalledNumber": e164(address), **body}) for address in audience.addresses]


def _read(addresses: Sequence[str], response: Mapping[str, Any]) -> DeliveryOutcome:
    status = response.get("SendStatus")
    call_id = str(status.get("CallId") or "") if isinstance(status, dict) else ""
    return DeliveryOutcome(accepted=tuple(addresses), msgids=(call_id,) if call_id else ())


def _refused(audience: Audience, outcome: DeliveryOutcome) -> Message:
    names = ",".join(audience.names([failure.receiver for failure in outcome.failed]))
    errmsg = first_reason(outcome)
    if not errmsg:
        return Message("Some users failed to send voice. {names}", {"names": names})
    return Message("Some users failed to send voice. {names}, {errmsg}", {"names": names, "errmsg": errmsg})


WORDING = PlainWording(_refused, SOME_USERS)


def _relayed(audience: Audience, text: str) -> dict[str, Any]:
    """Return what a relay gets: people in the old ESB's form."""
    people = []
    for address, names in audience.typed.items():
        code, number = parts(address)
        for name in names:
            people.append({"username": name, "mobile_phone": number, "nation_code": code})
    return {"auto_read_message": text, "user_list_information": people}
