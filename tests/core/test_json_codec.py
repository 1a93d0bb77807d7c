"""JSON: orjson and the standard library's fallback give the same answers."""

import importlib.util
import json
import math
import sys
import tracemalloc
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from esb.core import json_codec

Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes]
both_decoders = pytest.mark.parametrize("decode", [json_codec.decode, json_codec.decode_plain])
both_encoders = pytest.mark.parametrize("encode", [json_codec.encode, json_codec.encode_plain])


def test_orjson_is_what_these_tests_compare_with() -> None:
    assert vars(json_codec)["orjson"] is not None


@both_decoders
@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"null", None),
        (b' {"a": [1, -2.5, true, "\xe4\xba\x8c"]} ', {"a": [1, -2.5, True, "二"]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (rb'"\ud83d\ude00 \u4e8c \/"', "😀 二 /"),
        (rb'"\u0000"', "\x00"),
        (rb'"\\ud800"', r"\ud800"),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775808", -(2**63)),
        (b"-9223372036854775809", -(2.0**63)),
        (b"9" * 300, 1e300),
        (b"1e308", 1e308),
        (b"1e-999", 0.0),
        (b"-0", 0),
        (b"[" * 500 + b"]" * 500, json.loads("[" * 500 + "]" * 500)),
    ],
)
def test_good_json_is_read_alike(decode: Decode, raw: bytes, value: Any) -> None:
    read = decode(raw)
    assert (read, type(read)) == (value, type(value))


@both_decoders
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a" 1}',
        b"{a: 1}",
        b'{1: "a"}',
        b"[1] 2",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"0x10",
        b"1_000",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"9" * 400,
        b"9" * 5000,
        b"True",
        b"undefined",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b'"\x00"',
        b'"\n"',
        b'"\t"',
        rb'"\x41"',
        rb'"\u12"',
        rb'"\ud800"',
        rb'{"\udfff": 1}',
        b"// comment\n1",
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        b"\xc2\xa0{}",
        b"[" * 10000 + b"]" * 10000,
        b'{"a":' * 10000 + b"1" + b"}" * 10000,
    ],
)
def test_bad_json_is_refused_alike(decode: Decode, raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the two say it in their own words
        decode(raw)


class Colour(Enum):
    RED = "red"


Point = namedtuple("Point", "x y")


@both_encoders
@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": [1, 2.5, True, None], "二": "😀"}, '{"a":[1,2.5,true,null],"二":"😀"}'),
        ((1, 2), "[1,2]"),
        (Point(1, 2), "[1,2]"),
        ("\x00\u2028/\x7f", '"\\u0000\u2028/\x7f"'),
        (2**70, str(2**70)),
        ({1: "a", 2.5: "b", False: "c", None: "d"}, '{"1":"a","2.5":"b","false":"c","null":"d"}'),
        ([float("nan"), float("inf"), -math.inf], "[null,null,null]"),
        ({"big": 2**70, "odd": (float("nan"),)}, f'{{"big":{2**70},"odd":[null]}}'),
        (Colour.RED, '"red"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    ],
)
def test_values_are_written_alike(encode: Encode, value: Any, written: str) -> None:
    assert encode(value) == written.encode()


@dataclass
class Thing:
    name: str


def circle() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@both_encoders
@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        b"raw",
        object(),
        "\ud800",
        {"\udfff": 1},
        {(1, 2): "a"},
        circle(),
        Thing("a"),
        datetime.now(UTC),
        {"deep": [object()]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_json_is_refused_alike(encode: Encode, value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"errcode": 0}', {"errcode": 0}),
        (b'\xef\xbb\xbf{"errcode": 0}', {"errcode": 0}),
        (b'{"errmsg": "a\nb\tc"}', {"errmsg": "a\nb\tc"}),
        (b'{"errmsg": "\xff"}', {"errmsg": "\ufffd"}),
        (rb'{"\ud800": ["a\udfffb", "\ud83d\ude00", "\\ud800"]}', {"\ufffd": ["a\ufffdb", "\U0001f600", r"\ud800"]}),
    ],
)
def test_an_upstreams_json_is_read_as_far_as_it_can_be_had(raw: bytes, value: Any) -> None:
    assert json_codec.decode_lenient(raw) == value


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"errcode"', b"[" * 10000, b"9" * 5000])
def test_what_is_no_json_at_all_is_none_from_an_upstream_either(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the standard library's own words
        json_codec.decode_lenient(raw)


def test_what_is_nested_too_deep_to_be_written_is_told_apart() -> None:
    assert json_codec.decode(json_codec.encode(nested := json_codec.decode("[" * 250 + "]" * 250))) == nested
    with pytest.raises(json_codec.NestedTooDeep):
        json_codec.encode(json_codec.decode("[" * 1000 + "]" * 1000))


@pytest.mark.parametrize("levels", [1_100, 9_000])  # decoders of Python 3.12 and later take more than 1000
def test_a_value_of_many_levels_is_told_from_one_that_holds_itself(levels: int) -> None:
    nested: dict[str, Any] = {}
    for _ in range(levels):
        nested = {"twice": [nested, nested]}
    endless: list[Any] = [{"a": 1}]
    endless[0]["b"] = endless

    with pytest.raises(json_codec.NestedTooDeep):
        json_codec.encode(nested)
    with pytest.raises(TypeError, match="not a JSON value") as caught:
        json_codec.encode(endless)
    assert not isinstance(caught.value, json_codec.NestedTooDeep)


@pytest.fixture
def without_orjson(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is where orjson is not installed."""
    monkeypatch.setitem(sys.modules, "orjson", None)
    spec = importlib.util.spec_from_file_location("codec_without_orjson", json_codec.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_orjson_the_standard_library_does_the_work(without_orjson: ModuleType) -> None:
    assert without_orjson.orjson is None
    assert without_orjson.decode(b'{"a": 1}') == {"a": 1}
    assert without_orjson.encode({"a": math.nan}) == b'{"a":null}'
    assert without_orjson.decode_lenient(b"\xef\xbb\xbf1") == 1
    with pytest.raises(ValueError, match="NaN is not JSON"):
        without_orjson.decode(b"NaN")


def test_what_is_kept_takes_no_more_memory_than_its_text() -> None:
    tracemalloc.start()
    try:
        kept = [json_codec.encode_to_keep({"text": "short"}) for _ in range(100)]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept[0] == json_codec.encode({"text": "short"})
    assert used < 100 * 200
