"""Mails taken apart: what people see of them, whatever the bytes are."""

from email.headerregistry import Address
from email.message import EmailMessage

import pytest

from esb.sandbox import mail_content
from esb.sandbox.inbox import Inbox
from esb.sandbox.mail_content import Attachment
from esb.sandbox.wire import Call


def composed(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    for name, value in headers.items():
        mail[name] = value
    return mail


def test_subject_text_and_addresses_are_read_as_people_write_them() -> None:
    mail = composed(Subject="磁盘告警 🔥" * 12, From="运维 <esb@example.com>", To="a@example.com, B <b@example.com>")
    mail["Cc"] = "c@example.com"
    mail.set_content("第一行\nsecond line\n")

    read = mail_content.read(mail.as_bytes()).rendered()

    assert read["subject"] == "磁盘告警 🔥" * 12
    assert read["from"] == "运维 <esb@example.com>"
    assert read["to"] == ["a@example.com", "b@example.com"]
    assert read["cc"] == ["c@example.com"]
    assert read["text"] == "第一行\nsecond line"
    assert read["attachments"] == []
    assert ["To", "a@example.com, B <b@example.com>"] in read["headers"]


def test_an_address_is_found_whatever_its_owner_is_called() -> None:
    mail = composed()
    mail["To"] = [Address("磁盘 <b>告警</b>, x@y", addr_spec="a@example.com"), Address("B", addr_spec="b@example.com")]
    mail["Cc"] = "nobody"

    read = mail_content.read(mail.as_bytes()).rendered()
    assert read["to"] == ["a@example.com", "b@example.com"]
    assert read["cc"] == ["nobody"]


def test_html_without_a_text_beside_it_is_shown_as_text_without_what_nobody_sees() -> None:
    mail = composed(Subject="a page")
    mail.set_content(
        "<html><head><title>t</title><style>p {}</style></head><body><p>one &amp;\n two</p><script>no()</script>"
        "<div>three<br>four</div></body></html>",
        subtype="html",
    )

    read = mail_content.read(mail.as_bytes())

    assert read.text == ""
    assert read.html.startswith("<html>")
    assert read.words == "a page\none & two\nthree\nfour"


def test_attachments_are_told_apart_from_the_text() -> None:
    mail = composed(Subject="with files")
    mail.set_content("see there")
    mail.add_alternative("<b>see there</b>", subtype="html")
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="报告.bin")
    mail.add_attachment("a,b\n", subtype="csv", filename="a.csv")
    mail.add_attachment("plain\n", filename="note.txt")

    read = mail_content.read(mail.as_bytes())

    assert read.text == "see there"
    assert read.html == "<b>see there</b>"
    assert read.attachments == [
        Attachment("报告.bin", "application/octet-stream", b"\x00\x01"),
        Attachment("a.csv", "text/csv", b"a,b\n"),
        Attachment("note.txt", "text/plain", b"plain\n"),
    ]
    assert read.rendered()["attachments"][0] == {
        "name": "报告.bin",
        "content_type": "application/octet-stream",
        "bytes": 2,
    }


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", ""),
        (b"no header at all", "no header at all"),
        (b"\r\nonly a body", "only a body"),
        ("Subject: 原文\r\n\r\n正文\r\n".encode(), "原文\n正文"),
        (b"Subject: =?nonsense?q?x?=\r\n\r\nhello", "=?nonsense?q?x?=\nhello"),
        (b"Subject: =?utf-8?b?=E4?=\r\n\r\nhello", "=?utf-8?b?=E4?=\nhello"),
        (b"Subject: \xff\xfe\r\n\r\n\xff", "\ufffd\ufffd\n\ufffd"),
        (b"Content-Type: text/plain; charset=martian\r\n\r\nhello", "hello"),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nopen", "open"),
        (b"Content-Type: multipart/mixed\r\n\r\nno boundary", "no boundary"),
    ],
)
def test_bytes_that_are_hardly_a_mail_are_shown_all_the_same(raw: bytes, words: str) -> None:
    assert mail_content.read(raw).words == words


def test_a_message_of_the_inbox_shows_its_mail_taken_apart() -> None:
    raw = b"Subject: hi\r\nTo: a@example.com\r\n\r\nhello\r\n"
    call = Call("DATA", "smtp/DATA", {}, raw, "127.0.0.1")

    message = Inbox().add(call, 0, "mail", "esb@example.com", "hi\nhello", ["a@example.com"])

    assert message.rendered()["body"]["text"] == "hello"
    assert message.rendered()["body"]["to"] == ["a@example.com"]


def test_a_mail_that_is_nested_without_end_is_shown_as_it_stands() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))

    read = mail_content.read(nested + b"\r\nhello")

    assert read.words.endswith("hello")
    assert read.headers == [("Content-Type", "multipart/mixed; boundary=b0")]


@pytest.mark.parametrize(
    ("html", "seen"),
    [
        ("a <b>bold</b> word", "a bold word"),
        ("1 < 2 <3", "1 < 2 <3"),
        ("one<!-- not <b>this</b> -->two", "onetwo"),
        ("one<!-- without end", "one"),
        ("one<b without end", "one"),
        ("one<STYLE>p {}</Style>two", "onetwo"),
        ("one<script>without end", "one"),
        ("one</style>two", "onetwo"),
        ("one<br/>two<P class='x'>three</P>", "one\ntwo\nthree"),
        ("&lt;b&gt; &amp;nbsp;", "<b> &nbsp;"),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
    ],
)
def test_text_is_what_people_see_of_html(html: str, seen: str) -> None:
    assert mail_content.visible_text(html) == seen


@pytest.mark.parametrize("piece", [b"((((\r\n ", b"a@example.com,\r\n ", b"=?utf-8?q?a?=\r\n ", b"<<<\r\n "])
def test_hostile_headers_are_shown_somehow(piece: bytes) -> None:
    read = mail_content.read(b"To: " + piece * 10_000 + b"\r\nSubject: hi\r\n\r\nhello")

    assert read.words == "hi\nhello"
    assert read.rendered()["to"] is not None
    assert all(len(value) <= mail_content.LONGEST_HEADER for _, value in read.headers)


@pytest.mark.parametrize("piece", ["<!--", "<a ", "<", "</", "<script>", "<a b='", "&#", "<![CDATA[", "</script"])
def test_hostile_html_is_read_in_proportion_to_its_length(piece: str) -> None:
    mail_content.visible_text(piece * 300_000)
