"""Checks of an SMTP server, as far as a mail goes before it has a receiver: EHLO, TLS, login, MAIL FROM, and RSET."""

import ssl
from collections.abc import Awaitable, Callable, Sequence

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPHeloError,
    SMTPResponseException,
)

from esb.channels.mail.smtp_transaction import hang_up
from esb.channels.upstream_text import readable_text
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import FIXES, OTHER_FIX, Probes, certificate_finding, with_key
from esb.core.errors import Message
from esb.outgoing.engines.tls_failure import tls_failure
from esb.outgoing.reachability import days_left

PORT_FIX = "correct smtp_port: 465 is for smtp_usessl, 25 and 587 are not; or look at the server's own log"
LOGIN_FIX = "correct smtp_user and smtp_pwd; many services want a password made for programs, and a login that is on"
PLAIN_LOGIN_FIX = (
    "set smtp_usetls or smtp_usessl if neither is: most servers offer a login only in private; or unset smtp_user"
)
SENDER_FIX = "let mail_sender be an address that this server, and the login, may send from"


class SmtpVisit:
    """One connection to a server, a step further with each check."""

    def __init__(
        self,
        probes: Probes,
        client: Callable[[], Awaitable[SMTP]],
        *,
        starttls: bool,
        login: tuple[str, str],
        secrets: Sequence[str],
        sender: str,
    ) -> None:
        """`client` makes one that neither encrypts by STARTTLS nor logs in by itself. `sender`: "" for none."""
        self._probes = probes
        self._make = client
        self._client: SMTP
        self._starttls = starttls
        self._login = login
        self._secrets = secrets
        self._sender = sender

    def checks(self) -> Sequence[Check]:
        """Return the steps that this configuration asks for."""
        steps = [Check("smtp_hello", "the mail server greets, and takes EHLO", self.hello)]
        if self._starttls:
            steps.append(Check("tls", "the mail server has a good certificate", self.starttls))
        if self._login[0]:
            steps.append(Check("smtp_login", "the mail server takes user and password", self.login))
        return [*steps, Check("smtp_sender", "the mail server takes mails of mail_sender", self.sender)]

    async def hello(self) -> Finding:
        self._client = await self._make()
        self._probes.held.callback(hang_up, self._client)
        try:
            await self._client.connect()
            await self._hi()
        except SMTPResponseException as error:
            return self._refused(error, PORT_FIX)
        except SMTPException:
            return Finding("fail", "there is a connection, and no greeting of a mail server", PORT_FIX)
        return Finding("ok")

    async def starttls(self) -> Finding:
        if not self._client.supports_extension("starttls"):
            return Finding("fail", "the server offers no STARTTLS", "unset smtp_usetls, or use another smtp_port")
        try:
            await self._client.starttls()
            await self._hi()
        except ssl.SSLError as error:
            return _untrusted(error)
        except SMTPException as error:
            cause = error.__cause__ or error.__context__
            return _untrusted(cause) if isinstance(cause, ssl.SSLError) else self._refused(error, PORT_FIX)
        shown = self._client.get_transport_info("peercert") or {}
        return certificate_finding(days_left(shown))

    async def login(self) -> Finding:
        if not self._client.supports_extension("auth"):
            return Finding("fail", "the server offers no login here", PLAIN_LOGIN_FIX)
        try:
            await self._client.login(*self._login)
        except SMTPAuthenticationError as error:
            return self._refused(error, LOGIN_FIX)
        except SMTPException as error:
            return self._refused(error, PLAIN_LOGIN_FIX)
        return Finding("ok")

    async def sender(self) -> Finding:
        """Name the sender, and take it back: without a receiver nothing is sent."""
        if not self._sender:
            return Finding("skipped", "there is no mail_sender: every caller names the sender")
        try:
            await self._client.mail(self._sender)
            await self._client.rset()
        except SMTPException as error:
            return self._refused(error, SENDER_FIX)
        return Finding("ok", self._sender)

    async def _hi(self) -> None:
        try:
            await self._client.ehlo()
        except SMTPHeloError:
            await self._client.helo()

    def _refused(self, error: SMTPException, fix: str) -> Finding:
        if isinstance(error, SMTPResponseException):
            return Finding("fail", f"{error.code} {readable_text(error.message, *self._secrets)}", fix)
        return Finding("fail", "the server closed the connection, or does not offer it", fix)


def _untrusted(error: ssl.SSLError) -> Finding:
    reason: Message = tls_failure(error)
    return Finding("fail", str(reason), with_key(FIXES.get(reason.template, OTHER_FIX), "smtp_host or smtp_ca"))
