"""A YAML file as a tree of sections: plain data in which every key and every item knows its line.

A word without quotes means what JSON, YAML 1.1 and YAML 1.2 agree on: `null`, `true`, `false`, numbers. What they
quarrel about (`yes`, `on`, `1e3`) is a text first, and read again where its key refuses a text. Dates, times (`12:30`)
and numbers with leading zeros or underscores are texts and stay texts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from esb.config.yaml.explain import Keys, mistakes, refused, to_reread
from esb.config.yaml.nodes import MAX_DEPTH, PLAIN, TAGS, composed
from esb.config.yaml.scalars import are_secrets, joined, loosely, plainly
from esb.core.errors import ConfigError, Mistake
from esb.core.redaction import REDACTED, SHORTEST_REPLACED

M = TypeVar("M", bound=BaseModel)
MAX_SECTIONS = 100_000
"""The most sections of a file, far above any real one: stops a file that repeats itself through aliases."""

OWN_TAGS = "tag:yaml.org,2002:"
"""The beginning of YAML's own tags. What stands behind any other exclamation mark may be a secret without quotes."""
PLACEHOLDERS = (
    "10001",
    "http://placeholder.invalid",
    "A" * 43 + "=",
    f"sha256:{'0' * 64}",
    "true",
    "sqlite:///placeholder.db",
)
"""Texts for what is not there when it is checked: one is a number and a name, and others what some keys ask for."""
REPEATED = "aliases (*name) repeat too much here"


@dataclass(frozen=True, slots=True)
class Section:
    """A value in a file, with its line and key. `children` are the parts of a mapping or a list."""

    file: str
    line: int
    key: str
    value: Any = field(repr=False)
    children: Mapping[str | int, "Section"] = field(default_factory=dict, repr=False)
    loose: bool = False
    """True for a text that is read again where its key refuses a text."""
    outside: tuple[str, ...] = field(default=(), repr=False)
    """The texts that came from outside of the file, here and below: no mistake repeats them."""
    references: tuple[str, ...] = ()
    """The `${…}` that its text consists of, without what they fall back on. Parts have their own."""
    unresolved: bool = False
    """True if some `${…}` here or below failed. That is a mistake already; what follows from it is none."""
    note: str = ""
    """The origin of a value that is probably not meant; a mistake about it tells it."""

    def with_children(self, children: Mapping[str | int, "Section"]) -> "Section":
        """Return the same mapping or list with other parts."""
        values = {key: part.value for key, part in children.items()}
        return Section(  # `replace` takes three times as long, and there are thousands of them
            self.file,
            self.line,
            self.key,
            values if isinstance(self.value, dict) else list(values.values()),
            children,
            self.loose,
            tuple(text for part in children.values() for text in part.outside),
            (),
            any(part.unresolved for part in children.values()),
        )

    def mistake(self, text: str, *keys: str | int) -> Mistake:
        """Make a mistake of this section, or of a key below it."""
        section, key = self, self.key
        for part in keys:
            child = section.children.get(part)
            section, key = (section, joined(key, part)) if child is None else (child, child.key)
        for secret in self.outside:
            if len(secret) >= SHORTEST_REPLACED:
                text = text.replace(secret, REDACTED)
        if section.note and section.key == key:
            text = f"{text} ({section.note})"
        return Mistake(section.file, section.line, key or "file", text)

    def reread(self) -> "Section":
        """Return a loose text read again as something else than a text; any other section as it is."""
        if not self.loose:
            return self
        if self.value.lstrip().startswith(("[", "{")):
            try:
                parsed, mistakes = read(self.value, self.file)
            except ConfigError:
                return self
            return self if mistakes else _moved(parsed, self)
        return replace(self, value=loosely(self.value), loose=False)

    def validate(self, model: type[M], overrides: "Section | None" = None) -> M:
        """Return this mapping as an instance of `model`, with the keys of `overrides` laid over its own.

        ConfigError holds all mistakes, each where its key stands; none if they are known already (a `${…}`).
        """
        if self.unresolved and not self.children:
            raise ConfigError([])
        tree = self if overrides is None else overrides.with_children({**self.children, **overrides.children})
        try:
            return _validated(tree, model)
        except ValidationError as error:
            tree = _reread(tree, set(to_reread(tree, model, error.errors())))
        tree = _with_placeholders(tree, model)
        try:
            return _validated(tree, model)
        except ValidationError as error:
            raise ConfigError(list(mistakes(tree, self, model, error.errors()))) from None


def _with_placeholders(tree: Section, model: type[BaseModel]) -> Section:
    """Return the mapping with another placeholder wherever its key refuses the first one."""
    for text in PLACEHOLDERS[1:] if tree.unresolved else ():
        try:
            _validated(tree, model)
        except ValidationError as error:
            tree = _replaced(tree, set(refused(tree, model, error.errors())), text)
    return tree


def _replaced(section: Section, places: set[Keys], text: str) -> Section:
    if section.children:
        return section.with_children(
            {
                key: _replaced(child, {keys[1:] for keys in places if keys[:1] == (key,)}, text)
                for key, child in section.children.items()
            }
        )
    if section.unresolved and () in places and section.value in PLACEHOLDERS:
        return replace(section, value=text, loose=True)
    return section


def _moved(section: Section, origin: Section) -> Section:
    """Return the section with all of it at the line and key of `origin`, from which its text comes."""
    children = {key: _moved(child, origin) for key, child in section.children.items()}
    return replace(
        section,
        file=origin.file,
        line=origin.line,
        key=origin.key,
        outside=origin.outside,
        references=origin.references,
        children=children,
    )


def _reread(section: Section, loose: set[Keys]) -> Section:
    if () in loose:
        return section.reread()
    below = {keys[0] for keys in loose}
    if not below:
        return section
    return section.with_children(
        {
            key: _reread(child, {keys[1:] for keys in loose if keys[0] == key}) if key in below else child
            for key, child in section.children.items()
        }
    )


def _validated(section: Section, model: type[M]) -> M:
    # By way of JSON: from there a strict model takes a list for a tuple, and a text for an enum or an address.
    return model.model_validate_json(json.dumps(section.value))


def read(text: str, file: str) -> tuple[Section, list[Mistake]]:
    """Return the tree of a YAML document, and the mistakes in it. ConfigError if it cannot be read."""
    node = composed(text, file)
    reader = _Reader(file)
    return reader.section(node, "", node.start_mark.line + 1), list(reader.mistakes.values())


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: dict[tuple[int, str], Mistake] = {}
        self.sections = 0

    def section(self, node: yaml.Node, key: str, line: int, depth: int = 0) -> Section:
        self.sections += 1
        if depth > MAX_DEPTH or self.sections > MAX_SECTIONS:
            raise ConfigError([Mistake(self.file, line, "file", REPEATED)])
        if node.tag not in TAGS:
            here = Section(self.file, line, key, None, unresolved=True)
            self._mistake(
                here,
                f"the tag {node.tag.replace(OWN_TAGS, '!!')} is refused; write a plain value"
                if node.tag.startswith(OWN_TAGS)
                else "a tag is refused; a text that begins with ! needs quotes",
            )
            return here
        parts: Mapping[Any, tuple[yaml.Node, int]]
        if isinstance(node, yaml.MappingNode):
            here = Section(self.file, line, key, {})
            parts = self._entries(node, here)
        elif isinstance(node, yaml.SequenceNode):
            here = Section(self.file, line, key, [])
            parts = {index: (item, item.start_mark.line + 1) for index, item in enumerate(node.value)}
        else:
            return self._scalar(node, key, line)
        return here.with_children(
            {part: self.section(value, joined(key, part), at, depth + 1) for part, (value, at) in parts.items()}
        )

    def _entries(self, node: yaml.MappingNode, here: Section, depth: int = 0) -> dict[str, tuple[yaml.Node, int]]:
        """Return key -> value and line. Keys that `<<` brings in yield to those written here."""
        entries: dict[str, tuple[yaml.Node, int]] = {}
        merged: list[yaml.Node] = []
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == PLAIN and key_node.value == "<<":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            name = self._name(key_node, here)
            if name in entries:
                first = entries[name][1]
                at = replace(here, line=line, key=joined(here.key, name))
                self._mistake(at, f"duplicate key; it stands on line {first} already")
            elif name is not None:
                entries[name] = (value, line)
        for each in merged:
            for name, entry in self._merged(each, here, depth).items():
                entries.setdefault(name, entry)
        return entries

    def _merged(self, node: yaml.Node, here: Section, depth: int) -> dict[str, tuple[yaml.Node, int]]:
        if not isinstance(node, yaml.MappingNode):
            self._mistake(here, "<< takes a mapping, or a list of mappings")
            return {}
        if depth > MAX_DEPTH:
            raise ConfigError([Mistake(self.file, here.line, "file", REPEATED)])
        return self._entries(node, here, depth + 1)

    def _name(self, node: yaml.Node, here: Section) -> str | None:
        """Return the key as text; None, and note a mistake in its line, if it is none."""
        if not isinstance(node, yaml.ScalarNode):
            mistake = "a key must be a text, not a list or a mapping"
        elif node.tag not in TAGS or (node.tag == PLAIN and not isinstance(plainly(node.value), str)):
            word = "it" if are_secrets(here.key) else f"'{node.value}'"
            mistake = f"a key must be a text: write {word} in quotes"
        elif "${" in node.value:
            mistake = "${…} is filled in in values only, not in keys"
        else:
            return str(node.value)
        self._mistake(replace(here, line=node.start_mark.line + 1), mistake)
        return None

    def _scalar(self, node: yaml.Node, key: str, line: int) -> Section:
        if node.tag != PLAIN:
            return Section(self.file, line, key, node.value)
        value = plainly(node.value)
        return Section(self.file, line, key, value, loose=isinstance(value, str) and loosely(value) != value)

    def _mistake(self, here: Section, text: str) -> None:
        # An anchored mapping is read once for every place that it stands in.
        self.mistakes.setdefault((here.line, text), here.mistake(text))
