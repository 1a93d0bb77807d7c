import asyncio
import threading
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest

from esb.channels.mail import mime
from esb.channels.mail.address import LONGEST_LINE, Mailbox, is_one_line, mailbox, one_line
from esb.channels.mail.mime import Abandoned, Attachment, Composed, Mail, compose, composed, is_picture, media_type

SENDER = Mailbox("esb@example.com", "蓝鲸")


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("a@x.com", Mailbox("a@x.com")),
        (" a+tag@x.com ", Mailbox("a+tag@x.com")),
        ("<a@x.com>", Mailbox("a@x.com")),
        ("张三 <a@x.com>", Mailbox("a@x.com", "张三")),
        ('"Li, Si"<a@x.com>', Mailbox("a@x.com", "Li, Si")),
        (' " Li Si " < a@x.com > ', Mailbox("a@x.com", "Li Si")),
        ("root@[10.0.0.1]", Mailbox("root@[10.0.0.1]")),
        ("用户@x.com", Mailbox("用户@x.com")),
        ("a@例子.com", Mailbox("a@xn--fsqu00a.com")),
        ("a@Bücher.example", Mailbox("a@xn--bcher-kva.example")),
    ],
)
def test_an_address_may_have_a_name(text: str, box: Mailbox) -> None:
    assert mailbox(text) == box


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "@", "a@", "@x.com", "a b@x.com", "a@x.com b", "a@x.com,b@x.com", "a@b@c", "a@x.com\r\nBcc: b@x.com",
        "N\n<a@x.com>", "<a@x.com> <b@x.com>", "a@例 子.com", "a@\u200d.com", "\ud83d@x.com",
        "a@x.com\x00", "a@x.com>", "a;b@x.com", '"a"@x.com', "a@" + "例." * 127 + "cn",
    ],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert mailbox(text) is None


def test_a_tab_does_not_break_a_line() -> None:
    assert is_one_line("a\tb 你好 😀")
    assert not any(is_one_line(f"a{mark}b") for mark in "\r\n\x0b\x0c\x1c\x85\u2028\u2029\x00\x7f")


def test_long_names_are_folded_and_no_line_is_too_long() -> None:
    receivers = tuple(Mailbox(f"user{number}@x.com", "很长的名字" * 20) for number in range(3))
    mail = Mail(SENDER, receivers, receivers[:1], "很长的题目" * 100, "x" * 5000 + "\n你好" * 500, is_html=False)
    content = compose(mail).content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_every_mail_has_an_id_of_the_senders_domain() -> None:
    mail = Mail(SENDER, (Mailbox("a@x.com"),), (), "T", "C")
    first, second = compose(mail), compose(mail)
    assert first.message_id != second.message_id
    assert first.message_id.endswith("@example.com>")
    assert f"Message-ID: {first.message_id}".encode() in first.content
    assert b"\r\nCc:" not in first.content
    date = parsedate_to_datetime(message_from_bytes(first.content)["Date"])
    assert abs(date.timestamp() - time.time()) < 60


def test_a_plain_mail_has_no_picture_in_its_text() -> None:
    picture = Attachment("a.png", b"PNG", "image/png", inline=True, content_id="<a.png>")
    mail = Mail(SENDER, (Mailbox("a@x.com"),), (), "T", "C", is_html=False, attachments=(picture,))
    assert b"multipart/mixed" in compose(mail).content
    assert b"multipart/related" not in compose(mail).content


@pytest.mark.parametrize(
    ("kind", "filename", "expected"),
    [
        ("", "a.pdf", "application/pdf"),
        ("pdf", "report", "application/pdf"),
        ("jpg", "a", "image/jpeg"),
        ("image", "a", "image/png"),
        ("image", "a.gif", "image/gif"),
        ("IMAGE", "a", "image/png"),
        ("JPG", "a", "image/jpeg"),
        ("IMAGE/GIF", "a", "image/gif"),
        ("text/plain\r\nX: y", "a", "application/octet-stream"),
        ("message/rfc822", "a", "application/octet-stream"),
        ("", "a.svg.gz", "application/octet-stream"),
    ],
)
def test_the_media_type_comes_from_type_or_file_name(kind: str, filename: str, expected: str) -> None:
    assert media_type(kind, filename) == expected


def test_a_line_has_a_thousand_characters_at_most() -> None:
    assert one_line("x" * 1000) == "x" * 1000
    for wrong in ("x" * 1001, "a\nb"):
        with pytest.raises(ValueError, match=r"Must be at most|Line breaks"):
            one_line(wrong)


@pytest.mark.parametrize(
    ("kind", "filename", "expected"),
    [
        ("", "a.png", True),
        ("", "a.PNG", True),
        ("", "png", False),
        ("Image", "a", True),
        ("pdf", "a.png", False),
        ("", "a.gif", False),
        ("png", "a", True),
        ("jpg", "a", True),
        ("jpeg", "a", True),
        ("", "a.jpg", True),
        ("", "a.JPEG", True),
    ],
)
def test_a_picture_is_known_by_type_or_file_name(kind: str, filename: str, expected: bool) -> None:
    assert is_picture(kind, filename) is expected


def test_what_is_too_long_for_a_line_is_no_address() -> None:
    assert mailbox("a" * (LONGEST_LINE - 6) + "@x.com") is not None
    assert mailbox("a" * (LONGEST_LINE - 5) + "@x.com") is None


@pytest.mark.parametrize("content_id", ["", "<a>"])
def test_nothing_more_is_attached_once_nobody_waits(content_id: str) -> None:
    files = tuple(Attachment("a.txt", b"a", "text/plain", content_id=content_id) for _ in range(10))
    answers = [False, False, False, True]
    with pytest.raises(Abandoned):
        compose(Mail(SENDER, (SENDER,), (), "T", "C", attachments=files), lambda: answers.pop(0))
    assert answers == []


async def test_a_thread_that_composes_ends_with_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slow(mail: Mail, is_abandoned: Callable[[], bool]) -> Composed:
        begun.set()
        while not is_abandoned():
            pass
        ended.set()
        raise Abandoned

    monkeypatch.setattr(mime, "compose", slow)
    call = asyncio.create_task(composed(Mail(SENDER, (SENDER,), (), "T", "C")))
    assert await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    assert await asyncio.to_thread(ended.wait, 10)
    with pytest.raises(asyncio.CancelledError):
        await call


def parsed(mail: Mail) -> EmailMessage:
    """The mail as its receiver's program reads it."""
    return message_from_bytes(compose(mail).content, _class=EmailMessage, policy=policy.SMTP)


def longest_line(mail: Mail) -> int:
    return max(map(len, compose(mail).content.split(b"\r\n")))


@pytest.mark.parametrize("length", [10, 100, 200])
def test_a_msg_id_is_one_raw_word_however_long_it_is(length: int) -> None:
    content_id = f"<{'c' * length}>"
    picture = Attachment("a.png", b"PNG", "image/png", inline=True, content_id=content_id)
    sender = Mailbox(f"esb@{'d' * 63}.{'e' * 63}.{'f' * 63}.example.com")
    mail = Mail(sender, (SENDER,), (), "T", f'<img src="cid:{content_id[1:-1]}">', attachments=(picture,))
    composed_mail = compose(mail)
    assert f"Content-ID: {content_id}\r\n".encode() in composed_mail.content
    assert f"Message-ID: {composed_mail.message_id}\r\n".encode() in composed_mail.content


NAMES = [
    "a.txt", "a b.txt", "容量报告 九月.pdf", "很长的文件名" * 50 + ".pdf", "n" * 200 + ".txt", "名" * 990,
    'quo"te.txt', "back\\slash.txt", "semi;colon, comma.txt", "per%cent'.txt", "😀" * 100, "a=b.txt", "é.txt",
    "x" * 995,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_arrives_as_it_is(name: str) -> None:
    mail = Mail(SENDER, (SENDER,), (), "T", "C", attachments=(Attachment(name, b"F", "text/plain"),))
    (file,) = (part for part in parsed(mail).walk() if part.get_filename())
    assert file.get_filename() == name
    assert longest_line(mail) <= 998


@pytest.mark.parametrize(
    "name", ["Li, Si", "n" * 900, "Li, Si " * 20 + ".", '很长的"名字"' * 60, "a b", 'x"y', "é", ""]
)
def test_a_mailbox_arrives_as_it_is(name: str) -> None:
    boxes = (Mailbox(f"{'l' * 60}@{'d' * 60}.{'e' * 60}.com", name), Mailbox("b@x.com", "B"))
    mail = Mail(Mailbox("esb@example.com", name), boxes, (), "T", "C")
    told = parsed(mail)
    # Blanks apart: Python's parser leaves those between encoded words, which mail programs do not show (RFC 2047, 6.2).
    assert [(box.addr_spec, box.display_name.replace(" ", "")) for box in told["To"].addresses] == [
        (box.address, box.name.replace(" ", "")) for box in boxes
    ]
    assert told["From"].addresses[0].addr_spec == "esb@example.com"
    assert longest_line(mail) <= 998


def test_html_goes_with_its_text_beside_it_and_its_pictures_inside() -> None:
    picture = Attachment("a.png", b"PNG", "image/png", inline=True, content_id="<a.png>")
    file = Attachment("a.txt", b"F", "text/plain")
    mail = Mail(SENDER, (SENDER,), (), "T", '<p>磁盘</p><img src="cid:a.png">', attachments=(picture, file))
    assert [part.get_content_type() for part in parsed(mail).walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "text/plain",
    ]  # fmt: skip
    alternative = parsed(mail).get_body(("plain",))
    assert alternative is not None
    assert alternative.get_content().strip() == "磁盘"


def test_html_without_any_words_needs_no_text_beside_it() -> None:
    assert b"multipart/alternative" not in compose(Mail(SENDER, (SENDER,), (), "T", '<img src="https://x/a">')).content


def test_only_addresses_of_unicode_need_a_server_for_them() -> None:
    ordinary = Mail(SENDER, (Mailbox("a@xn--fsqu00a.com", "张三"),), (), "磁盘", "C")
    assert not compose(ordinary).international
    international = compose(Mail(SENDER, (Mailbox("用户@xn--fsqu00a.com", "张三"),), (), "磁盘", "C"))
    assert international.international
    assert "<用户@xn--fsqu00a.com>".encode() in international.content


def test_a_short_name_stands_beside_its_address_as_it_is_and_a_longer_one_is_folded() -> None:
    for length, is_written in ((60, True), (61, False)):
        mail = Mail(SENDER, (Mailbox("a@x.com", "N" * length),), (), "T", "C")
        assert (f"To: {'N' * length} <a@x.com>".encode() in compose(mail).content) is is_written
