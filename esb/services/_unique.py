"""Lists of a config in which each name stands once."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import AfterValidator


def each_once(key: str) -> AfterValidator:
    """Make a validator that refuses lists with two items of the same `key`: one would replace the other unseen."""

    def check(items: Sequence[Any]) -> Sequence[Any]:
        counted = Counter(getattr(item, key) for item in items)
        if twice := [name for name, times in counted.items() if times > 1]:
            raise ValueError(f"declared twice: {', '.join(twice)}")
        return items

    return AfterValidator(check)
