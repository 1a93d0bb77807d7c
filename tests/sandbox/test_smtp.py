"""The SMTP side: mails of a real client become messages; addresses, logins, limits and faults."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
from pytest_aiohttp import AiohttpClient

from esb.sandbox import create_sandbox
from esb.sandbox.smtp import taking_mails
from esb.server.listening_sockets import bound
from tests.support.clock import Clock
from tests.support.wechat_client import WeChat

SENDER, ANN, BOB = "esb@example.com", "ann@example.com", "bob@example.com"


@dataclass
class Mail:
    """A sandbox that takes mails at a port."""

    control: WeChat
    port: int

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[aiosmtplib.SMTP]:
        """Yield a client that has said hello; its connection ends in any case."""
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False, **options)
        await client.connect()
        try:
            yield client
        finally:
            client.close()

    async def send(self, *receivers: str, subject: str = "hi", **options: Any) -> None:
        """Send one mail; SMTPException if the server says no."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = subject, SENDER, ", ".join(receivers)
        mail.set_content("hello\n..two dots\n")
        async with self.client(**options) as client:
            await client.send_message(mail, sender=SENDER, recipients=list(receivers))

    async def fault(self, path: str, action: dict[str, Any], **more: Any) -> None:
        await self.control.control("POST", "faults", {"match": {"path": path, **more}, "action": action})

    async def messages(self) -> list[dict[str, Any]]:
        return await self.control.messages()


@pytest.fixture
async def mail(aiohttp_client: AiohttpClient) -> AsyncIterator[Mail]:
    clock, app = Clock(), create_sandbox(clock=Clock().since_1970)
    async with AsyncExitStack() as stack:
        sockets = bound("127.0.0.1", 0)
        control = WeChat(await aiohttp_client(app), clock)
        await stack.enter_async_context(taking_mails(app, sockets))
        yield Mail(control, sockets[0].getsockname()[1])


async def test_a_mail_is_a_message_of_the_inbox(mail: Mail) -> None:
    await mail.send(ANN, BOB, subject="磁盘告警")

    [message] = await mail.messages()
    assert (message["platform"], message["app"], message["endpoint"]) == ("mail", SENDER, "smtp/DATA")
    assert (message["delivered"], message["invalid"]) == ([ANN, BOB], [])
    assert message["text"] == "磁盘告警\nhello\n..two dots"
    assert message["body"]["subject"] == "磁盘告警"
    assert message["reply"] == {"code": 250, "text": "2.0.0 OK: queued as 1"}
    stats = (await mail.control.control("GET", "stats"))["endpoints"]
    assert {name: stats[name]["codes"] for name in ("smtp/MAIL", "smtp/RCPT", "smtp/DATA")} == {
        "smtp/MAIL": {"250": 1},
        "smtp/RCPT": {"250": 2},
        "smtp/DATA": {"250": 1},
    }


async def test_messages_are_found_by_receiver_and_by_sender(mail: Mail) -> None:
    await mail.send(ANN)
    await mail.send(BOB)

    for query in (f"touser={BOB}", f"app={SENDER}&since=1", "platform=mail&since=1"):
        [message] = (await mail.control.control("GET", f"messages?{query}"))["messages"]
        assert message["delivered"] == [BOB]


async def test_the_control_api_tells_the_port(mail: Mail, aiohttp_client: AiohttpClient) -> None:
    assert await mail.control.control("GET", "smtp") == {"port": mail.port}
    await mail.control.control("POST", "reset")
    assert await mail.control.control("GET", "smtp") == {"port": mail.port}

    without = WeChat(await aiohttp_client(create_sandbox()), Clock())
    assert await without.control("GET", "smtp") == {"port": None}


async def test_the_standard_library_sends_here_too(mail: Mail) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", mail.port) as client:
            client.sendmail(SENDER, [ANN], b"Subject: hi\r\n\r\nhello\r\n")

    await asyncio.to_thread(send)

    [message] = await mail.messages()
    assert message["text"] == "hi\nhello"


async def test_addresses_that_the_seed_refuses_are_invalid_beside_those_that_are_reached(mail: Mail) -> None:
    await mail.control.control("PATCH", "mail", {"refused": {"Bob@example.com": 550, "gone@example.com": 451}})

    await mail.send(ANN, BOB, "gone@example.com")

    [message] = await mail.messages()
    assert (message["delivered"], message["invalid"]) == ([ANN], [BOB, "gone@example.com"])


async def test_a_mail_that_nobody_gets_is_no_message(mail: Mail) -> None:
    await mail.control.seed(mail={"refused": {BOB: 550}})

    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await mail.send(BOB)

    assert [refused.code for refused in caught.value.recipients] == [550]
    assert await mail.messages() == []


async def test_refused_addresses_of_one_mail_are_not_those_of_the_next(mail: Mail) -> None:
    await mail.control.control("PATCH", "mail", {"refused": {BOB: 550}})
    async with mail.client() as client:
        for receivers in ([ANN, BOB], [ANN]):
            await client.sendmail(SENDER, receivers, "Subject: hi\r\n\r\nhello\r\n")

    first, second = await mail.messages()
    assert (first["invalid"], second["invalid"]) == ([BOB], [])


async def test_whoever_comes_may_log_in_with_anything_unless_there_are_users(mail: Mail) -> None:
    await mail.send(ANN, username="anybody", password="anything")
    assert len(await mail.messages()) == 1

    await mail.control.control("PATCH", "mail", {"users": {"esb": "right"}})
    for options in ({"username": "esb", "password": "wrong"}, {"username": "other", "password": "right"}):
        with pytest.raises(aiosmtplib.SMTPAuthenticationError) as caught:
            await mail.send(ANN, **options)
        assert caught.value.code == 535
    with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
        await mail.send(ANN)
    assert refused.value.code == 530

    await mail.send(ANN, username="esb", password="right")
    assert len(await mail.messages()) == 2
    stats = (await mail.control.control("GET", "stats"))["endpoints"]
    assert stats["smtp/AUTH"]["codes"]["535"] > stats["smtp/AUTH"]["codes"]["235"] == 2


async def test_a_mail_over_the_size_is_refused(mail: Mail) -> None:
    await mail.control.turn(mail_bytes=1000)

    async with mail.client() as client:
        with pytest.raises(aiosmtplib.SMTPResponseException) as caught:
            await client.sendmail(SENDER, [ANN], "Subject: hi\r\n\r\n" + "x" * 70 + "\r\n" * 1000)
    assert caught.value.code == 552
    assert await mail.messages() == []


async def test_a_mail_has_a_bound_of_receivers(mail: Mail) -> None:
    await mail.control.turn(mail_recipients=1)

    await mail.send(ANN, BOB)

    [message] = await mail.messages()
    assert (message["delivered"], message["invalid"]) == ([ANN], [BOB])


async def test_a_sender_has_a_limit_of_the_minute(mail: Mail) -> None:
    await mail.control.turn(mail_per_minute=1)
    await mail.send(ANN)

    with pytest.raises(aiosmtplib.SMTPSenderRefused) as caught:
        await mail.send(ANN)
    assert caught.value.code == 450
    await mail.control.control("POST", "clock", {"advance": 60})
    await mail.send(ANN)


@pytest.mark.parametrize("offered", [True, False])
async def test_addresses_that_are_not_ascii_are_taken_or_not(mail: Mail, offered: bool) -> None:
    await mail.control.turn(mail_smtputf8=offered)

    async with mail.client() as client:
        await client.ehlo()
        assert client.supports_extension("smtputf8") is offered


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("smtp/MAIL", aiosmtplib.SMTPSenderRefused),
        ("smtp/RCPT", aiosmtplib.SMTPRecipientsRefused),
        ("smtp/DATA", aiosmtplib.SMTPDataError),
    ],
)
async def test_a_command_is_refused_once_by_a_fault(
    mail: Mail, path: str, error: type[aiosmtplib.SMTPException]
) -> None:
    await mail.fault(path, {"errcode": 451, "errmsg": "4.7.1 come\r\nback later"})

    with pytest.raises(error) as caught:
        await mail.send(ANN)
    said = caught.value.recipients[0] if isinstance(caught.value, aiosmtplib.SMTPRecipientsRefused) else caught.value
    assert (getattr(said, "code", 0), getattr(said, "message", "")) == (451, "4.7.1 come back later")
    assert await mail.messages() == []

    await mail.send(ANN)
    assert len(await mail.messages()) == 1


async def test_a_login_is_refused_by_a_fault(mail: Mail) -> None:
    body = {"match": {"path": "smtp/AUTH"}, "action": {"errcode": 454}, "times": 0}
    await mail.control.control("POST", "faults", body)  # a client tries one mechanism after the other

    with pytest.raises(aiosmtplib.SMTPAuthenticationError) as caught:
        async with mail.client(username="a", password="b"):
            pass
    assert caught.value.code == 454


async def test_a_fault_strikes_one_receiver_of_several(mail: Mail) -> None:
    await mail.fault("smtp/RCPT", {"errcode": 450}, touser=BOB, app=SENDER)

    await mail.send(ANN, BOB)

    [message] = await mail.messages()
    assert (message["delivered"], message["invalid"]) == ([ANN], [BOB])


async def test_a_number_that_is_no_code_of_smtp_is_a_passing_trouble_here(mail: Mail) -> None:
    await mail.control.control("POST", "faults", {"match": {"nth": 3}, "action": {"errcode": 40001}})

    with pytest.raises(aiosmtplib.SMTPDataError) as caught:
        await mail.send(ANN)
    assert caught.value.code == 451


async def test_a_fault_after_leaves_the_mail_in_the_inbox_while_the_sender_is_told_no(mail: Mail) -> None:
    await mail.control.control(
        "POST", "faults", {"match": {"path": "smtp/DATA"}, "action": {"errcode": 452}, "when": "after"}
    )

    with pytest.raises(aiosmtplib.SMTPDataError):
        await mail.send(ANN)

    [message] = await mail.messages()
    assert (message["fault"], message["reply"]) == (1, {"code": 452, "text": "refused by the sandbox"})


async def test_a_receiver_that_was_refused_after_all_does_not_get_the_mail(mail: Mail) -> None:
    await mail.control.control(
        "POST", "faults", {"match": {"path": "smtp/RCPT"}, "action": {"errcode": 450}, "when": "after"}
    )

    await mail.send(ANN, BOB)

    [message] = await mail.messages()
    assert (message["delivered"], message["invalid"]) == ([BOB], [ANN])


@pytest.mark.parametrize("action", [{"close": True}, {"reset": "head"}])
@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
async def test_a_connection_ends_in_place_of_an_answer(
    mail: Mail, action: dict[str, Any], when: str, kept: int
) -> None:
    body = {"match": {"path": "smtp/DATA"}, "action": action, "when": when}
    await mail.control.control("POST", "faults", body)

    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await mail.send(ANN)

    assert len(await mail.messages()) == kept
    await mail.send(ANN)


async def test_a_command_that_hangs_ends_with_its_client(mail: Mail) -> None:
    await mail.fault("smtp/DATA", {"hang": True})
    sending = asyncio.create_task(mail.send(ANN))
    while not (await mail.control.control("GET", "faults"))["faults"][0]["struck"]:
        pass

    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)

    assert await mail.messages() == []
    await mail.send(ANN)


async def test_a_delay_is_part_of_the_answer(mail: Mail) -> None:
    await mail.fault("smtp/MAIL", {"latency_ms": 1})

    await mail.send(ANN)

    assert len(await mail.messages()) == 1


async def test_open_connections_end_with_the_sandbox(aiohttp_client: AiohttpClient) -> None:
    app, sockets = create_sandbox(), bound("127.0.0.1", 0)
    await aiohttp_client(app)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(taking_mails(app, sockets))
        port = sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"220 sandbox.invalid")

    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_no_new_client_comes_in_after_retirement_and_those_there_go_on(aiohttp_client: AiohttpClient) -> None:
    app, sockets = create_sandbox(), bound("127.0.0.1", 0)
    control = WeChat(await aiohttp_client(app), Clock())
    async with taking_mails(app, sockets) as retire:
        mail = Mail(control, sockets[0].getsockname()[1])
        async with mail.client() as client:
            await retire()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", mail.port)
            await client.sendmail(SENDER, [ANN], "Subject: hi\r\n\r\nhello\r\n")
    assert len(await mail.messages()) == 1
