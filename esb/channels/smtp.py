"""The way out by SMTP: a connection for each mail, one deadline, and for every receiver what became of it.

Sources: RFC 5321 (§4.5.3.1.8: a server takes 100 receivers at least; §4.5.3.1.10: 452 means "in another transaction";
§4.2.5: what happens after the end of DATA is the only thing in doubt), RFC 1870 (SIZE), RFC 3207 (STARTTLS),
RFC 4954 (AUTH).
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from esb.call import Call
from esb.channels.mail import Composed
from esb.channels.reached import Miss, Reached, shown
from esb.errors import Message, UpstreamError, template
from esb.outgoing import Outgoing, Target, too_slow

SEND_MAIL = Target("SMTP", "send_mail")
RECEIVERS_AT_ONCE = 100
CONNECTIONS_AT_ONCE = 16
GOODBYE_SECONDS = 0.2
"""How long the server's answer to QUIT is waited for. The mail is sent by then."""
TOO_MANY_RECEIVERS = 452

Encryption = Literal["none", "tls", "starttls"]


class MailFailed(UpstreamError):
    """A mail, or the rest of it, was not sent; told in the old ESB's words."""

    def __init__(self, reason: Message | str, *, sent: bool = False) -> None:
        super().__init__(SEND_MAIL.system, SEND_MAIL.interface, reason, sent=sent)
        self.message = Message("Failed to send mail, {reason}", {"reason": self.reason})


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
    ) -> None:
        self._out = out
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._encryption = encryption
        self._context: ssl.SSLContext | None = None
        self._places = asyncio.Semaphore(CONNECTIONS_AT_ONCE)

    async def send(self, call: Call, sender: str, receivers: Sequence[str], mail: Composed) -> Reached:
        """Sends the mail to these addresses before the call's deadline."""
        sending = _Sending(sender, receivers, mail, _forms(self._user, self._password))
        try:
            with self._out.telling(call, SEND_MAIL) as told:
                try:
                    await self._within_deadline(call, sending)
                finally:
                    told.errcode = sending.code
        except MailFailed as error:
            return sending.reached(error)
        finally:
            call.record.sent |= sending.may_have_left
        return sending.reached(None)

    async def _within_deadline(self, call: Call, sending: "_Sending") -> None:
        try:
            async with asyncio.timeout_at(call.deadline):
                await self._places.acquire()
        except TimeoutError:
            raise MailFailed(too_slow(call.timeout)) from None
        try:
            await self._converse(call, sending)
        finally:
            self._places.release()

    async def _converse(self, call: Call, sending: "_Sending") -> None:
        client = await self._client()
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
            _hang_up(client)
        raise MailFailed(reason, sent=sending.in_doubt)  # outside the except clause: what it caught may quote secrets

    async def _client(self) -> SMTP:
        if self._encryption != "none" and self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        return SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user or None,
            password=self._password or None,
            timeout=None,  # the call's deadline is the only one
            use_tls=self._encryption == "tls",
            start_tls=self._encryption == "starttls",
            tls_context=self._context,
        )


class _Sending:
    """A mail on its way: what became of it for whom, so far."""

    def __init__(self, sender: str, receivers: Sequence[str], mail: Composed, secrets: Sequence[str]) -> None:
        self._sender = sender
        self._receivers = receivers
        self._mail = mail
        self._secrets = secrets
        self._accepted: dict[str, None] = {}
        self._refused: dict[str, Miss] = {}
        self._leaving: tuple[str, ...] = ()
        """Whose mail is being handed over: if the connection dies now, nobody knows whether they get it."""
        self._why: SMTPResponseException | None = None

    @property
    def may_have_left(self) -> bool:
        return bool(self._accepted or self._leaving)

    @property
    def in_doubt(self) -> bool:
        return bool(self._leaving)

    @property
    def code(self) -> int | None:
        """The server's code, if it refused the mail or a receiver."""
        if self._why is not None:
            return self._why.code
        return next((int(miss.errcode) for miss in self._refused.values() if miss.errcode), None)

    def note(self, error: Exception) -> None:
        """What ended the conversation. A refusal leaves no doubt."""
        if isinstance(error, SMTPResponseException):
            self._why = error
            self._leaving = ()

    async def run(self, client: SMTP) -> None:
        if client.is_ehlo_or_helo_needed:
            try:
                await client.ehlo()
            except SMTPHeloError:
                await client.helo()  # a server from before 1995
        waiting = list(self._receivers)
        while waiting:
            postponed = await self._transaction(client, waiting[:RECEIVERS_AT_ONCE])
            waiting = postponed + waiting[RECEIVERS_AT_ONCE:]

    async def _transaction(self, client: SMTP, receivers: list[str]) -> list[str]:
        """One copy for these receivers. Those that the server wants in another transaction are returned."""
        await client.mail(self._sender, options=self._options(client))
        taken, postponed = await self._named(client, receivers)
        if not taken:
            await client.rset()
            return postponed
        self._leaving = tuple(taken)
        await client.data(self._mail.content)
        self._leaving = ()
        self._accepted.update(dict.fromkeys(taken))
        return postponed

    async def _named(self, client: SMTP, receivers: list[str]) -> tuple[list[str], list[str]]:
        taken: list[str] = []
        postponed: list[str] = []
        for receiver in receivers:
            try:
                await client.rcpt(receiver)
            except SMTPRecipientRefused as refusal:
                if refusal.code == TOO_MANY_RECEIVERS and taken:
                    postponed.append(receiver)
                else:
                    self._refused[receiver] = self._miss(receiver, refusal)
            else:
                taken.append(receiver)
        return taken, postponed

    def _options(self, client: SMTP) -> list[str]:
        """A server that announces a limit can refuse a big mail before it is transferred."""
        return [f"SIZE={len(self._mail.content)}"] if client.supports_extension("size") else []

    def _miss(self, receiver: str, refusal: SMTPResponseException) -> Miss:
        return Miss(receiver, refusal.code, shown(refusal.message, *self._secrets))

    def reached(self, error: MailFailed | None) -> Reached:
        """Where everybody stands. `error` is what ended the conversation early."""
        failed = []
        for receiver in self._receivers:
            if receiver in self._refused:
                failed.append(self._refused[receiver])
            elif receiver not in self._accepted and receiver not in self._leaving:
                failed.append(self._not_sent(receiver, error))
        msgids = (self._mail.message_id,) if self._accepted or self._leaving else ()
        return Reached(tuple(self._accepted), tuple(failed), self._leaving, msgids, error)

    def _not_sent(self, receiver: str, error: MailFailed | None) -> Miss:
        if self._why is not None:
            return self._miss(receiver, self._why)
        return Miss(receiver, None, "" if error is None else error.reason)


def _forms(user: str, password: str) -> tuple[str, ...]:
    """The forms in which a password is sent, and might come back."""
    forms = (password, f"\0{user}\0{password}")
    return (password, *(base64.b64encode(form.encode()).decode() for form in forms)) if password else ()


def _hang_up(client: SMTP) -> None:
    """Closes the connection now: what a hanging server has not read yet is not kept for it."""
    abort = getattr(client.transport, "abort", None)
    if abort is not None:
        abort()
    client.close()


def _reason(error: Exception, timeout: float) -> Message | str:
    """What an error means to a caller. Never a text of the server: the log has this too."""
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
