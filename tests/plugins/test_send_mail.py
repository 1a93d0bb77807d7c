import base64
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from esb.core.errors import ConfigError
from esb.core.events import UpstreamFinished
from tests.support.configuration import DEMO
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import late
from tests.support.servers.raw_server import Peer, raw_server
from tests.support.servers.smtp_server import PASSWORD, USER, Inbox, certificate, smtp_server, speak
from tests.support.servers.tencent import Relay

SEND_MAIL = "cmsi/send_mail"
MAIL: dict[str, Any] = {"title": "T", "content": "C"}
OpenMail = Callable[..., Awaitable[Gateway]]


def stanza(config: str, timeout: float = 300) -> str:
    lines = ["  - path: /cmsi/send_mail/", "    use: cmsi_send_mail", f"    timeout: {timeout}"]
    return "\n".join([*lines, f"    config: {{{config}}}"])


def smtp_config(port: int, more: str = "") -> str:
    return f"smtp_host: 127.0.0.1, smtp_port: {port}, mail_sender: 蓝鲸告警 <esb@example.com>{more}"


@pytest.fixture
def open_mail(open_gateway: OpenGateway, opened: AsyncExitStack) -> OpenMail:
    """A gateway whose send_mail goes to a real SMTP server with this inbox."""

    async def open_one(inbox: Inbox, more: str = "", **options: Any) -> Gateway:
        port = await opened.enter_async_context(smtp_server(inbox, **options))
        return await open_gateway(stanza(smtp_config(port, more)))

    return open_one


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def mail(open_mail: OpenMail, inbox: Inbox) -> Gateway:
    return await open_mail(inbox)


async def send_large(gateway: Gateway, **params: Any) -> Any:
    """The envelope of a send_mail over a megabyte, which aiohttp's client wants to read from a file."""
    raw = BytesIO(json.dumps({**DEMO, **params}).encode())
    return await (await gateway.request("POST", f"/api/c/compapi/{SEND_MAIL}/", data=raw)).json()


def body(message: EmailMessage) -> str:
    part = message.get_body()
    assert part is not None
    return str(part.get_content())


def files(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.walk() if part.get_filename()]


def assert_leaks_no_secret(gateway: Gateway, answer: Any) -> None:
    told = json.dumps(answer) + repr(gateway.events)
    for secret in (PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), "wrong-pwd", "relay-key", "http://"):
        assert secret not in told
    assert "127.0.0.1:" not in json.dumps(answer)  # the log has the host


async def test_a_mail_arrives(mail: Gateway, inbox: Inbox) -> None:
    answer = await mail.call(SEND_MAIL, receiver="a@x.com,b@x.com", title="磁盘满 disk full", content="<b>你好</b>")
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    message = inbox.only()
    assert answer["data"] == {
        "username_check": {"invalid": []},
        "accepted": ["a@x.com", "b@x.com"],
        "failed": [],
        "unknown": [],
        "msgids": [str(message["Message-ID"])],
    }
    assert (str(message["Subject"]), str(message["To"])) == ("磁盘满 disk full", "a@x.com, b@x.com")
    assert message["From"].addresses[0].display_name == "蓝鲸告警"
    assert inbox.delivered[0].sender == "esb@example.com"
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert body(message).strip() == "<b>你好</b>"
    assert message["Cc"] is None
    (event,) = (event for event in mail.events if isinstance(event, UpstreamFinished))
    assert (event.system, event.interface, event.failure) == ("SMTP", "send_mail", "")


async def test_a_big_pdf_with_an_utf_8_subject_and_two_copies_arrives_byte_identical(
    mail: Gateway, inbox: Inbox
) -> None:
    pdf = b"%PDF-1.7\n.\r\n..\r\n" + random.Random(7).randbytes(5 * 2**20)
    answer = await send_large(
        mail,
        receiver="a@x.com",
        cc="b@x.com;c@x.com",
        title="九月账单与容量报告，" * 12,
        content="See the report.",
        body_format="Text",
        attachments=[{"filename": "容量报告 九月.pdf", "content": base64.b64encode(pdf).decode()}],
    )
    assert answer["message"] == "OK"
    assert answer["data"]["accepted"] == ["a@x.com", "b@x.com", "c@x.com"]
    message = inbox.only()
    assert inbox.delivered[0].receivers == ["a@x.com", "b@x.com", "c@x.com"]
    assert (str(message["To"]), str(message["Cc"])) == ("a@x.com", "b@x.com, c@x.com")
    assert str(message["Subject"]) == "九月账单与容量报告，" * 12
    (file,) = files(message)
    assert (file.get_filename(), file.get_content_type()) == ("容量报告 九月.pdf", "application/pdf")
    assert file.get_content_disposition() == "attachment"
    assert file.get_payload(decode=True) == pdf
    assert (body(message).strip(), message.get_content_type()) == ("See the report.", "multipart/mixed")


async def test_attachments_of_every_type_arrive_byte_identical(mail: Gateway, inbox: Inbox) -> None:
    raw = bytes(range(256)) * 3 + b"\nFrom x\n.\n"
    kinds = [
        ("a.txt", ""), ("a.csv", "csv"), ("a.eml", ""), ("a.tar.gz", ""), ("noname", ""), ("x", "application/x-own"),
        ("b.bin", "message/rfc822"), ("c", "multipart/mixed"), ("d", "zip"), ("e", "nonsense; x=\"y\""),
    ]  # fmt: skip
    content = base64.encodebytes(raw).decode()
    attachments = [{"filename": name, "content": content, "type": kind} for name, kind in kinds]
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", attachments=attachments, **MAIL)
    assert answer["message"] == "OK"
    arrived = files(inbox.only())
    assert [file.get_filename() for file in arrived] == [name for name, _ in kinds]
    assert all(file.get_payload(decode=True) == raw for file in arrived)
    assert [file.get_content_type() for file in arrived] == [
        "text/plain", "text/csv", "application/octet-stream", "application/octet-stream", "application/octet-stream",
        "application/x-own", "application/octet-stream", "application/octet-stream", "application/zip",
        "application/octet-stream",
    ]  # fmt: skip


async def test_a_picture_is_shown_inside_the_text_by_its_content_id(mail: Gateway, inbox: Inbox) -> None:
    picture = base64.b64encode(b"\x89PNG...").decode()
    answer = await mail.call(
        SEND_MAIL,
        receiver="a@x.com",
        title="T",
        content='<img src="cid:logo"><img src="cid:b.png">',
        attachments=[
            {"filename": "a.png", "content": picture, "content_id": "<logo>"},
            {"filename": "b.png", "content": picture},
            {"filename": "c.png", "content": picture, "disposition": "attachment"},
            {"filename": "图.jpg", "content": picture, "type": "image"},
        ],
    )
    assert answer["message"] == "OK"
    arrived = files(inbox.only())
    assert [(file["Content-ID"], file.get_content_disposition(), file.get_content_type()) for file in arrived] == [
        ("<logo>", "inline", "image/png"),
        ("<b.png>", "inline", "image/png"),
        ("<c.png>", "attachment", "image/png"),
        (None, "inline", "image/jpeg"),
    ]


async def test_user_names_are_looked_up_for_receivers_and_copies(mail: Gateway, inbox: Inbox) -> None:
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", cc__username="admin", **MAIL)
    assert answer["data"]["accepted"] == ["a@x.com", "admin"]
    assert inbox.delivered[0].receivers == ["a@x.com", "admin@example.com"]
    answer = await mail.call(SEND_MAIL, receiver__username="admin", cc="admin@example.com", **MAIL)
    assert answer["data"]["accepted"] == ["admin", "admin@example.com"]
    assert inbox.delivered[1].receivers == ["admin@example.com"]


async def test_addresses_win_over_user_names(mail: Gateway) -> None:
    answer = await mail.call(
        SEND_MAIL, receiver="a@x.com", receiver__username="nobody", cc="b@x.com", cc__username="nobody", **MAIL
    )
    assert answer["data"]["accepted"] == ["a@x.com", "b@x.com"]


async def test_the_others_get_it_when_some_users_do_not_exist_or_have_no_address(mail: Gateway, inbox: Inbox) -> None:
    answer = await mail.call(SEND_MAIL, receiver__username="admin,nobody", cc__username="without,nobody", **MAIL)
    assert answer["result"] is False
    assert answer["message"] == (
        "Some users failed to send email. The following users are not blueking users: nobody;"
        "The following users contact format are incorrect: without"
    )
    assert answer["data"]["accepted"] == ["admin"]
    assert answer["data"]["username_check"] == {"invalid": ["nobody"]}
    assert answer["data"]["failed"] == [
        {"receiver": "nobody", "errcode": None, "errmsg": "not a blueking user", "class": "receiver"},
        {"receiver": "without", "errcode": None, "errmsg": "contact format is incorrect", "class": "receiver"},
    ]
    assert inbox.delivered[0].receivers == ["admin@example.com"]


async def test_nothing_is_sent_when_no_user_can_be_reached(mail: Gateway, inbox: Inbox) -> None:
    answer = await mail.call(SEND_MAIL, receiver__username="without", cc="a@x.com", **MAIL)
    assert answer["message"] == (
        "All users message failed to be sent. The following users contact format are incorrect: without"
    )
    assert inbox.delivered == []


async def test_names_may_stand_beside_addresses(mail: Gateway, inbox: Inbox) -> None:
    receivers = ["张三 <a@x.com>", '"Li, Si" <b@x.com>', "c@x.com"]
    answer = await mail.call(SEND_MAIL, receiver=receivers, sender="监控 <m@example.com>", **MAIL)
    assert answer["data"]["accepted"] == receivers
    message = inbox.only()
    assert [box.display_name for box in message["To"].addresses] == ["张三", "Li, Si", ""]
    assert [box.addr_spec for box in message["To"].addresses] == ["a@x.com", "b@x.com", "c@x.com"]
    assert (inbox.delivered[0].sender, message["From"].addresses[0].display_name) == ("m@example.com", "监控")


async def test_thousands_of_receivers_get_one_mail_each(mail: Gateway, inbox: Inbox) -> None:
    receivers = [f"user{number}@x.com" for number in range(2000)]
    answer = await mail.call(SEND_MAIL, receiver=receivers * 2, **MAIL)
    assert answer["data"]["accepted"] == receivers
    assert [receiver for delivered in inbox.delivered for receiver in delivered.receivers] == receivers
    assert len({str(delivered.mail["Message-ID"]) for delivered in inbox.delivered}) == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"receiver": "a@x.com", "content": "C"}, "email subject [title] This field is required."),
        ({"receiver": "a@x.com", "title": "T"}, "email content [content] This field is required."),
        (MAIL, "Receiver [receiver, receiver__username] shall not be empty at the same time"),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": {"filename": "a"}},
            "attachments [attachments] Must be the specified parameter data type list",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": [{"content": "YQ=="}]},
            "filename [filename] This field is required.",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": [{"filename": "a"}]},
            "content [content] This field is required.",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": [{"filename": "a", "content": "YQ"}]},
            "content [content] Must be base64 of the file a",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": [{"filename": "a", "content": "YQ==", "content_id": "ü"}]},
            "content_id [content_id] Must be ASCII without spaces",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "is_content_base64": True},
            "email content [content] Must be base64 of UTF-8 text, as is_content_base64 says",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "title": "T" * 1001},
            "email subject [title] Must be at most 1000 characters",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": [{"filename": "a" * 1001, "content": "YQ=="}]},
            "filename [filename] Must be at most 1000 characters",
        ),
        (
            {"receiver": "a@x.com", **MAIL, "attachments": [{"filename": "a", "content": "YQ=="}] * 201},
            "attachments [attachments] Must be at most 200 attachments",
        ),
        ({"receiver": "a@x.com", **MAIL, "sender": "admin"}, "sender [sender] Enter a valid email address."),
        (
            {"receiver": "bad,a@x.com,worse", **MAIL},
            "User message failed to send. The following users contact format are incorrect: bad,worse, please check",
        ),
        (
            {"receiver": "a@x.com", "cc": "bad", **MAIL},
            "User message failed to send. The following users contact format are incorrect: bad, please check",
        ),
    ],
)
async def test_wrong_parameters_are_told_before_anything_is_sent(
    mail: Gateway, inbox: Inbox, params: dict[str, Any], message: str
) -> None:
    answer = await mail.call(SEND_MAIL, **params)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, message)
    assert inbox.connections == 0


@pytest.mark.parametrize("evil", ["x\r\nBcc: z@evil.com", "x\nBcc: z@evil.com", "x\u2028y", "x\x85y", "x\x0by"])
async def test_no_header_can_be_smuggled_in(mail: Gateway, inbox: Inbox, evil: str) -> None:
    for params in ({"title": evil}, {"sender": f"{evil}@x.com"}):
        answer = await mail.call(SEND_MAIL, **{"receiver": "a@x.com", **MAIL, **params})
        assert answer["message"].endswith("Line breaks and control characters are not allowed.")
    attachment = {"filename": evil, "content": "YQ=="}
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", attachments=[attachment], **MAIL)
    assert answer["message"] == "filename [filename] Line breaks and control characters are not allowed."
    answer = await mail.call(SEND_MAIL, receiver=[f"{evil} <a@x.com>", f"a@x.com{evil}"], **MAIL)
    assert answer["message"].startswith("User message failed to send.")
    assert inbox.connections == 0


async def test_base64_content_is_decoded(mail: Gateway, inbox: Inbox) -> None:
    content = base64.encodebytes("你好 <b>世界</b>".encode()).decode()
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", title="T", content=content, is_content_base64="1")
    assert answer["result"] is True
    assert body(inbox.only()).strip() == "你好 <b>世界</b>"


async def test_send_msg_brings_its_mails_here(open_gateway: OpenGateway, opened: AsyncExitStack, inbox: Inbox) -> None:
    port = await opened.enter_async_context(smtp_server(inbox))
    gateway = await open_gateway(stanza(smtp_config(port)) + "\n  - {path: /cmsi/send_msg/, use: cmsi_send_msg}")
    attachments = [{"filename": "a.txt", "content": "YQ=="}]
    answer = await gateway.call(
        "cmsi/send_msg",
        msg_type="mail",
        receiver__username="admin",
        attachments=attachments,
        body_format="Text",
        **MAIL,
    )
    assert (answer["message"], answer["data"]["accepted"]) == ("OK", ["admin"])
    assert [file.get_payload(decode=True) for file in files(inbox.only())] == [b"a"]


async def test_a_sender_is_needed_from_somebody(open_gateway: OpenGateway, opened: AsyncExitStack) -> None:
    port = await opened.enter_async_context(smtp_server(Inbox()))
    gateway = await open_gateway(stanza(f"smtp_host: 127.0.0.1, smtp_port: {port}"))
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    assert answer["message"] == "sender [sender] This field is required."
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com", sender="m@x.com", **MAIL)
    assert answer["message"] == "OK"


async def test_a_refused_receiver_is_told_and_the_others_get_the_mail(open_mail: OpenMail) -> None:
    inbox = Inbox(refused={"b@x.com": "550 5.1.1 no such user"})
    gateway = await open_mail(inbox)
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com,b@x.com", **MAIL)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == "Failed to send mail, refused receiver: b@x.com"
    data = answer["data"]
    assert data["accepted"] == ["a@x.com"]
    assert data["failed"] == [
        {"receiver": "b@x.com", "errcode": 550, "errmsg": "5.1.1 no such user", "class": "receiver"}
    ]
    assert (data["errcode"], data["errmsg"]) == (550, "5.1.1 no such user")
    assert inbox.delivered[0].receivers == ["a@x.com"]


@pytest.mark.parametrize("encryption", ["smtp_usessl", "smtp_usetls"])
async def test_login_and_mail_go_encrypted(
    open_mail: OpenMail, inbox: Inbox, encryption: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(own.file))
    options = (
        {"tls": own.context, "auth_require_tls": False} if encryption == "smtp_usessl" else {"starttls": own.context}
    )
    gateway = await open_mail(
        inbox,
        f", {encryption}: true, smtp_user: {USER}, smtp_pwd: {PASSWORD}",
        authenticator=inbox.authenticate,
        auth_required=True,
        **options,
    )
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    assert answer["message"] == "OK"
    assert inbox.logins == [USER]
    assert_leaks_no_secret(gateway, answer)


async def test_a_wrong_password_is_told_without_it(
    open_mail: OpenMail, inbox: Inbox, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway = await open_mail(
        inbox,
        f", smtp_user: {USER}, smtp_pwd: wrong-pwd",
        authenticator=inbox.authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert answer["message"] == "Failed to send mail, the user name or the password was refused (535)"
    assert answer["data"]["failed"][0]["errcode"] == 535
    assert inbox.delivered == []
    assert_leaks_no_secret(gateway, answer)
    assert "wrong-pwd" not in "".join(capfd.readouterr())


async def test_a_server_that_is_down_is_told(open_gateway: OpenGateway, unused_tcp_port: int) -> None:
    gateway = await open_gateway(stanza(smtp_config(unused_tcp_port)))
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    assert (answer["code"], answer["message"]) == (
        1306201,
        "Failed to send mail, the connection could not be established",
    )
    assert answer["data"]["failed"] == [
        {"receiver": "a@x.com", "errcode": None, "errmsg": "the connection could not be established", "class": "busy"}
    ]
    assert_leaks_no_secret(gateway, answer)


@pytest.mark.parametrize(("command", "fate"), [("RCPT TO", "failed"), (".", "unknown")])
async def test_a_hanging_server_is_left_at_the_deadline(open_gateway: OpenGateway, command: str, fate: str) -> None:
    async def script(peer: Peer) -> None:
        await speak(peer, {"DATA": "354 go on", command: ""})

    async with raw_server(script) as server:
        gateway = await open_gateway(stanza(smtp_config(server.port), timeout=20))
        sending = gateway.call(SEND_MAIL, receiver="a@x.com", **MAIL)
        answer = await late(20, sending, server.has_fallen_silent(1))
        assert (answer["code"], answer["result"]) == (1306201, False)
        assert answer["message"] == (
            "Failed to send mail, Third-party system interface response time exceeds 20 seconds"
        )
        assert len(answer["data"][fate]) == 1


@pytest.mark.parametrize("config", ["", "mail_sender: a@x.com", "smtp_port: 25"])
async def test_an_unfinished_stanza_says_what_is_missing(open_gateway: OpenGateway, config: str) -> None:
    gateway = await open_gateway(stanza(config))
    answer = await gateway.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == (
        "Unfinished interface shall be improved by the component developer: "
        "the operator has to configure dest_url, or else smtp_host"
    )


async def test_a_relay_gets_the_message_in_the_old_form(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    relay = Relay({"result": True, "data": {"id": 7}, "message": "sent"})
    url = await open_server(relay.application())
    gateway = await open_gateway(stanza(f"dest_url: '{url}/relay?key=relay-key', smtp_host: mx, mail_sender: ESB"))
    content = base64.b64encode("你好".encode()).decode()
    attachment = {"filename": "a.txt", "content": "YQ=="}
    answer = await gateway.call(
        SEND_MAIL,
        receiver__username="admin",
        cc="b@x.com",
        title="T",
        content=content,
        is_content_base64=True,
        attachments=[attachment],
    )
    assert relay.messages == [
        {
            "sender": "ESB",
            "receiver": ["admin@example.com"],
            "cc": ["b@x.com"],
            "title": "T",
            "content": "你好",
            "is_content_base64": False,
            "body_format": "Html",
            "attachments": [{**attachment, "type": "", "disposition": "", "content_id": ""}],
        }
    ]
    assert (answer["message"], answer["data"]["id"]) == ("OK", 7)
    assert answer["data"]["accepted"] == ["admin", "b@x.com"]
    assert_leaks_no_secret(gateway, answer)


async def test_a_relay_gets_a_big_attachment_too(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    relay = Relay()
    gateway = await open_gateway(stanza(f"dest_url: '{await open_server(relay.application())}/relay'"))
    attachment = {"filename": "a.bin", "content": base64.b64encode(bytes(5 * 2**20)).decode()}
    answer = await send_large(gateway, receiver="a@x.com", attachments=[attachment], **MAIL)
    assert answer["message"] == "OK"
    assert relay.messages[0]["attachments"][0]["content"] == attachment["content"]


@pytest.mark.parametrize(
    ("config", "mistake"),
    [
        ("smtp_host: mx, smtp_usessl: true, smtp_usetls: true", "two ways to encrypt"),
        ("smtp_host: mx, smtp_user: u", "smtp_user and smtp_pwd belong together"),
        ("smtp_host: mx, mail_sender: nobody", "mail_sender must be an address"),
        ("smtp_port: 0", "smtp_port"),
        (
            "smtp_host: mx, smtp_ca: /nowhere.pem, smtp_usetls: true",
            "smtp_ca cannot be used for TLS",
        ),
        ("smtp_host: mx, smtp_ca: /nowhere.pem", "smtp_ca needs smtp_usessl or smtp_usetls"),
        ("smtp_host: mx, smtp_helo: 'a b'", "smtp_helo must be a host name"),
        ("smtp_host: mx, smtp_recipients_per_mail: 0", "smtp_recipients_per_mail"),
        ("smtp_hosts: mx", "did you mean"),
    ],
)
async def test_a_wrong_stanza_is_a_mistake_of_the_file(open_gateway: OpenGateway, config: str, mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake):
        await open_gateway(stanza(config))
