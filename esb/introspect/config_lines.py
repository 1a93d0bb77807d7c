"""The view of a configuration as lines to read, much as YAML has them, each with the place in the files it is from."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from esb.config import Config, Section, Stanza
from esb.core.redaction import REDACTED
from esb.introspect import config_view

STEP = "  "
WIDTH = 100
"""Characters of a list that stands in one line."""
_PLAIN = re.compile(r"(?!.*: )[A-Za-z/$][\w ./@*${}:-]*(?<![:\s])")
"""A text that YAML and people take for itself; not one that is also a word of YAML."""
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


class Line(NamedTuple):
    """One line. `file` is "" where a value is a default, and stands nowhere."""

    text: str
    file: str = ""
    line: int = 0


class ConfigLines(NamedTuple):
    """The view, and its lines: what is not a component, and each component with its name, in the order of the files."""

    view: dict[str, Any]
    shared: tuple[Line, ...]
    components: tuple[tuple[str, tuple[Line, ...]], ...]


def config_lines(config: Config) -> ConfigLines:
    """Return the lines of a configuration. Secrets are `***`."""
    view = config_view.rendered(config)
    sections = _sections(config)
    shared = [
        line for key, value in view.items() if key != "components" for line in _entry(key, value, sections.get(key), 0)
    ]
    components = tuple(
        (stanza.name, tuple(_item(_without_nothing(shown), _whole(stanza, stanza.test_config), 0)))
        for stanza, shown in zip(config.components, view["components"], strict=True)
    )
    return ConfigLines(view, tuple(shared), components)


def _sections(config: Config) -> dict[str, Section | None]:
    written = {} if config.root is None else config.root.children
    found: dict[str, Section | None] = {
        key: written.get(key) for key in ("server", "sandbox", "services", "deliveries", "ledger")
    }
    chain = written.get("middlewares")
    if chain is not None and config.middlewares is not None:
        found["middlewares"] = chain.with_children(
            {index: _whole(stanza) for index, stanza in enumerate(config.middlewares)}
        )
    return found


def _whole(stanza: Stanza, test: Section | None = None) -> Section:
    """Return the section of a stanza with its config as it counts: systems have defaults for it."""
    parts: dict[str | int, Section] = (
        {"config": stanza.config} if test is None else {"config": stanza.config, "test_config": test}
    )
    return stanza.section.with_children({**stanza.section.children, **parts})


def _without_nothing(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a component, without keys that were left out."""
    return {key: value for key, value in shown.items() if value not in (None, [], ())}


def _entry(key: str, value: Any, section: Section | None, depth: int) -> Iterator[Line]:
    """Yield the lines of one key."""
    indent, name = STEP * depth, _scalar(key)
    inline = _inline(value)
    if inline is not None:
        yield _line(f"{indent}{name}: {inline}", section)
        return
    yield _line(f"{indent}{name}:", section)
    if isinstance(value, dict):
        for each, part in value.items():
            yield from _entry(each, part, _child(section, each), depth + 1)
    else:
        for index, part in enumerate(value):
            yield from _item(part, _child(section, index), depth + 1)


def _item(value: Any, section: Section | None, depth: int) -> Iterator[Line]:
    """Yield the lines of one item of a list."""
    inline, indent = _inline(value), STEP * depth
    if inline is not None:
        yield _line(f"{indent}- {inline}", section)
        return
    if isinstance(value, dict):
        inner = [line for key, part in value.items() for line in _entry(key, part, _child(section, key), depth + 1)]
    else:
        inner = [line for index, part in enumerate(value) for line in _item(part, _child(section, index), depth + 1)]
    first, *rest = inner
    text = f"{indent}- {first.text.removeprefix(indent + STEP)}"
    yield first._replace(text=text) if first.file else _line(text, section)
    yield from rest


def _child(section: Section | None, key: str | int) -> Section | None:
    return None if section is None else section.children.get(key)


def _line(text: str, section: Section | None) -> Line:
    return Line(text) if section is None else Line(text, section.file, section.line)


def _inline(value: Any) -> str | None:
    """Return what stands behind its key in one line; None if it takes more."""
    if isinstance(value, dict):
        return None if value else "{}"
    if not isinstance(value, list | tuple):
        return _scalar(value)
    if any(isinstance(part, dict | list | tuple) for part in value):
        return None
    text = f"[{', '.join(map(_scalar, value))}]"
    return text if len(text) <= WIDTH else None


def _scalar(value: Any) -> str:
    if value == REDACTED or (isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)
