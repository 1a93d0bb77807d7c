"""Multipart forms, read window by window."""

import pytest

from esb.core.errors import RequestError
from esb.core.files import File
from esb.incoming.multipart_form import WINDOW, parts


def form(*made: bytes) -> bytes:
    return b"".join(b"--bk\r\n" + part + b"\r\n" for part in made) + b"--bk--\r\n"


def field(name: str, value: bytes, kind: str = "") -> bytes:
    typed = f"\r\nContent-Type: text/plain; charset={kind}" if kind else ""
    return f'Content-Disposition: form-data; name="{name}"{typed}\r\n\r\n'.encode() + value


def read(body: bytes, most: int = 10) -> list[tuple[str, str | File | None]]:
    return list(parts(body, "bk", most))


@pytest.mark.parametrize(
    ("names", "codec", "text"),
    [
        (("utf-8", "utf8", "UTF-8", ""), "utf-8", "中é"),
        (("ascii", "us-ascii"), "ascii", "ae"),
        (("latin-1", "latin1", "iso-8859-1"), "latin-1", "ÿé"),
        (("gb18030", "gbk", "gb2312"), "gb18030", "中"),
    ],
)
def test_a_field_is_read_in_its_character_set(names: tuple[str, ...], codec: str, text: str) -> None:
    for name in names:
        assert read(form(field("a", text.encode(codec), name))) == [("a", text)]


@pytest.mark.parametrize("kind", ["utf-7", "punycode", "utf-16", "utf-8x", "x"])
def test_another_character_set_is_refused(kind: str) -> None:
    with pytest.raises(RequestError, match="must be utf-8, ascii, latin-1 or gb18030"):
        read(form(field("a", b"a", kind)))


def test_fields_come_in_their_order_and_files_without_a_text() -> None:
    file = b'Content-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: x/y; charset=utf-7\r\n\r\n\xff'
    body = form(field("a", b"1"), file, field("b", b""), field("a", b"2"))
    assert read(body) == [("a", "1"), ("file", None), ("b", ""), ("a", "2")]


@pytest.mark.parametrize("before", range(-3, 4))
def test_a_character_may_stand_at_the_end_of_a_window(before: int) -> None:
    head = len(form(field("a", b""))) - len(b"\r\n--bk--\r\n")
    text = "x" * (WINDOW - head + before) + "中" * 3 + "y" * WINDOW
    assert read(form(field("a", text.encode()), field("b", b"1"))) == [("a", text), ("b", "1")]


@pytest.mark.parametrize("value", [b"\xe4\xb8", b"a\xe4", b"\xff"])
def test_what_ends_within_a_character_is_no_text(value: bytes) -> None:
    with pytest.raises(ValueError, match="decode"):
        read(form(field("a", value)))


def test_there_are_no_more_parts_than_was_agreed_upon() -> None:
    ten = [field("a", b"1")] * 10
    assert len(read(form(*ten))) == 10
    with pytest.raises(ValueError):  # noqa: PT011 - the caller makes its own text of any
        read(form(*ten, field("a", b"1")))


@pytest.mark.parametrize(
    "body",
    [
        form(b"Content-Disposition: form-data;\r\n name=a\r\n\r\n1"),
        form(field("a", b"1")).replace(b"--bk--", b"--bk"),
    ],
    ids=["a header of two lines", "no end"],
)
def test_a_form_is_what_every_reader_takes_it_for(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller makes its own text of any
        read(body)
