"""One mail over one SMTP connection: its transactions, and for every receiver what became of it so far.

Sources: RFC 5321 (§4.5.3.1.8: a server takes 100 receivers at least; §4.5.3.1.10: 452 means "in another transaction";
§4.2.5: what happens after the end of DATA is the only thing in doubt), RFC 1870 (SIZE).
"""

from collections.abc import Sequence

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from esb.channels.mail.mime import Composed
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.upstream_text import readable_text
from esb.core.errors import Message, UpstreamError
from esb.outgoing.client import Target

SEND_MAIL = Target("SMTP", "send_mail")
RECEIVERS_AT_ONCE = 100
TOO_MANY_RECEIVERS = 452
PERMANENT = 500


class MailFailed(UpstreamError):
    """A mail, or the rest of it, was not sent; told in the old ESB's words."""

    def __init__(self, reason: Message | str, *, sent: bool = False) -> None:
        super().__init__(SEND_MAIL.system, SEND_MAIL.interface, reason, sent=sent)
        self.message = Message("Failed to send mail, {reason}", {"reason": self.reason})


class MailSending:
    """A mail on its way: what became of it for whom, so far."""

    def __init__(self, sender: str, receivers: Sequence[str], mail: Composed, secrets: Sequence[str]) -> None:
        self._sender = sender
        self._receivers = receivers
        self._mail = mail
        self._secrets = secrets
        self._accepted: dict[str, None] = {}
        self._refused: dict[str, Failure] = {}
        self._leaving: tuple[str, ...] = ()
        """Receivers whose mail is being handed over: if the connection dies now, nobody knows whether they get it."""
        self._why: SMTPResponseException | None = None
        self._end = ""
        """The class of what ended the conversation, if anything did."""

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
        return next((int(failure.errcode) for failure in self._refused.values() if failure.errcode), None)

    @property
    def kind(self) -> str:
        """The class of what went wrong, as UpstreamFinished has them. 4xx is "not now" (RFC 5321, 4.2.1)."""
        if self._end != "network" and self.code is not None and self.code < PERMANENT:
            return "busy"
        return self._end or ("receiver" if self._refused else "")

    def note(self, error: Exception) -> None:
        """Note the error that ended the conversation. A refusal leaves no doubt."""
        if isinstance(error, SMTPResponseException):
            self._why = error
            self._leaving = ()
            self._end = "config" if isinstance(error, SMTPAuthenticationError) else "message"
        elif isinstance(error, OSError):
            self._end = "network"
        elif isinstance(error, SMTPException):  # the server does not offer what is configured
            self._end = "config"
        else:
            self._end = "message"

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
                    self._refused[receiver] = self._failure(receiver, refusal)
            else:
                taken.append(receiver)
        return taken, postponed

    def _options(self, client: SMTP) -> list[str]:
        """A server that announces a limit can refuse a big mail before it is transferred."""
        return [f"SIZE={len(self._mail.content)}"] if client.supports_extension("size") else []

    def _failure(self, receiver: str, refusal: SMTPResponseException) -> Failure:
        return Failure(receiver, refusal.code, readable_text(refusal.message, *self._secrets))

    def outcome(self, error: MailFailed | None) -> DeliveryOutcome:
        """Return the outcome for every receiver. `error` is what ended the conversation early."""
        failed = []
        for receiver in self._receivers:
            if receiver in self._refused:
                failed.append(self._refused[receiver])
            elif receiver not in self._accepted and receiver not in self._leaving:
                failed.append(self._not_sent(receiver, error))
        msgids = (self._mail.message_id,) if self._accepted or self._leaving else ()
        return DeliveryOutcome(
            tuple(self._accepted), failed=tuple(failed), unknown=self._leaving, msgids=msgids, error=error
        )

    def _not_sent(self, receiver: str, error: MailFailed | None) -> Failure:
        if self._why is not None:
            return self._failure(receiver, self._why)
        return Failure(receiver, None, "" if error is None else error.reason)
