"""Differences between two views of configurations, and which of them only a restart applies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from esb.gateway.restart_only import needs_restart
from esb.introspect.secret_sources import told_alike

NAMES = ("path", "code", "username", "name", "app")
"""Keys by which items of a list are known again, whatever their order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. None stands for a key that is null, or not there."""

    key: str
    before: Any
    after: Any

    @property
    def restart(self) -> bool:
        """True if a reload refuses it."""
        return needs_restart(self.key)


def differences(before: Any, after: Any, key: str = "") -> Iterator[Difference]:
    """Yield the differences between two views, by SecretSources both, in the order of their keys."""
    alike = told_alike(before, after)
    if alike is not None:
        if not alike:
            yield Difference(key, before, after)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*after, *before)):
            yield from differences(before.get(name), after.get(name), f"{key}.{name}" if key else name)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, key)
    elif before != after:
        yield Difference(key, before, after)


def _of_lists(before: Sequence[Any], after: Sequence[Any], key: str) -> Iterator[Difference]:
    name = next((name for name in NAMES if _tells_apart(name, before) and _tells_apart(name, after)), None)
    if name is not None:
        olds, news = ({item[name]: item for item in items} for items in (before, after))
        for item in dict.fromkeys((*news, *olds)):
            yield from differences(olds.get(item), news.get(item), f"{key}[{item}]")
    elif len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{key}[{index}]")
    else:
        yield Difference(key, before, after)


def _tells_apart(name: str, items: Sequence[Any]) -> bool:
    found = [item.get(name) if isinstance(item, dict) else None for item in items]
    return all(isinstance(each, str) for each in found) and len({*found}) == len(found)
