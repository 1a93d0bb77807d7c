"""Lists of a config in which each name stands once."""

from collections.abc import Sequence
from typing import Any

from pydantic import AfterValidator

from esb.config import MistakesBelow


def each_once(key: str) -> AfterValidator:
    """Make a validator that refuses lists with two items of the same `key`: one would replace the other unseen."""

    def check(items: Sequence[Any]) -> Sequence[Any]:
        first: dict[Any, int] = {}
        names = [getattr(item, key) for item in items]
        twice = [(index, other) for index, name in enumerate(names) if (other := first.setdefault(name, index)) < index]
        if twice:
            raise MistakesBelow(
                {(index, key): f"declared twice: {names[index]}" for index, _ in twice},
                {(index, key): (other, key) for index, other in twice},
            )
        return items

    return AfterValidator(check)
