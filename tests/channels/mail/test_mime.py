import asyncio
import threading
import time
from collections.abc import Callable
from email import message_from_bytes
from email.utils import parsedate_to_datetime

import pytest

from esb.channels.mail import mime
from esb.channels.mail.mime import (
    LONGEST_LINE,
    Abandoned,
    Attachment,
    Composed,
    Mail,
    Mailbox,
    compose,
    composed,
    is_one_line,
    is_picture,
    mailbox,
    media_type,
    one_line,
)

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
    ],
)
def test_an_address_may_have_a_name(text: str, box: Mailbox) -> None:
    assert mailbox(text) == box


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "@", "a@", "@x.com", "a b@x.com", "a@x.com b", "a@x.com,b@x.com", "a@b@c", "a@x.com\r\nBcc: b@x.com",
        "N\n<a@x.com>", "<a@x.com> <b@x.com>", "用户@x.com", "a@例子.com", "a@x.com\x00", "a@x.com>", "a;b@x.com",
        '"a"@x.com',
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
