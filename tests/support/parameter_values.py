"""Values that callers may give a parameter, right and wrong ones."""

from typing import Any

VALUES: list[Any] = [
    None, True, False, 0, 1, -7, 1.5, 10**17, "", " ", "a", " a ", "a,b", ",;", "1", " 12 ", "+3", "-", "1.0", "true",
    "false", "0", "\x00", "a\x00b", "群", [], [1], ["a"], ["a", 2], [""], [None], [True], [1.5], [["a"]], [{}],
    ["\x00"], {}, {"a": 1}, {"name": "x"}, [{"name": "x"}], [{"name": ""}], [{"name": "x"}, 3],
]  # fmt: skip
