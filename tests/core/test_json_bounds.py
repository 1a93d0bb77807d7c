"""Bounds of JSON before it is parsed."""

import json
import random
from typing import Any

import pytest

from esb.core.json_bounds import WINDOW, exceeded, has_long_integer

NODES, NESTING = 1000, 20


def size_of(value: Any) -> tuple[int, int]:
    """Return the nodes and the levels of a value, counted once it is parsed."""
    if not isinstance(value, dict | list):
        return 1, 0
    items = list(value.values()) if isinstance(value, dict) else value
    sizes = [size_of(item) for item in items]
    names = len(value) if isinstance(value, dict) else 0
    return 1 + names + sum(nodes for nodes, _ in sizes), 1 + max((levels for _, levels in sizes), default=0)


def some_value(chosen: random.Random, levels: int) -> Any:
    texts = ['"', "\\", '\\"', "{[,:", "}" * 50, "二", "", "a\\\\"]
    if levels == 0 or chosen.random() < 0.2:
        return chosen.choice([1, None, True, *texts])
    items = [some_value(chosen, levels - 1) for _ in range(chosen.randint(1, 4))]
    return items if chosen.random() < 0.5 else {chosen.choice(texts) + str(at): item for at, item in enumerate(items)}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("window", [1, 2, 3, 7, WINDOW])
def test_it_counts_as_somebody_who_has_parsed_it(seed: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esb.core.json_bounds.WINDOW", window)
    value = {"a": some_value(random.Random(seed), 6), "b": '{[,:"\\' * 30}
    raw = json.dumps(value).encode()
    nodes, levels = size_of(value)
    assert exceeded(raw, nodes, levels) is None
    assert exceeded(raw, nodes - 1, levels) == "json_nodes"
    assert exceeded(raw, nodes, levels - 1) == "nesting"


@pytest.mark.parametrize("unit", [b",", b"[", b"{", b":", b"[]", b'\\"', b"\\\\", b'\\",', b"\\\\,", b"\\n,"])
def test_what_stands_in_a_text_counts_for_nothing(unit: bytes) -> None:
    assert exceeded(b'{"a":"' + unit * 100_000 + b'"}', NODES, NESTING) is None


@pytest.mark.parametrize(
    ("raw", "bound"),
    [
        (b'{"a":' + b"[" * NESTING + b"]" * NESTING + b"}", "nesting"),
        (b'{"a":' + b"[" * (NESTING - 1) + b"]" * (NESTING - 1) + b"}", None),
        (b'{"a":[' + b"[]," * 5000 + b"0]}", "json_nodes"),
        (b'{"a":[' + b"0," * 996 + b"0]}", None),
        (b'{"a":[' + b"0," * 997 + b"0]}", "json_nodes"),
        (b'{"a":0' + b"}" * 5000, None),
        (b"{" + b'"' * 5001 + b"," * 1001, "json_nodes"),
        (b"{" + b"{" * 5000, "nesting"),
        (b"{" + b"x" * 5000, None),
    ],
    ids=range(9),
)
def test_a_bound_is_exact_and_nonsense_is_left_to_the_parser(raw: bytes, bound: str | None) -> None:
    assert exceeded(raw, NODES, NESTING) == bound


@pytest.mark.parametrize(
    ("number", "long"),
    [
        ("0", False),
        ("18446744073709551615", False),
        ("18446744073709551616", True),
        ("-9223372036854775808", False),
        ("-9223372036854775809", True),
        ("-18446744073709551615", True),
        ("9" * 19, False),
        ("9" * 5000, True),
        ("1" + "0" * 22, True),
        ("18446744073709551616.5", False),
        ("0.18446744073709551616", False),
        ("18446744073709551616e1", False),
        ("1e18446744073709551616", False),
        ("1E-18446744073709551616", False),
        ("1e+18446744073709551616", False),
        ('"18446744073709551616"', False),
        (r'"\"18446744073709551616, \\"', False),
        (r'"\\",18446744073709551616', True),
        (r'"a\"b\\\"",18446744073709551616', True),
        ('{"18446744073709551616":1}', False),
        ('{"a":18446744073709551616}', True),
        ("[18446744073709551616]", True),
    ],
)
@pytest.mark.parametrize("before", [0, WINDOW - 12])
def test_a_whole_number_beyond_64_bits_is_found_wherever_it_stands(number: str, before: int, *, long: bool) -> None:
    raw = f'["{"x" * before}", {number}, "{"y" * 70_000 if before else ""}"]'.encode()
    assert has_long_integer(raw) == long
