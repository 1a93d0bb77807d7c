"""The way out by SMTP: a connection for each mail, and one deadline. Sources: RFC 3207 (STARTTLS), RFC 4954 (AUTH)."""

import asyncio
import base64
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from pydantic import AfterValidator

from esb.channels.dest_url import unfinished_check
from esb.channels.mail.address import mailbox
from esb.channels.mail.mime import Composed
from esb.channels.mail.smtp_checks import SmtpVisit
from esb.channels.mail.smtp_transaction import (
    RECEIVERS_AT_ONCE,
    SEND_MAIL,
    MailFailed,
    MailSending,
    NoUnicodeAddresses,
    hang_up,
)
from esb.channels.outcome import DeliveryOutcome
from esb.channels.verdict import Kind
from esb.contracts.checks import Check
from esb.contracts.probes import Probes
from esb.core.call import Call
from esb.core.errors import Limited, Message, template
from esb.core.host_names import is_host
from esb.outgoing.bulkhead import Bulkhead
from esb.outgoing.client import Outgoing, Tls, too_slow
from esb.outgoing.reachability import Place

CONNECTIONS_AT_ONCE = 16
GOODBYE_SECONDS = 0.2
"""Seconds to wait for the server's answer to QUIT. The mail is sent by then."""

Encryption = Literal["none", "tls", "starttls"]


def _host(value: str) -> str:
    if value and not is_host(value):
        raise ValueError("expected a host name or an address, such as smtp.example.com; its port is smtp_port")
    return value


SmtpHost = Annotated[str, AfterValidator(_host)]
"""The name or the address of a server; "" for none."""


class SmtpServer:
    """One SMTP server, as the configuration knows it."""

    def __init__(
        self,
        out: Outgoing,
        *,
        host: str,
        port: int,
        user: str = "",
        password: str = "",
        encryption: Encryption = "none",
        helo: str = "",
        ca: str | None = None,
        recipients_per_mail: int = RECEIVERS_AT_ONCE,
    ) -> None:
        """`helo`: our name to the server, else the sender's domain; `ca`: who vouches for it, else the system's."""
        self._out = out
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._encryption = encryption
        self._helo = helo
        self._ca = ca
        self._recipients_per_mail = recipients_per_mail
        self._context: ssl.SSLContext | None = None
        self._places = Bulkhead(time.monotonic, CONNECTIONS_AT_ONCE, patient=True)

    async def send(
        self, call: Call, sender: str, receivers: Sequence[str], mail: Composed, sender_kind: Kind = "message"
    ) -> DeliveryOutcome:
        """Send the mail to these addresses before the call's deadline.

        `sender_kind`: the class of a refusal of the sender, whom the caller chose, or else an operator ("config").
        """
        secrets = _forms(self._user, self._password)
        sending = MailSending(sender, receivers, mail, secrets, self._recipients_per_mail, sender_kind)
        try:
            with self._out.report(call, SEND_MAIL) as report:
                report.host = f"{self._host}:{self._port}"
                try:
                    await self._within_deadline(call, sending)
                finally:
                    report.errcode, report.kind = sending.code, sending.kind
                    if sending.may_have_left:
                        report.mark_sent()
        except MailFailed as error:
            return sending.outcome(error)
        return sending.outcome(None)

    async def _within_deadline(self, call: Call, sending: MailSending) -> None:
        if not self._places.enters(call):
            try:
                await self._places.wait(call, call.deadline)
            except Limited:
                raise MailFailed(too_slow(call.timeout), transient=True) from None
        try:
            await self._converse(call, sending)
        finally:
            self._places.leave(call)

    async def _converse(self, call: Call, sending: MailSending) -> None:
        client = await self._client(sending.sender.rpartition("@")[2])
        try:
            async with asyncio.timeout_at(call.deadline):
                await client.connect()
                await sending.run(client)
        except (SMTPException, OSError, ValueError) as error:
            sending.note(error)
            reason = _reason(error, call.timeout)
        else:
            with suppress(SMTPException, OSError):
                await client.quit(timeout=GOODBYE_SECONDS)
            return
        finally:
            hang_up(client)
        # Outside the except clause: what it caught may quote secrets.
        raise MailFailed(reason, sent=sending.in_doubt, transient=sending.transient)

    def checks(self, probes: Probes, mail_sender: str) -> list[Check]:
        """Return what a preflight looks at; `mail_sender`: who sends when a caller does not say, "" for nobody."""
        if not self._host:
            return [unfinished_check(["smtp_host"])]
        box = mailbox(mail_sender)
        sender = "" if box is None else box.address
        place = Place(self._host, self._port)
        way = probes.reach_place(place, "smtp_host")
        if self._encryption == "tls":
            way.append(probes.tls(place, "smtp_host or smtp_ca", Tls.load(self._ca, None, None)))
        visit = SmtpVisit(
            probes,
            partial(self._client, sender.rpartition("@")[2] or "localhost", by_steps=True),
            starttls=self._encryption == "starttls",
            login=(self._user, self._password),
            secrets=_forms(self._user, self._password),
            sender=sender,
        )
        return [*way, *visit.checks()]

    async def _client(self, domain: str, *, by_steps: bool = False) -> SMTP:
        """Return a client that is not connected; `by_steps`: one that then only connects."""
        if self._encryption != "none" and self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca)
        return SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=self._helo or domain,
            username=None if by_steps else self._user or None,
            password=None if by_steps else self._password or None,
            timeout=None,  # the call's deadline is the only one
            use_tls=self._encryption == "tls",
            start_tls=self._encryption == "starttls" and not by_steps,
            tls_context=self._context,
        )


def _forms(user: str, password: str) -> tuple[str, ...]:
    """The forms in which a password is sent, and might come back."""
    forms = (password, f"\0{user}\0{password}")
    return (password, *(base64.b64encode(form.encode()).decode() for form in forms)) if password else ()


def _reason(error: Exception, timeout: float) -> Message | str:
    """Return the meaning of an error to a caller. Never a text of the server: the log has this too."""
    match error:
        case SMTPAuthenticationError():
            return Message("the user name or the password was refused ({code})", {"code": error.code})
        case SMTPDataError():
            return Message("the server refused the mail ({code})", {"code": error.code})
        case SMTPResponseException():
            return Message("the server refused ({code})", {"code": error.code})
        case SMTPConnectError():
            return _not_connected(error)
        case ssl.SSLError():
            return template("the TLS certificate or handshake was refused")
        case SMTPServerDisconnected() | ConnectionError():
            return template("the connection was closed before the mail was accepted")
        case TimeoutError():
            return too_slow(timeout)
        case NoUnicodeAddresses():
            return template("the server takes no addresses that are not ASCII: it does not announce SMTPUTF8")
        case SMTPException():
            return template("the server does not offer the encryption or the authentication that is configured")
    return template("the mail cannot be sent in this form")


def _not_connected(error: SMTPConnectError) -> str:
    match error.__cause__:
        case ssl.SSLError():
            return template("the TLS certificate or handshake was refused")
        case socket.gaierror():
            return template("the host name could not be resolved")
    return template("the connection could not be established")
