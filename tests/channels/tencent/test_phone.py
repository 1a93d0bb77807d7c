import pytest

from esb.channels.tencent.phone import e164, in_country, is_mainland, parts, typed


@pytest.mark.parametrize(
    ("number", "address"),
    [
        ("13800000000", "+86-13800000000"),
        ("+8613800000000", "+86-13800000000"),
        ("+86-13800000000", "+86-13800000000"),
        ("+442071234567", "+442071234567"),
        ("10086", "+86-10086"),
        ("", ""),
        ("+", ""),
        ("1380000000x", ""),
        ("138 0000 0000", ""),
        ("１３８００００００００", ""),
        ("12", ""),
        ("1" * 21, ""),
    ],
)
def test_a_number_as_callers_type_it(number: str, address: str) -> None:
    assert typed(number) == address


@pytest.mark.parametrize(
    ("number", "code", "address"),
    [
        ("13800000000", "", "+86-13800000000"),
        ("13800000000", "+86", "+86-13800000000"),
        ("13800000000", "0086", "+86-13800000000"),
        ("13800000000", " +86 ", "+86-13800000000"),
        ("91234567", "852", "+852-91234567"),
        ("91234567", "HK", ""),
        ("", "86", ""),
    ],
)
def test_a_number_as_the_directory_has_it(number: str, code: str, address: str) -> None:
    assert in_country(number, code) == address


def test_an_address_taken_apart_and_put_together() -> None:
    assert e164("+86-13800000000") == "+8613800000000"
    assert parts("+852-91234567") == ("852", "91234567")
    assert parts("+442071234567") == ("", "442071234567")
    assert (is_mainland("+86-13800000000"), is_mainland("+861234")) == (True, False)
