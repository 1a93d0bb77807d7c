"""Query strings, JSON, forms and multipart as parameters."""

from typing import Any

import pytest

from esb.core.errors import EsbError, RequestError
from esb.core.limits import Limits
from esb.incoming.body import from_body, from_query

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a=&b", {"a": "", "b": ""}),
        ("a=x+y%20z&%E4%BA%8C=%26", {"a": "x y z", "二": "&"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%00", {"a": "\x00"}),
        ("a=%zz", {"a": "%zz"}),
        ("&&a=1&&", {"a": "1"}),
    ],
)
def test_a_query_string_is_a_form_whose_last_value_wins(query: str, parameters: dict[str, str]) -> None:
    assert from_query(query) == parameters
    assert from_body(query.encode(), FORM) == parameters


@pytest.mark.parametrize("query", ["a=%FF", "a=%ED%A0%80", "%C0%80=1", "a=\udcff"])
def test_a_query_that_is_no_utf8_is_refused(query: str) -> None:
    most = Limits().form_fields
    with pytest.raises(
        RequestError, match=f"the query string cannot be read: it must be UTF-8 and have at most {most}"
    ):
        from_query(query)


@pytest.mark.parametrize("most", [Limits().form_fields, 3])
def test_a_form_has_so_many_fields_and_no_more(most: int) -> None:
    limits = Limits(form_fields=most)
    pairs = [f"f{number}=1" for number in range(most)]
    assert len(from_query("&".join(pairs), limits)) == most
    with pytest.raises(RequestError, match=f"at most {most} fields"):
        from_query("&".join([*pairs, "more=1"]), limits)
    with pytest.raises(RequestError, match=f"at most {most} fields"):
        from_body("&".join([*pairs, "more=1"]).encode(), FORM, limits)


def test_a_json_body_has_so_many_values_and_levels_and_no_more() -> None:
    body = b'{"a": [1, 2, 3, 4]}'
    assert from_body(body, "", Limits(json_nodes=7, nesting=2)) == {"a": [1, 2, 3, 4]}
    with pytest.raises(RequestError, match="the limit is 6 values and names") as caught:
        from_body(body, "", Limits(json_nodes=6, nesting=2))
    assert caught.value.code == 1306406
    with pytest.raises(RequestError, match="nested too deep, the limit is 1 levels"):
        from_body(body, "", Limits(nesting=1))


@pytest.mark.parametrize("content_type", ["application/json", "", "text/html", FORM, "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("space", [b"", b" \r\n\t"])
def test_a_body_that_begins_like_an_object_is_json(content_type: str, space: bytes) -> None:
    assert from_body(space + b'{"a": [1]}' + space, content_type) == {"a": [1]}


@pytest.mark.parametrize("body", [b"{", b"{a=1}", b'{"a": 1}&b=2', b'{"a": NaN}', b'{"\xff": 1}'])
@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_a_body_that_only_begins_like_an_object_is_malformed(body: bytes, content_type: str) -> None:
    with pytest.raises(EsbError, match="Request JSON string is wrong in format") as caught:
        from_body(body, content_type)
    assert caught.value.code == 1306000


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"   ", FORM),
        (b'[{"a": 1}]', "application/json"),
        (b'"a"', "application/json"),
        (b"a=1", ""),
        (b"a=1", "text/plain"),
        (b"a=1", "application/json"),
        (b"<a>1</a>", "text/xml"),
        (b"\xef\xbb\xbf{}", "application/json"),
    ],
)
def test_anything_else_holds_no_parameters(body: bytes, content_type: str) -> None:
    assert from_body(body, content_type) == {}


@pytest.mark.parametrize(
    "content_type", [FORM.upper(), f"{FORM}; charset=utf-8", f" {FORM} ;", f'{FORM}; charset="klingon"']
)
def test_a_form_is_known_by_its_content_type(content_type: str) -> None:
    assert from_body("a=二".encode(), content_type) == {"a": "二"}


def test_a_form_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(RequestError, match="the form cannot be read"):
        from_body(b"a=\xff", FORM)


def multipart(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


def field(disposition: bytes, value: bytes, *headers: bytes) -> bytes:
    lines = [b"Content-Disposition: form-data" + disposition, *headers]
    return b"\r\n".join([*lines, b"", value])


def read(body: bytes, boundary: str = "boundary=x") -> dict[str, Any]:
    return from_body(body, f"multipart/form-data; {boundary}")


def test_multipart_gives_its_text_fields_and_not_its_files() -> None:
    body = multipart(
        field(b'; name="a"', b"1"),
        field(b'; name="a"', "二\r\n三".encode()),
        field(b'; name="file"; filename="x.png"', b"\xff\xd8", b"Content-Type: image/png"),
        field(b'; name="empty"', b""),
    )
    assert read(body) == {"a": "二\r\n三", "empty": ""}
    assert read(body, 'boundary="x"') == read(body)


def test_multipart_may_be_empty_or_have_an_epilogue() -> None:
    assert read(b"--x--") == {}
    assert read(multipart(field(b'; name="a"', b"1")) + b"not a part") == {"a": "1"}


def test_a_large_text_field_is_read_whole() -> None:
    text = "二" * 200_000
    assert read(multipart(field(b'; name="a"', text.encode()))) == {"a": text}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "二") for name in ("utf-8", "UTF8", "gb18030", "GBK", "gb2312")),
        *((name, "é") for name in ("latin-1", "latin1", "ISO-8859-1")),
        *((name, "a") for name in ("ascii", "us-ascii")),
    ],
)
def test_a_text_field_may_say_its_character_set(name: str, text: str) -> None:
    content_type = f"Content-Type: text/plain; charset={name}".encode()
    assert read(multipart(field(b'; name="a"', text.encode(name), content_type))) == {"a": text}


@pytest.mark.parametrize("name", ["punycode", "idna", "utf-7", "utf-16", "hex", "unicode_escape", "klingon", "../x"])
def test_no_other_character_set_is_looked_for(name: str) -> None:
    content_type = f"Content-Type: text/plain; charset={name}".encode()
    with pytest.raises(RequestError, match="must be utf-8, ascii, latin-1 or gb18030"):
        read(multipart(field(b'; name="a"', b"a", content_type)))


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"--x",
        multipart(field(b'; name="a"', b"1"), end=b""),
        multipart(field(b'; name="a"', b"1"), end=b"--x"),
        multipart(b"Content-Type: text/plain\r\n\r\n1"),
        multipart(field(b"", b"1")),
        multipart(field(b'; name="a"', b"\xff")),
        multipart(field(b'; name="\xff"', b"1")),
        multipart(field(b'; name="a"', b"1", b"Content-Length: 7")),
        multipart(field(b'; name="a"', b"1", *(b"X-%d: 1" % number for number in range(50)))),
        multipart(field(b'; name="a"', b"1", b"X-Long: " + b"x" * 10_000)),
        multipart(*[field(b'; name="a"', b"1")] * (Limits().parts + 1)),
        b"\x00" * 1000,
    ],
)
def test_multipart_that_is_not_right_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError, match="the multipart form cannot be read"):
        read(body)


@pytest.mark.parametrize("boundary", ["", "boundary", "boundary=", "boundary=\u00ff", 'boundary="\udcff"', "x=y"])
def test_multipart_with_another_boundary_or_none_is_refused(boundary: str) -> None:
    with pytest.raises(RequestError, match="the multipart form cannot be read"):
        read(multipart(field(b'; name="a"', b"1")), boundary)


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1" + "0" * 30])
def test_a_whole_number_that_would_come_as_another_is_refused(number: str) -> None:
    with pytest.raises(RequestError) as caught:
        from_body(f'{{"a": [1, {number}]}}'.encode(), "")
    assert caught.value.code == 1306406
    assert "beyond 64 bits, the limits are -9223372036854775808 and 18446744073709551615" in str(caught.value)


def test_the_longest_whole_numbers_come_as_they_are() -> None:
    body = b'{"a": [18446744073709551615, -9223372036854775808, "18446744073709551616", 1.8446744073709551616e20]}'
    assert from_body(body, "")["a"] == [2**64 - 1, -(2**63), str(2**64), 1.8446744073709551616e20]


def test_names_that_repeat_do_so_without_the_credentials_too() -> None:
    fields = from_query("a=1&bk_token=x&a=2&bk_token=y").without({"bk_token"})
    assert (fields, fields.repeated) == ({"a": "2"}, {"a": ["1", "2"]})
