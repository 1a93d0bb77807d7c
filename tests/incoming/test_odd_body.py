import json
from typing import Any

import pytest

from esb.core.errors import EsbError, RequestError
from esb.core.limits import Limits
from esb.incoming.body import from_body
from esb.incoming.odd_body import OddParameters
from esb.incoming.parameter_warnings import LONGEST_NAME, MOST_NAMED

FORM = "application/x-www-form-urlencoded"
FEW = Limits(json_nodes=20, nesting=3)


def odd(body: bytes, content_type: str = "", limits: Limits = FEW) -> OddParameters:
    found = from_body(body, content_type, limits)
    assert type(found) is OddParameters
    return found


def told(found: OddParameters) -> Any:
    assert found.body is not None
    return str(found.body["found"])


@pytest.mark.parametrize("content_type", ["", FORM])
def test_a_list_is_named_and_holds_no_parameters_whatever_it_is_sent_as(content_type: str) -> None:
    found = odd(b'["a&bk_app_code=x&bk_app_code=y"]', content_type)
    assert (found, told(found)) == ({}, "a JSON array")


@pytest.mark.parametrize("body", [b"[" + b"{}," * 20 + b"0]", b"[" * 4 + b"]" * 4])
def test_a_list_beyond_the_limits_is_not_read_to_be_named(body: bytes) -> None:
    assert told(odd(body)) == "text"


@pytest.mark.parametrize(
    ("raw", "text", "warned"),
    [
        (b"\xed\xa0\xbd\xed\xb8\x80", "\U0001f600", []),  # as Java writes an emoji
        (b"x\xed\xa0\xbd", "x\ufffd", ["a"]),
        (b"\xed\xb8\x80", "\ufffd", ["a"]),
    ],
)
def test_surrogates_that_were_encoded_one_by_one_are_put_together(raw: bytes, text: str, warned: list[str]) -> None:
    found = odd(b'{"a":"' + raw + b'"}')
    assert (found, [str(warning["field"]) for warning in found.warnings]) == ({"a": text}, warned)


def test_a_byte_order_mark_before_a_form_is_no_part_of_its_first_name() -> None:
    assert from_body(b"\xef\xbb\xbfa=1&b=2", FORM) == {"a": "1", "b": "2"}


def test_gbk_is_read_within_the_limits_only_even_where_utf_8_hides_what_it_holds() -> None:
    hidden = b'{"a":"\x81\\","b":[' + b"0," * 30 + b'0],"c":""}'
    with pytest.raises(RequestError, match="GBK"):
        from_body(hidden, "")
    with pytest.raises(EsbError, match="wrong in format"):
        from_body(hidden, "", Limits(json_nodes=35))


@pytest.mark.parametrize("body", [b"content=%C4%E3%BA%C3&a=1", "content=你好".encode("gbk")])
def test_a_form_in_gbk_is_named(body: bytes) -> None:
    with pytest.raises(RequestError, match="it is GBK") as refused:
        from_body(body, FORM)
    assert refused.value.data is not None
    assert str(refused.value.data["body"]["found"]) == "GBK"


@pytest.mark.parametrize("body", [b"a=%FF%FF", b"a=%C4%E3" + b"&b=1" * 20_000])
def test_a_form_in_no_encoding_that_is_looked_for_is_just_not_readable(body: bytes) -> None:
    with pytest.raises(RequestError, match="cannot be read: it must be UTF-8") as refused:
        from_body(body, FORM, Limits(form_fields=50_000))
    assert refused.value.data is None


def test_a_whole_number_that_is_too_long_is_refused_in_a_mended_body_too() -> None:
    with pytest.raises(RequestError, match="beyond 64 bits"):
        from_body(rb'{"a": "\ud83d", "b": 99999999999999999999}', "")


def test_warnings_name_few_fields_and_no_more_of_each_than_somebody_reads() -> None:
    half = chr(0xD83D)
    inner = {f"{number}{'n' * 100}": half for number in range(50)}
    found = odd(json.dumps({"o" * 100: inner, **inner}).encode(), limits=Limits())
    fields = [str(warning["field"]) for warning in found.warnings]
    assert len(fields) == MOST_NAMED
    assert max(map(len, fields)) == 2 * LONGEST_NAME + 1
