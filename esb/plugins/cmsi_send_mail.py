"""cmsi/send_mail: a mail through an SMTP server, or through a service of the operator's own.

Config decides which: `dest_url` is handed the message as JSON, and wins; `smtp_host` is an SMTP server, with
`smtp_usessl` (TLS from the first byte) or `smtp_usetls` (STARTTLS), and `smtp_user` with `smtp_pwd` if it wants them.
`mail_sender` is who sends when the caller does not say. With neither, calls are told what is missing.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from esb import (
    Call,
    Check,
    Component,
    ConfigModel,
    Label,
    LooseBool,
    Message,
    ParameterError,
    Params,
    Probes,
    Receivers,
    RequiredText,
    SecretUrl,
    Services,
    Text,
    either,
    problem,
    template,
)
from esb.channels.answer_schema import Delivered, Previewed
from esb.channels.base64_param import plain_text
from esb.channels.delivery_run import repetition_id, still_open
from esb.channels.dest_url import Relay, relay_target, unfinished
from esb.channels.mail.address import Mailbox, ascii_domain, mailbox, one_line
from esb.channels.mail.attachment import Attachments
from esb.channels.mail.mime import HTML, PLAIN, Attachment, Mail, composed, preview
from esb.channels.mail.recipients import Mailboxes, mail_audience, named_mailboxes, of_contact
from esb.channels.mail.smtp_server import Encryption, SmtpHost, SmtpServer
from esb.channels.mail.smtp_transaction import RECEIVERS_AT_ONCE
from esb.channels.outcome import DeliveryOutcome, DeliveryReport, PlainWording
from esb.channels.preflight_message import TEXT, TITLE, sending
from esb.channels.recipients import Audience, Rehearsal, looked_up, read_of, require_somebody, respelled, united
from esb.channels.verdict import Kind

CONTENT = Label("email content", "content")
SMTP = "SMTP"
FAILED = template("Failed to send mail")
SOME_USERS = template("Some users failed to send email. {complaint}")


class Config(ConfigModel):
    """Key names as operators of the old ESB know them. `smtp_port` is 25, or 465 with smtp_usessl."""

    smtp_host: SmtpHost = Field("", description="the SMTP server")
    smtp_port: int | None = Field(None, ge=1, le=65535, description="its port; 25, or 465 with smtp_usessl")
    smtp_user: str = Field("", description="user of the SMTP server, if it wants one")
    smtp_pwd: SecretStr = Field(SecretStr(""), description="password of that user")
    smtp_usessl: bool = Field(False, description="TLS from the first byte")
    smtp_usetls: bool = Field(False, description="STARTTLS")
    smtp_ca: str | None = Field(
        None, description="certificates to trust instead of the system's, for a server with a private CA: a PEM file"
    )
    smtp_helo: str = Field(
        "", description="name by which the gateway greets the server; the domain of the mail's sender when left out"
    )
    smtp_recipients_per_mail: int = Field(
        RECEIVERS_AT_ONCE,
        ge=1,
        description="receivers of one mail to the server; more get further copies of it",
    )
    mail_sender: str = Field("", description="who sends when the caller does not say")
    dest_url: SecretUrl = Field(
        SecretStr(""), description="a service of your own that is handed the message as JSON, and wins"
    )

    @property
    def encryption(self) -> Encryption:
        return "tls" if self.smtp_usessl else "starttls" if self.smtp_usetls else "none"

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.smtp_usessl and self.smtp_usetls:
            raise ValueError("smtp_usessl and smtp_usetls are two ways to encrypt: set one of them")
        if bool(self.smtp_user) != bool(self.smtp_pwd):
            raise ValueError("smtp_user and smtp_pwd belong together: set both, or neither")
        if self.smtp_helo and ascii_domain(self.smtp_helo) != self.smtp_helo:
            raise ValueError("smtp_helo must be a host name in ASCII, such as esb.example.com")
        self._check_ca()
        by_smtp = self.smtp_host and not self.dest_url
        if by_smtp and self.mail_sender and mailbox(self.mail_sender) is None:
            raise ValueError("mail_sender must be an address, such as esb@example.com or ESB <esb@example.com>")
        return self

    def _check_ca(self) -> None:
        """ValueError if there is a file of authorities that cannot be used, or has no use."""
        if self.smtp_ca is None:
            return
        if self.encryption == "none":
            raise ValueError("smtp_ca needs smtp_usessl or smtp_usetls: without them nothing is encrypted")
        try:
            ssl.create_default_context(cafile=self.smtp_ca)
        except (OSError, ValueError) as error:
            raise ValueError(f"smtp_ca cannot be used for TLS: {type(error).__name__}") from None


class SendMailParams(Params):
    """Parameters of cmsi/send_mail."""

    model_config = ConfigDict(json_schema_extra=either("receiver", "receiver__username"))

    sender: Annotated[Text, AfterValidator(one_line), Label("sender")] = Field(
        "", description="sender of the mail; the configured one when left out"
    )
    receiver: Annotated[Mailboxes, Label("email recipients")] = Field(
        (),
        description="mail addresses of the receivers; several are separated by commas, or form a list; Name <address>"
        " is one, too",
        examples=["test@example.com"],
    )
    receiver__username: Annotated[Receivers, Label("email recipients")] = Field(
        (),
        description="names of users who are registered in BlueKing; several are separated by commas, or form a list;"
        " if receiver and receiver__username are both given, receiver counts",
    )
    cc: Annotated[Mailboxes, Label("CC")] = Field(
        (), description="mail addresses that get a copy; several are separated by commas, or form a list"
    )
    cc__username: Annotated[Receivers, Label("CC")] = Field(
        (), description="names of users who get a copy; if cc and cc__username are both given, cc counts"
    )
    title: Annotated[RequiredText, AfterValidator(one_line), Label("email subject")] = Field(
        description="subject of the mail", examples=["blueking alarm"]
    )
    content: Annotated[RequiredText, CONTENT] = Field(
        description="content of the mail", repr=False, examples=["<html>This is a test.</html>"]
    )
    is_content_base64: Annotated[LooseBool, Label("content is encoded by base64 or not")] = Field(
        False, description="whether content is base64 of UTF-8 text; default False"
    )
    body_format: Annotated[Text, Label("email format")] = Field(
        HTML, description="format of the mail: Html (default) or Text, in any case of letters"
    )

    attachments: Annotated[Attachments, Label("attachments")] = Field((), description="attachments of the mail")

    @field_validator("body_format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        formats = {"": HTML, "html": HTML, "text": PLAIN}
        if value.lower() not in formats:
            raise problem("Must be one of {choices}", choices=f"{HTML}, {PLAIN}")
        return formats[value.lower()]

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.receiver and not self.receiver__username:
            raise problem("Receiver [receiver, receiver__username] shall not be empty at the same time")
        return self

    def files(self) -> tuple[Attachment, ...]:
        return tuple(attachment.attachment() for attachment in self.attachments)


class SendMail(Component[Config, SendMailParams]):
    """Sends a mail. The answer tells for each receiver whether the mail server took it."""

    config_type = Config
    params_type = SendMailParams
    answer_type = Delivered | Previewed | Any
    sends = True

    def __init__(self, config: Config, services: Services) -> None:
        super().__init__(config, services)
        url, target = config.dest_url.get_secret_value(), relay_target("send_mail")
        self._relay = Relay(services.http, target, url, failed=FAILED, some_users=SOME_USERS)
        self._server = SmtpServer(
            services.http,
            host=config.smtp_host,
            port=config.smtp_port or (465 if config.smtp_usessl else 25),
            user=config.smtp_user,
            password=config.smtp_pwd.get_secret_value(),
            encryption=config.encryption,
            helo=config.smtp_helo,
            ca=config.smtp_ca,
            recipients_per_mail=config.smtp_recipients_per_mail,
        )

    def checks(self, probes: Probes) -> Sequence[Check]:
        way = self._relay.checks(probes) if self._relay else self._server.checks(probes, self.config.mail_sender)
        mail = {"title": TITLE, "content": TEXT, "body_format": PLAIN}
        return [*way, *sending(probes, self, of_contact, lambda receiver: {"receiver": [receiver], **mail})]

    async def handle(self, call: Call, params: SendMailParams) -> Any:
        if not self._relay and not self.config.smtp_host:
            raise unfinished(["smtp_host"])
        content = plain_text(params.content, params.is_content_base64, CONTENT)
        files = await asyncio.to_thread(params.files) if params.attachments else ()
        spellings: dict[str, str] = {}
        receivers = respelled(await self._audience(call, params.receiver, params.receiver__username), spellings)
        require_somebody(receivers)
        copies = respelled(await self._audience(call, params.cc, params.cc__username), spellings)
        audience = united(receivers, copies)
        open_ = still_open(call, audience)
        if self._relay:
            receivers, copies = still_open(call, receivers), still_open(call, copies)
            message = _relayed(params, params.sender or self.config.mail_sender, content, receivers, copies)
            return await self._relay.send(call, open_, message)
        named = await read_of(named_mailboxes, [*params.receiver, *params.cc])
        mail = self._mail(call, params, content, files, receivers, copies, named)
        if call.options.dry_run:
            return Rehearsal(audience, [(audience.addresses, SMTP, preview(mail))])
        sender_kind: Kind = "message" if params.sender else "config"
        return DeliveryReport(open_, await self._send(call, mail, open_, sender_kind), WORDING)

    def _mail(
        self,
        call: Call,
        params: SendMailParams,
        content: str,
        files: tuple[Attachment, ...],
        receivers: Audience,
        copies: Audience,
        named: Mapping[str, Mailbox],
    ) -> Mail:
        return Mail(
            sender=self._sender(params),
            receivers=tuple(named.get(address, Mailbox(address)) for address in receivers.addresses),
            copies=tuple(named.get(address, Mailbox(address)) for address in copies.addresses),
            title=params.title,
            content=content,
            is_html=params.body_format == HTML,
            attachments=files,
            zone=self.services.timezone,
            written_at=None if call.options.run is None else call.options.run.accepted_at,
            known_as=repetition_id(call),
        )

    async def _send(self, call: Call, mail: Mail, audience: Audience, sender_kind: Kind) -> DeliveryOutcome:
        if not audience.typed:  # all have it: an attempt of a delivery that has others to send to
            return DeliveryOutcome()
        made = await composed(mail)
        return await self._server.send(call, mail.sender.address, audience.addresses, made, sender_kind)

    async def _audience(self, call: Call, typed: Sequence[str], usernames: Sequence[str]) -> Audience:
        if typed:
            return await read_of(mail_audience, typed)
        if not usernames:
            return Audience({})
        return await looked_up(self.services.users, call, usernames, of_contact)

    def _sender(self, params: SendMailParams) -> Mailbox:
        if not (sender := params.sender or self.config.mail_sender):
            raise ParameterError("sender [sender] This field is required.")
        if (box := mailbox(sender)) is None:
            raise ParameterError("sender [sender] Enter a valid email address.")
        return box


def _refused(audience: Audience, outcome: DeliveryOutcome) -> Message:
    refused = ",".join(audience.names([failure.receiver for failure in outcome.failed]))
    return Message("Failed to send mail, refused receiver: {refused}", {"refused": refused})


WORDING = PlainWording(_refused, SOME_USERS)


def _relayed(
    params: SendMailParams, sender: str, content: str, receivers: Audience, copies: Audience
) -> dict[str, Any]:
    """Return what a relay gets: the component's own parameters, user names resolved and content decoded."""
    return {
        "sender": sender,
        "receiver": list(receivers.addresses),
        "cc": list(copies.addresses),
        "title": params.title,
        "content": content,
        "is_content_base64": False,
        "body_format": params.body_format,
        "attachments": [attachment.model_dump() for attachment in params.attachments],
    }
