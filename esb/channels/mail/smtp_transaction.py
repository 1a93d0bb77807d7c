"""One mail over one SMTP connection: its transactions, and for every receiver what became of it so far.

Sources: RFC 5321 (§4.5.3.1.8: a server takes 100 receivers at least; §4.2.5: what happens after the end of DATA is the
only thing in doubt), RFC 1870 (SIZE), RFC 6531 (SMTPUTF8).
"""

from collections.abc import Sequence

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from esb.channels.mail.mime import Composed
from esb.channels.mail.smtp_refusal import PERMANENT, blames_sender, blames_us, is_crowded
from esb.channels.outcome import DeliveryOutcome, Failure, stopped_class
from esb.channels.upstream_text import readable_text
from esb.channels.verdict import Kind
from esb.core.errors import Message, UpstreamError
from esb.outgoing.client import Target

SEND_MAIL = Target("SMTP", "send_mail")
RECEIVERS_AT_ONCE = 100
FEW_RECEIVERS = 50
"""Receivers of one mail that every service takes; Amazon SES refuses more with a plain 554, after DATA."""


def hang_up(client: SMTP) -> None:
    """Close the connection now: bytes that a hanging server has not read yet are not kept for it."""
    abort = getattr(client.transport, "abort", None)
    if abort is not None:
        abort()
    client.close()


class MailFailed(UpstreamError):
    """A mail, or the rest of it, was not sent; told in the old ESB's words."""

    def __init__(self, reason: Message | str, *, sent: bool = False, transient: bool = False) -> None:
        super().__init__(SEND_MAIL.system, SEND_MAIL.interface, reason, sent=sent, transient=transient)
        self.message = Message("Failed to send mail, {reason}", {"reason": self.reason})


class NoUnicodeAddresses(SMTPException):
    """The server does not announce SMTPUTF8, and the mail needs it."""


class MailSending:
    """A mail on its way: what became of it for whom, so far."""

    def __init__(
        self,
        sender: str,
        receivers: Sequence[str],
        mail: Composed,
        secrets: Sequence[str],
        at_once: int = RECEIVERS_AT_ONCE,
        sender_kind: Kind = "message",
    ) -> None:
        """`sender_kind`: the class of a refusal of the sender, whom the caller chose, or else an operator."""
        self._sender_kind = sender_kind
        self._at_once = at_once
        self._encoding = "utf-8" if mail.international or not "".join((sender, *receivers)).isascii() else "ascii"
        self.sender = sender
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
        return self._end or next((failure.kind for failure in self._refused.values()), "")

    @property
    def transient(self) -> bool:
        """True if the same mail may get through in a moment."""
        return self.kind in {"busy", "network"}

    def note(self, error: Exception) -> None:
        """Note the error that ended the conversation. A refusal leaves no doubt."""
        if isinstance(error, SMTPResponseException):
            self._why = error
            self._leaving = ()
            is_ours = isinstance(error, SMTPAuthenticationError | SMTPHeloError) or blames_us(error)
            of_sender = blames_sender(error, of_mail_from=isinstance(error, SMTPSenderRefused))
            self._end = "config" if is_ours else self._sender_kind if of_sender else "message"
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
        if self._encoding != "ascii" and not client.supports_extension("smtputf8"):
            raise NoUnicodeAddresses("SMTPUTF8")
        waiting = list(self._receivers)
        while waiting:
            at_once = self._at_once
            postponed = await self._transaction(client, waiting[:at_once])
            waiting = postponed + waiting[at_once:]

    async def _transaction(self, client: SMTP, receivers: list[str]) -> list[str]:
        """One copy for these receivers. Those that the server wants in another transaction are returned."""
        await client.mail(self.sender, options=self._options(client), encoding=self._encoding)
        taken, postponed = await self._named(client, receivers)
        if not taken:
            await client.rset()
            return postponed
        self._leaving = tuple(taken)
        try:
            await client.data(self._mail.content)
        except SMTPDataError as refusal:
            if not self._fewer(refusal, len(taken)):
                raise
            self._leaving = ()  # it said no, so nobody has it
            await client.rset()
            return taken + postponed
        self._leaving = ()
        self._accepted.update(dict.fromkeys(taken))
        return postponed

    async def _named(self, client: SMTP, receivers: list[str]) -> tuple[list[str], list[str]]:
        taken: list[str] = []
        postponed: list[str] = []
        for receiver in receivers:
            try:
                await client.rcpt(receiver, encoding=self._encoding)
            except SMTPRecipientRefused as refusal:
                if taken and is_crowded(refusal):
                    postponed.append(receiver)
                else:
                    self._refused[receiver] = self._failure(receiver, refusal, self._kind_of(refusal))
            else:
                taken.append(receiver)
        return taken, postponed

    def _kind_of(self, refusal: SMTPRecipientRefused) -> str:
        """Return the class of a refusal of a receiver: many servers say no to our name or our sender only here."""
        if blames_us(refusal):
            return "config"
        return self._sender_kind if blames_sender(refusal) else "receiver"

    def _fewer(self, refusal: SMTPDataError, receivers: int) -> bool:
        """Tell whether a mail that was refused may be taken for fewer receivers; then that many are tried from now on.

        A service that refuses the mail itself refuses the smaller one too, and gets no third.
        """
        most = receivers // 2 if is_crowded(refusal) else FEW_RECEIVERS if refusal.code >= PERMANENT else receivers
        if not 0 < most < receivers:
            return False
        self._at_once = min(most, FEW_RECEIVERS)
        return True

    def _options(self, client: SMTP) -> list[str]:
        """A server that announces a limit can refuse a big mail before it is transferred."""
        options = [f"SIZE={len(self._mail.content)}"] if client.supports_extension("size") else []
        return options if self._encoding == "ascii" else [*options, "SMTPUTF8"]

    def _failure(self, receiver: str, refusal: SMTPResponseException, kind: str) -> Failure:
        """Return what a refusal means for a receiver; 4xx is "not now", whatever it is about."""
        errmsg = readable_text(refusal.message, *self._secrets)
        return Failure(receiver, refusal.code, errmsg, "busy" if refusal.code < PERMANENT else kind)

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
            return self._failure(receiver, self._why, self._end)
        return Failure(receiver, None, "" if error is None else error.reason, stopped_class(error))
