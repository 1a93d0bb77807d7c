"""Real SMTP servers for tests: aiosmtpd in the test's own event loop, with certificates made on the spot."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.servers.raw_server import Peer

USER = "esb@example.com"
PASSWORD = "smtp-pass-wort"


@dataclass
class Delivered:
    """One mail in the server: from whom and for whom the envelope was, and what was in it."""

    sender: str
    receivers: list[str]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.content, _class=EmailMessage, policy=policy.SMTP)


@dataclass
class Inbox:
    """aiosmtpd's handler: keeps every mail. `refused`: address -> what RCPT of it is answered.

    More than `most_receivers` are answered `too_many` one by one, more than `most_in_data` when the mail is there.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    most_receivers: int = 10_000
    most_in_data: int = 10_000
    too_many: str = "452 too many recipients"
    data_answer: str = "250 OK"
    delivered: list[Delivered] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    encrypted: bool = False
    pause: Callable[[], Awaitable[None]] | None = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        if len(envelope.rcpt_tos) >= self.most_receivers:
            return self.too_many
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.encrypted = session.ssl is not None
        if self.pause is not None:
            await self.pause()
        if len(envelope.rcpt_tos) > self.most_in_data:
            return self.too_many
        if self.data_answer.startswith("250"):
            self.delivered.append(Delivered(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return self.data_answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    def only(self) -> EmailMessage:
        """The one mail that arrived."""
        (delivered,) = self.delivered
        return delivered.mail


class _Counted(SMTP):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        inbox: Inbox = self.event_handler
        if self._original_transport is None:  # STARTTLS makes the connection a second time
            inbox.connections += 1
            inbox.open_now += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.open_now -= 1
        super().connection_lost(error)


@asynccontextmanager
async def smtp_server(
    inbox: Inbox, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Serve on a free port of loopback; yield the port."""
    loop = asyncio.get_running_loop()
    options = {"hostname": "mx.test", "loop": loop, "tls_context": starttls, **options}

    def connected() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # it warns of logins in the clear, which are tested too
            return _Counted(inbox, **options)

    server = await loop.create_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@dataclass(frozen=True)
class Certificate:
    """A server's TLS context, and the file whose certificate a client has to trust."""

    context: ssl.SSLContext
    file: Path


def certificate(folder: Path) -> Certificate:
    """A certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mx.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "mx.pem", folder / "mx.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return Certificate(context, file)


async def speak(peer: Peer, answers: Mapping[str, str], *, greets: bool = True) -> None:
    """Answer each command by its word, up to colon or argument; "." is the end of the mail; others get 250.

    An answer "" hangs until the client goes; "RST" resets the connection.
    """
    if greets:
        await peer.send(b"220 mx.test\r\n")
    while command := (await peer.reader.readline()).decode().strip():
        named = command.split(":")[0] if ":" in command else command.split()[0]
        answer = answers.get(named.upper(), "250 OK")
        if command.upper() == "DATA" and answer.startswith("354"):
            await peer.send(f"{answer}\r\n".encode())
            await peer.reader.readuntil(b"\r\n.\r\n")
            answer = answers.get(".", "250 OK")
        if not answer:
            return await peer.gone()
        if answer == "RST":
            return peer.reset()
        await peer.send(f"{answer}\r\n".encode())
    return None
