"""The bounds of a body that is made anew, and the forms in which it may come."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from esb.core.errors import RequestError, TooLarge
from esb.plugins.http.remade_body import collected, remake_of

MEBIBYTE = 2**20


def remade(body: bytes, kind: str, fixed: dict[str, Any]) -> tuple[bytes, str]:
    remake = remake_of(kind)
    assert remake is not None
    return remake(body, kind, fixed, lambda name: name not in fixed)


async def pieces(*whole: bytes) -> AsyncIterator[bytes]:
    for piece in whole:
        yield piece


async def test_a_body_of_ten_megabytes_is_held_and_no_longer_one() -> None:
    body = [bytes(MEBIBYTE)] * 10
    assert len(await collected(pieces(*body))) == 10 * MEBIBYTE
    with pytest.raises(TooLarge, match=f"the limit is {10 * MEBIBYTE} bytes"):
        await collected(pieces(*body, b"x"))


async def test_a_body_in_pieces_is_put_together_in_order() -> None:
    assert await collected(pieces(b"a", b"", b"bc")) == b"abc"
    assert await collected(b"abc") == b"abc"


@pytest.mark.parametrize("blank", [b"", b" ", b"\r\n\t"])
def test_blanks_around_an_object_do_no_harm(blank: bytes) -> None:
    body = blank + b'{"a": 1, "level": 9}' + blank
    assert remade(body, "application/json", {"level": 3}) == (b'{"a":1,"level":3}', "application/json")


@pytest.mark.parametrize("body", [b"", b" ", b"[]", b"1", b'"a"', b"null"])
def test_json_that_is_no_object_holds_no_parameters(body: bytes) -> None:
    with pytest.raises(RequestError, match="must be a JSON object"):
        remade(body, "application/json", {"level": 3})


@pytest.mark.parametrize(
    ("kind", "is_remade"),
    [
        ("application/json", True),
        ("text/json", True),
        ("application/x-json", True),
        ("application/problem+json", True),
        (" Application/JSON ; charset=utf-8", True),
        ("application/x-www-form-urlencoded", True),
        ("multipart/form-data; boundary=x", True),
        ("application/jsonl", False),
        ("text/plain; a=application/json", False),
        ("", False),
    ],
)
def test_three_forms_hold_parameters(kind: str, is_remade: bool) -> None:
    assert (remake_of(kind) is not None) is is_remade


def test_a_form_of_a_thousand_fields_is_made_anew_and_no_longer_one() -> None:
    kind = "application/x-www-form-urlencoded"
    body, made = remade(b"&".join([b"a=1"] * 1000), kind, {"level": 3})
    assert (body.count(b"a=1"), body.endswith(b"&level=3"), made) == (1000, True, kind)
    with pytest.raises(RequestError, match="cannot be read"):
        remade(b"&".join([b"a=1"] * 1001), kind, {"level": 3})


def multipart(fields: int) -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    return part * fields + b"--x--\r\n"


def test_a_multipart_form_of_a_thousand_fields_is_made_anew_and_no_longer_one() -> None:
    kind = "multipart/form-data; boundary=x"
    body, made = remade(multipart(1000), kind, {"level": 3, "tag": ["b", "c"]})
    boundary = made.removeprefix("multipart/form-data; boundary=").encode()
    assert body.count(b"--" + boundary + b"\r\n") == 1003
    assert body.endswith(b'name="tag"\r\n\r\nc\r\n--' + boundary + b"--\r\n")
    with pytest.raises(RequestError, match="cannot be read"):
        remade(multipart(1001), kind, {"level": 3})


@pytest.mark.parametrize("size", [2**16 + 1, 2**20, 2**25])
def test_a_large_part_is_held_in_memory_as_its_body_is(size: int) -> None:
    large = multipart(1).replace(b"\r\n\r\n1\r\n", b"\r\n\r\n" + b"y" * size + b"\r\n")
    assert remade(large, "multipart/form-data; boundary=x", {"level": 3})[0].count(b"y") == size


def test_a_part_without_a_name_is_refused_since_nobody_knows_for_what_it_is_taken() -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        remade(multipart(1).replace(b'; name="a"', b""), "multipart/form-data; boundary=x", {"level": 3})


def test_each_multipart_form_has_a_boundary_that_nobody_can_guess() -> None:
    kind = "multipart/form-data; boundary=x"
    boundaries = {remade(multipart(1), kind, {})[1].partition("boundary=")[2] for _ in range(5)}
    assert len(boundaries) == 5
    assert min(map(len, boundaries)) >= 32
