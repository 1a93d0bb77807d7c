"""What differs between two configurations, and what of it only a restart applies."""

from typing import Any

import pytest

from esb.introspect.config_diff import differences

SECRET = {"source": "${A}", "at": "f:1", "fingerprint": "1"}


def found(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [(each.key, each.before, each.after) for each in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({"a": None}, {}, []),
        ({"a": None}, {"a": {"b": 1}}, [("a", None, {"b": 1})]),
        ({"a": 1}, {"b": 1}, [("b", None, 1), ("a", 1, None)]),
        ({"a": ["x"]}, {"a": ["x", "y"]}, [("a", ["x"], ["x", "y"])]),
        ({"a": ["x", "y"]}, {"a": ["x", "z"]}, [("a[1]", "y", "z")]),
        ({"a": True}, {"a": "true"}, [("a", True, "true")]),
        (
            {"a": [{"code": "x", "n": 1}, {"code": "y"}]},
            {"a": [{"code": "z"}, {"code": "x", "n": 2}]},
            [("a[z]", None, {"code": "z"}), ("a[x].n", 1, 2), ("a[y]", {"code": "y"}, None)],
        ),
        (
            {"a": [{"path": "/x/", "methods": ["GET"]}, {"path": "/x/", "methods": ["POST"]}]},
            {"a": [{"path": "/x/", "methods": ["GET"]}, {"path": "/x/", "methods": ["PUT"]}]},
            [("a[1].methods[0]", "POST", "PUT")],
        ),
        (
            {"a": [{"use": "x"}, {"use": "y"}]},
            {"a": [{"use": "y"}, {"use": "x"}]},
            [
                ("a[0].use", "x", "y"),
                ("a[1].use", "y", "x"),
            ],
        ),
        ({"a": SECRET}, {"a": SECRET | {"at": "g:2"}}, []),
        ({"a": SECRET}, {"a": SECRET | {"fingerprint": "2"}}, [("a", SECRET, SECRET | {"fingerprint": "2"})]),
        ({"a": SECRET}, {}, [("a", SECRET, None)]),
    ],
)
def test_each_difference_is_told_by_its_key(before: Any, after: Any, expected: list[tuple[str, Any, Any]]) -> None:
    assert found(before, after) == expected
    assert {key: (new, old) for key, old, new in found(after, before)} == {
        key: (old, new) for key, old, new in expected
    }
