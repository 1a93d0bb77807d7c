"""Component stanzas as the text of a YAML file, for commands that write one."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from esb.config.yaml import loosely

_PLAIN = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/{}.:-]*[A-Za-z0-9_/}.-]|[A-Za-z0-9_/]")
_IN_A_LIST = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.-]*")
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


class Reference(str):
    """A text with `${…}` that is to be filled in where esb.yaml is read. In any other it stands for itself."""

    __slots__ = ()


def document(origin: str, components: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of a file that esb.yaml can include. `origin`: its first line, a comment."""
    return "\n".join([comment(origin), "version: 1", "components:", *entries(components)]) + "\n"


def entries(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a list of mappings, below its key."""
    for item in items:
        first, *others = _mapping(item)
        yield f"  - {first}"
        yield from (f"    {line}" for line in others)


def comment(text: str) -> str:
    """Return a line for people."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return f"# {' '.join(shown.split())}"


def _mapping(value: Mapping[str, Any]) -> Iterator[str]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield f"{_scalar(key, _PLAIN)}:"
            yield from (f"  {line}" for line in _mapping(item))
        elif isinstance(item, list | tuple):
            yield f"{_scalar(key, _PLAIN)}: [{', '.join(_scalar(each, _IN_A_LIST) for each in item)}]"
        else:
            yield f"{_scalar(key, _PLAIN)}: {_scalar(item, _PLAIN)}"


def _scalar(value: Any, plain: re.Pattern[str]) -> str:
    """Return a value in one line. A text goes without quotes only if it is read as that very text."""
    if isinstance(value, str):
        if not isinstance(value, Reference):
            value = value.replace("${", "$${")
        if plain.fullmatch(value) and loosely(value) == value and ": " not in value:
            return str(value)
    text = json.dumps(value, ensure_ascii=False)
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
