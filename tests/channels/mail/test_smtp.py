import asyncio
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from esb.channels.mail.mime import Composed
from esb.channels.mail.smtp_server import CONNECTIONS_AT_ONCE, Encryption, SmtpServer
from esb.channels.mail.smtp_transaction import RECEIVERS_AT_ONCE
from esb.channels.outcome import DeliveryOutcome
from esb.core.errors import UpstreamError
from esb.core.events import Event, Observer, UpstreamFinished
from esb.outgoing.client import Outgoing
from tests.support.calls import make_call
from tests.support.loop_time import late, movable_loop_time, turns
from tests.support.servers.raw_server import Peer, raw_server
from tests.support.servers.smtp_server import PASSWORD, USER, Inbox, certificate, smtp_server, speak

COMPOSED = Composed("<1@example.com>", b"Subject: S\r\n\r\n.dot\r\ntext\r\n")


class Out:
    """An SmtpServer under test and the events it emitted."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.http = Outgoing(Observer([self.events.append]))

    def server(self, port: int, encryption: Encryption = "none", **options: Any) -> SmtpServer:
        return SmtpServer(self.http, host="127.0.0.1", port=port, encryption=encryption, **options)

    async def send(
        self, port: int, receivers: Sequence[str] = ("a@x.com",), *, timeout: float = 300.0, **options: Any
    ) -> DeliveryOutcome:
        return await self.server(port, **options).send(
            make_call(timeout=timeout), "esb@example.com", receivers, COMPOSED
        )

    @property
    def exchange(self) -> UpstreamFinished:
        (event,) = self.events
        assert isinstance(event, UpstreamFinished)
        assert (event.system, event.interface) == ("SMTP", "send_mail")
        return event


@pytest.fixture
def out() -> Out:
    return Out()


async def test_a_mail_arrives_for_everybody_in_one_transaction(out: Out) -> None:
    async with smtp_server(inbox := Inbox()) as port:
        reached = await out.send(port, ["a@x.com", "b@x.com"])
    assert reached == DeliveryOutcome(accepted=("a@x.com", "b@x.com"), msgids=("<1@example.com>",))
    (delivered,) = inbox.delivered
    assert (delivered.sender, delivered.receivers) == ("esb@example.com", ["a@x.com", "b@x.com"])
    assert delivered.content == COMPOSED.content
    assert (out.exchange.failure, out.exchange.errcode, out.exchange.kind) == ("", None, "ok")


async def test_what_a_server_took_has_left(out: Out) -> None:
    async with smtp_server(Inbox()) as port:
        call = make_call()
        await out.server(port).send(call, "esb@example.com", ["a@x.com"], COMPOSED)
    assert call.record.sent


async def test_a_receiver_that_is_refused_is_asked_about_once(out: Out) -> None:
    asked: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"220 mx.test\r\n")
        while line := await peer.reader.readline():
            asked.append(line.strip())
            if line.startswith(b"DATA"):
                await peer.send(b"354 go on\r\n")
                await peer.reader.readuntil(b"\r\n.\r\n")
            await peer.send(b"550 no such user\r\n" if b"<b@x.com>" in line else b"250 OK\r\n")

    async with raw_server(script) as server:
        reached = await out.send(server.port, ["a@x.com", "b@x.com"])
    assert (reached.accepted, [failure.receiver for failure in reached.failed]) == (("a@x.com",), ["b@x.com"])
    assert sum(line.startswith(b"MAIL") for line in asked) == 1


async def test_many_receivers_go_in_several_transactions_of_one_connection(out: Out) -> None:
    receivers = [f"user{number}@x.com" for number in range(250)]
    async with smtp_server(inbox := Inbox()) as port:
        reached = await out.send(port, receivers)
    assert reached.accepted == tuple(receivers)
    assert [len(delivered.receivers) for delivered in inbox.delivered] == [RECEIVERS_AT_ONCE, RECEIVERS_AT_ONCE, 50]
    assert inbox.connections == 1


async def test_receivers_over_the_servers_own_limit_get_a_transaction_of_their_own(out: Out) -> None:
    receivers = [f"user{number}@x.com" for number in range(7)]
    async with smtp_server(inbox := Inbox(most_receivers=3)) as port:
        reached = await out.send(port, receivers)
    assert sorted(reached.accepted) == sorted(receivers)
    assert [len(delivered.receivers) for delivered in inbox.delivered] == [3, 3, 1]


@pytest.mark.parametrize(
    ("refusal", "tried"), [("452 too many", [8, 4, 2, 1]), ("554 5.5.3 too many", [8, 4, 2, 1]), ("451 later", [8])]
)
async def test_a_mail_that_is_refused_for_its_receivers_is_tried_for_half_of_them(
    out: Out, refusal: str, tried: list[int]
) -> None:
    named: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"220 mx.test\r\n")
        while line := await peer.reader.readline():
            if line.startswith(b"MAIL"):
                named.append(0)
            named[-1:] = [named[-1] + line.startswith(b"RCPT")] if named else []
            await peer.send(f"{refusal}\r\n".encode() if line.startswith(b"DATA") else b"250 OK\r\n")

    async with raw_server(script) as server:
        await out.send(server.port, [f"user{number}@x.com" for number in range(8)])
    assert named[: len(tried)] == tried


async def test_a_refused_receiver_is_told_with_the_servers_code_and_the_others_get_the_mail(out: Out) -> None:
    async with smtp_server(inbox := Inbox(refused={"b@x.com": "550 5.1.1 no such user"})) as port:
        reached = await out.send(port, ["a@x.com", "b@x.com", "c@x.com"])
    assert reached.accepted == ("a@x.com", "c@x.com")
    (failure,) = reached.failed
    assert (failure.receiver, failure.errcode, failure.errmsg) == ("b@x.com", 550, "5.1.1 no such user")
    assert inbox.delivered[0].receivers == ["a@x.com", "c@x.com"]
    assert (out.exchange.failure, out.exchange.errcode) == ("", 550)


async def test_nothing_is_sent_when_every_receiver_is_refused(out: Out) -> None:
    async with smtp_server(inbox := Inbox(refused={"a@x.com": "450 greylisted"})) as port:
        call = make_call()
        reached = await out.server(port).send(call, "esb@example.com", ["a@x.com"], COMPOSED)
    assert [(failure.receiver, failure.errcode) for failure in reached.failed] == [("a@x.com", 450)]
    assert (reached.msgids, inbox.delivered, call.record.sent) == ((), [], False)


async def test_a_server_that_refuses_the_first_receiver_for_too_many_is_not_asked_for_ever(out: Out) -> None:
    async with smtp_server(Inbox(most_receivers=0)) as port:
        reached = await out.send(port, ["a@x.com", "b@x.com"])
    assert [failure.errcode for failure in reached.failed] == [452, 452]


async def test_a_refused_mail_is_told_with_the_servers_code_and_text(out: Out) -> None:
    async with smtp_server(Inbox(data_answer="554 5.7.1 looks like spam, see https://mx.test/why")) as port:
        reached = await out.send(port, ["a@x.com", "b@x.com"])
    assert [(failure.errcode, failure.errmsg) for failure in reached.failed] == [
        (554, "5.7.1 looks like spam, see")
    ] * 2
    assert reached.unknown == ()
    assert str(reached.error) == "Failed to send mail, the server refused the mail (554)"
    assert (out.exchange.failure, out.exchange.errcode) == ("the server refused the mail (554)", 554)


async def test_a_mail_over_the_servers_limit_is_refused_before_it_is_transferred(out: Out) -> None:
    async with smtp_server(Inbox(), data_size_limit=10) as port:
        reached = await out.send(port)
    assert reached.failed[0].errcode == 552
    assert str(reached.error) == "Failed to send mail, the server refused (552)"  # MAIL, not DATA


async def test_a_login_goes_before_the_mail(out: Out) -> None:
    inbox = Inbox()
    options: dict[str, Any] = {"authenticator": inbox.authenticate, "auth_required": True, "auth_require_tls": False}
    async with smtp_server(inbox, **options) as port:
        reached = await out.send(port, user=USER, password=PASSWORD)
    assert reached.accepted == ("a@x.com",)
    assert inbox.logins == [USER]


async def test_a_refused_password_is_told_and_never_shown(out: Out) -> None:
    inbox = Inbox()
    options: dict[str, Any] = {"authenticator": inbox.authenticate, "auth_required": True, "auth_require_tls": False}
    async with smtp_server(inbox, **options) as port:
        reached = await out.send(port, user=USER, password="not-the-password")
    assert reached.error is not None
    assert reached.failed[0].errcode == 535
    assert str(reached.error) == "Failed to send mail, the user name or the password was refused (535)"
    assert inbox.delivered == []
    assert "not-the-password" not in repr(reached) + repr(out.events) + repr(reached.error.__cause__)


async def test_a_server_without_login_is_told_so(out: Out) -> None:
    async with smtp_server(Inbox()) as port:
        reached = await out.send(port, user=USER, password=PASSWORD)
    assert "does not offer the encryption or the authentication" in str(reached.error)


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
async def test_an_encrypted_connection_carries_login_and_mail(
    out: Out, encryption: Encryption, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(own.file))
    inbox = Inbox()
    options: dict[str, Any] = {"authenticator": inbox.authenticate, "auth_required": True}
    if encryption == "tls":
        options |= {"tls": own.context, "auth_require_tls": False}  # aiosmtpd knows of STARTTLS only
    else:
        options |= {"starttls": own.context, "require_starttls": True}
    async with smtp_server(inbox, **options) as port:
        reached = await out.send(port, encryption=encryption, user=USER, password=PASSWORD)
    assert reached.accepted == ("a@x.com",), reached
    assert (inbox.logins, inbox.encrypted or encryption == "tls") == ([USER], True)


async def test_the_authorities_to_trust_are_read_once_beside_the_loop(
    out: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(own.file))
    read_by: list[threading.Thread] = []
    make = ssl.create_default_context

    def reading(*purpose: Any, **options: Any) -> ssl.SSLContext:
        read_by.append(threading.current_thread())
        return make(*purpose, **options)

    monkeypatch.setattr(ssl, "create_default_context", reading)
    async with smtp_server(inbox := Inbox(), starttls=own.context) as port:
        in_the_clear, encrypted = out.server(port), out.server(port, "starttls")
        for server in (in_the_clear, encrypted, encrypted):
            await server.send(make_call(), "esb@example.com", ["a@x.com"], COMPOSED)
    assert len(inbox.delivered) == 3
    assert len(read_by) == 1
    assert read_by[0] is not threading.main_thread()


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
async def test_a_certificate_that_nobody_vouches_for_is_refused_before_any_password(
    out: Out, encryption: Encryption, tmp_path: Path
) -> None:
    own = certificate(tmp_path)
    inbox = Inbox()
    options: dict[str, ssl.SSLContext] = {encryption: own.context}
    async with smtp_server(inbox, authenticator=inbox.authenticate, **options) as port:
        reached = await out.send(port, encryption=encryption, user=USER, password=PASSWORD)
    assert str(reached.error) == "Failed to send mail, the TLS certificate or handshake was refused"
    assert (inbox.logins, inbox.delivered) == ([], [])


async def test_a_server_that_does_not_offer_starttls_gets_nothing_in_the_clear(out: Out) -> None:
    async with smtp_server(inbox := Inbox()) as port:
        reached = await out.send(port, encryption="starttls")
    assert "does not offer the encryption" in str(reached.error)
    assert inbox.delivered == []


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"RCPT TO": "550 no such user"}, "receiver"),
        *(({"RCPT TO": f"{code} what"}, "config") for code in (500, 502, 503, 504, 530, 534, 535, 538)),
        ({"RCPT TO": "504 5.5.2 <gw>: Helo command rejected: need fully-qualified hostname"}, "config"),
        ({"RCPT TO": "530 5.7.0 Must issue a STARTTLS command first"}, "config"),
        ({"RCPT TO": "554 5.7.1 <a@x.com>: Relay access denied"}, "config"),
        ({"RCPT TO": "550 5.7.1 <gw>: Helo command rejected: Host not found"}, "config"),
        ({"RCPT TO": "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"}, "config"),
        ({"RCPT TO": "550 5.7.25 no PTR record"}, "config"),
        ({"RCPT TO": "553 5.7.1 <esb@example.com>: Sender address rejected: not logged in"}, "message"),
        ({"RCPT TO": "550 5.1.8 <esb@example.com>: Sender address rejected: Domain not found"}, "message"),
        ({"RCPT TO": "550 5.1.1 <helo@x.com>: no such client host"}, "receiver"),
        ({"RCPT TO": "550 5.7.1 <a@x.com>: Recipient address rejected: members only"}, "receiver"),
        ({"RCPT TO": "504 5.5.2 <a>: Recipient address rejected: need fully-qualified address"}, "receiver"),
        ({"RCPT TO": "504 5.5.2 <esb>: Sender address rejected: need fully-qualified address"}, "message"),
        ({"MAIL FROM": "550 5.7.60 client does not have permissions to send as this sender"}, "message"),
        ({"MAIL FROM": "550 5.7.1 Helo command rejected"}, "config"),
        ({"RCPT TO": "450 4.7.1 <gw>: Helo command rejected: Host not found"}, "busy"),
        ({"RCPT TO": "552 mailbox full"}, "receiver"),
        ({"RCPT TO": "501 5.1.3 bad address"}, "receiver"),
        ({"RCPT TO": "550 5.2.1 the relay of this mailbox is closed"}, "receiver"),
        ({"RCPT TO": "550 5.2.1 no mail from here: this mailbox is closed"}, "receiver"),
        ({"EHLO": "504 5.5.2 no such name", "HELO": "504 5.5.2 no such name"}, "config"),
        ({"RCPT TO": "450 greylisted"}, "busy"),
        ({"RCPT TO": "499 not now"}, "busy"),
        ({"RCPT TO": "450 greylisted", "RSET": "RST"}, "network"),
        ({"MAIL FROM": "451 try again"}, "busy"),
        ({"MAIL FROM": "550 who are you"}, "message"),
        ({"DATA": "354 go on", ".": "552 too big"}, "message"),
        ({"DATA": "354 go on", ".": "421 shutting down"}, "busy"),
        ({"DATA": "354 go on", ".": "RST"}, "network"),
    ],
)
async def test_a_refusal_is_told_by_its_class(out: Out, answers: dict[str, str], kind: str) -> None:
    async with raw_server(lambda peer: speak(peer, answers)) as server:
        await out.send(server.port)
    assert out.exchange.kind == kind


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"MAIL FROM": "501 mail from address must be same as authorization user"}, "config"),
        ({"MAIL FROM": "550 5.1.8 sender domain not found"}, "config"),
        ({"MAIL FROM": "550 who are you"}, "config"),
        ({"RCPT TO": "553 5.7.1 <esb@example.com>: Sender address rejected: not owned by user"}, "config"),
        ({"MAIL FROM": "552 5.3.4 message size exceeds the limit"}, "message"),
        ({"MAIL FROM": "552 too big"}, "message"),
        ({"RCPT TO": "550 no such user"}, "receiver"),
        ({"MAIL FROM": "451 4.1.8 try again"}, "busy"),
    ],
)
async def test_a_refusal_of_the_operators_sender_is_for_the_operator(
    out: Out, answers: dict[str, str], kind: str
) -> None:
    async with raw_server(lambda peer: speak(peer, answers)) as server:
        await out.server(server.port).send(make_call(), "esb@example.com", ["a@x.com"], COMPOSED, "config")
    assert out.exchange.kind == kind


@pytest.mark.parametrize(("password", "kind"), [(PASSWORD, "ok"), ("not-the-password", "config")])
async def test_a_refused_login_is_for_the_operator(out: Out, password: str, kind: str) -> None:
    inbox = Inbox()
    options: dict[str, Any] = {"authenticator": inbox.authenticate, "auth_required": True, "auth_require_tls": False}
    async with smtp_server(inbox, **options) as port:
        await out.send(port, user=USER, password=password)
    assert out.exchange.kind == kind


async def test_so_is_encryption_that_the_server_does_not_have(out: Out) -> None:
    async with smtp_server(Inbox()) as port:
        await out.send(port, encryption="starttls")
    assert out.exchange.kind == "config"


async def test_a_server_that_is_down_has_provably_sent_nothing(out: Out, unused_tcp_port: int) -> None:
    call = make_call()
    reached = await out.server(unused_tcp_port).send(call, "esb@example.com", ["a@x.com"], COMPOSED)
    assert reached.unknown == ()
    assert str(reached.failed[0].errmsg) == "the connection could not be established"
    assert isinstance(reached.error, UpstreamError)
    assert (reached.error.sent, call.record.sent) == (False, False)
    assert (reached.error.system, reached.error.interface) == ("SMTP", "send_mail")
    assert out.exchange.failure == "the connection could not be established"


async def test_a_connection_that_dies_is_told_as_one(out: Out) -> None:
    async with raw_server(lambda peer: speak(peer, {"MAIL FROM": "RST"})) as server:
        reached = await out.send(server.port)
    assert str(reached.error) == "Failed to send mail, the connection was closed before the mail was accepted"
    assert reached.unknown == ()


async def test_a_host_that_nobody_knows_is_told_as_one(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*name: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    server = SmtpServer(out.http, host="mail.example", port=25)
    reached = await server.send(make_call(), "esb@example.com", ["a@x.com"], COMPOSED)
    assert str(reached.error) == "Failed to send mail, the host name could not be resolved"


async def test_what_cannot_be_said_to_a_server_is_told_without_a_word_of_it(out: Out) -> None:
    async with smtp_server(inbox := Inbox()) as port:
        reached = await out.send(port, ["用户@x.com"])
    assert str(reached.error) == (
        "Failed to send mail, the server takes no addresses that are not ASCII: it does not announce SMTPUTF8"
    )
    assert (out.exchange.kind, inbox.delivered) == ("config", [])


async def test_a_host_that_cannot_be_asked_for_is_told_likewise(out: Out) -> None:
    server = SmtpServer(out.http, host=f"{'例' * 64}.example", port=25)
    reached = await server.send(make_call(), "esb@example.com", ["a@x.com"], COMPOSED)
    assert str(reached.error) == "Failed to send mail, the mail cannot be sent in this form"
    assert out.exchange.kind == "message"


@pytest.mark.parametrize("command", ["EHLO", "MAIL FROM", "RCPT TO"])
async def test_a_server_that_hangs_before_the_mail_is_left_at_the_deadline(out: Out, command: str) -> None:
    async def script(peer: Peer) -> None:
        await speak(peer, {command: ""})

    async with raw_server(script) as server:
        reached = await late(20, out.send(server.port, timeout=20), server.has_fallen_silent(1))
        async with asyncio.timeout(30):
            await server.all_gone.wait()
    assert reached.unknown == ()
    assert str(reached.failed[0].errmsg) == "Third-party system interface response time exceeds 20 seconds"


async def test_a_server_that_says_nothing_at_all_is_left_at_the_deadline(out: Out) -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    async with raw_server(script) as server:
        reached = await late(20, out.send(server.port, timeout=20), server.has_fallen_silent(1))
    assert reached.failed[0].errcode is None


async def test_a_slow_server_has_all_the_time_of_the_call(out: Out) -> None:
    goes_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.send(b"220 mx.test\r\n")
        await peer.reader.readline()
        await goes_on.wait()
        await peer.send(b"250 OK\r\n")
        await speak(peer, {"DATA": "354 go on"}, greets=False)

    async with raw_server(script) as server:
        with movable_loop_time() as advance:
            sending = asyncio.ensure_future(out.send(server.port, timeout=200))
            await server.has_opened(1)
            await turns(20)
            advance(150)
            await turns(20)
            goes_on.set()
            assert (await sending).accepted == ("a@x.com",)


@pytest.mark.parametrize("answer", ["", "RST"])
async def test_nobody_knows_what_became_of_a_mail_whose_connection_dies_after_data(out: Out, answer: str) -> None:
    async def script(peer: Peer) -> None:
        await speak(peer, {"DATA": "354 go on", ".": answer})

    async with raw_server(script) as server:
        call = make_call(timeout=20)
        sending = out.server(server.port).send(call, "esb@example.com", ["a@x.com", "b@x.com"], COMPOSED)
        reached = await (late(20, sending, server.has_fallen_silent(1)) if answer == "" else sending)
        async with asyncio.timeout(30):
            await server.all_gone.wait()
    assert reached.unknown == ("a@x.com", "b@x.com")
    assert reached.failed == ()
    assert reached.msgids == ("<1@example.com>",)
    assert reached.error is not None
    assert reached.error.sent  # type: ignore[union-attr]  # an SMTP failure is an UpstreamError
    assert call.record.sent


async def test_what_was_accepted_stays_accepted_when_a_later_transaction_fails(out: Out) -> None:
    mails = 0

    async def script(peer: Peer) -> None:
        nonlocal mails
        await peer.send(b"220 mx.test\r\n")
        while line := await peer.reader.readline():
            mails += line.startswith(b"MAIL")
            if mails == 2:
                return peer.reset()
            await peer.send(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 OK\r\n")
            if line.startswith(b"DATA"):
                await peer.reader.readuntil(b"\r\n.\r\n")
                await peer.send(b"250 OK\r\n")
        return None

    receivers = [f"user{number}@x.com" for number in range(RECEIVERS_AT_ONCE + 1)]
    async with raw_server(script) as server:
        reached = await out.send(server.port, receivers)
    assert reached.accepted == tuple(receivers[:-1])
    assert [failure.receiver for failure in reached.failed] == receivers[-1:]
    assert reached.unknown == ()


async def test_a_server_that_hangs_at_the_goodbye_has_sent_the_mail(out: Out) -> None:
    async def script(peer: Peer) -> None:
        await speak(peer, {"DATA": "354 go on", "QUIT": ""})

    async with raw_server(script) as server:
        reached = await late(20, out.send(server.port, timeout=20), server.has_fallen_silent(1))
    assert reached == DeliveryOutcome(accepted=("a@x.com",), msgids=("<1@example.com>",))


async def test_a_server_that_shuts_down_in_the_middle_refuses_the_rest(out: Out) -> None:
    async def script(peer: Peer) -> None:
        await speak(peer, {"RCPT TO": "421 shutting down"})

    async with raw_server(script) as server:
        reached = await out.send(server.port, ["a@x.com", "b@x.com"])
    assert [(failure.receiver, failure.errcode) for failure in reached.failed] == [("a@x.com", 421), ("b@x.com", None)]


async def test_mails_over_the_limit_of_connections_wait_their_turn(out: Out) -> None:
    enough = asyncio.Event()

    async def pause() -> None:
        if inbox.open_now >= CONNECTIONS_AT_ONCE:
            enough.set()
        await enough.wait()

    inbox = Inbox(pause=pause)
    async with smtp_server(inbox) as port:
        server = out.server(port)
        sending = [
            server.send(make_call(), "esb@example.com", ["a@x.com"], COMPOSED) for _ in range(CONNECTIONS_AT_ONCE + 5)
        ]
        reached = await asyncio.gather(*sending)
    assert all(one.accepted for one in reached)
    assert len(inbox.delivered) == CONNECTIONS_AT_ONCE + 5
    assert inbox.connections == CONNECTIONS_AT_ONCE + 5


async def test_a_server_has_only_so_many_connections_of_ours_and_who_waits_too_long_has_sent_nothing(out: Out) -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    async with raw_server(script) as server:
        smtp = out.server(server.port)
        hanging = [
            smtp.send(make_call(timeout=30), "e@x.com", ["a@x.com"], COMPOSED) for _ in range(CONNECTIONS_AT_ONCE)
        ]
        waiting = smtp.send(make_call(timeout=20), "e@x.com", ["a@x.com"], COMPOSED)
        sending = asyncio.gather(*hanging, waiting)
        await server.has_fallen_silent(CONNECTIONS_AT_ONCE)
        with movable_loop_time() as advance:
            for _ in range(2):  # first the one that waits, then those it waits for
                advance(20)
                await turns()
            *_, refused = await sending
    assert str(refused.failed[0].errmsg) == "Third-party system interface response time exceeds 20 seconds"
    assert isinstance(refused.error, UpstreamError)
    assert not refused.error.sent
    assert server.opened == CONNECTIONS_AT_ONCE
    assert smtp._places.is_idle  # whoever got none gave none back
    assert {event.kind for event in out.events if isinstance(event, UpstreamFinished)} == {"network"}


async def test_a_cancelled_call_leaves_no_connection_behind(out: Out) -> None:
    async def script(peer: Peer) -> None:
        await speak(peer, {"DATA": "354 go on", ".": ""})

    async with raw_server(script) as server:
        call = make_call()
        task = asyncio.ensure_future(out.server(server.port).send(call, "esb@example.com", ["a@x.com"], COMPOSED))
        await server.has_fallen_silent(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            await server.all_gone.wait()
    assert call.record.sent
    assert out.exchange.failure == "cancelled"
