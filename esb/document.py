"""A YAML file as a tree of sections: plain data in which every key and every item knows its line.

A word without quotes means what JSON, YAML 1.1 and YAML 1.2 agree on: `null`, `true`, `false`, numbers. What they
quarrel about (`yes`, `on`, `1e3`) is a text first, and read again where its key refuses a text. Dates, times (`12:30`)
and numbers with leading zeros or underscores are texts and stay texts.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import AliasChoices, BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from yaml.composer import Composer

from esb.errors import ConfigError, Mistake

M = TypeVar("M", bound=BaseModel)
Keys = tuple[str | int, ...]

# What a section is


@dataclass(frozen=True, slots=True)
class Section:
    """A place in a file: what stands there, and where. `children` are the parts of a mapping or a list."""

    file: str
    line: int
    key: str
    value: Any = field(repr=False)
    children: Mapping[str | int, "Section"] = field(default_factory=dict, repr=False)
    loose: bool = False
    """A text that is read again where its key refuses a text."""
    outside: tuple[str, ...] = field(default=(), repr=False)
    """The texts that came from outside of the file, here and below: no mistake shows them."""
    unresolved: bool = False
    """Some `${…}` here or below failed. That is a mistake already; what follows from it is none."""

    def with_children(self, children: Mapping[str | int, "Section"]) -> "Section":
        """The same mapping or list with other parts."""
        values = {key: part.value for key, part in children.items()}
        return replace(
            self,
            value=values if isinstance(self.value, dict) else list(values.values()),
            children=children,
            outside=tuple(text for part in children.values() for text in part.outside),
            unresolved=any(part.unresolved for part in children.values()),
        )

    def mistake(self, text: str, *keys: str | int) -> Mistake:
        """A mistake at this place, or at a key below it."""
        place, key = self, self.key
        for part in keys:
            place = place.children.get(part, place)
            key = place.key if part in place.children else joined(key, part)
        for secret in self.outside:
            if len(secret) > 3:  # replacing less would garble the text and hide nothing
                text = text.replace(secret, "***")
        return Mistake(place.file, place.line, key or "file", text)

    def reread(self) -> "Section":
        """What a loose text says where it is not taken for a text; any other section as it is."""
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
        """This mapping as an instance of `model`, with the keys of `overrides` laid over its own.

        ConfigError holds all mistakes, each where its key stands; none, if what is wrong is known already (a `${…}`).
        """
        if self.unresolved and not self.children:
            raise ConfigError([])
        tree = self if overrides is None else overrides.with_children({**self.children, **overrides.children})
        try:
            return _validated(tree, model)
        except ValidationError as error:
            tree = _reread(tree, {_walk(tree, model, each["loc"]).keys for each in error.errors() if _is_reread(each)})
        try:
            return _validated(tree, model)
        except ValidationError as error:
            raise ConfigError(list(_mistakes(tree, self, model, error.errors()))) from None


def joined(key: str, part: str | int) -> str:
    """The dotted key of a part: `components[0].config.wx_type`."""
    if isinstance(part, int):
        return f"{key}[{part}]"
    shown = part if part and part.isprintable() else repr(part)
    return f"{key}.{shown}" if key else shown


def _moved(section: Section, place: Section) -> Section:
    """The section, as if all of it stood at `place`: that is where its text comes from."""
    children = {key: _moved(child, place) for key, child in section.children.items()}
    return replace(section, file=place.file, line=place.line, key=place.key, outside=place.outside, children=children)


def _reread(section: Section, places: set[Keys]) -> Section:
    if () in places:
        return section.reread()
    below = {keys[0] for keys in places}
    if not below:
        return section
    return section.with_children(
        {
            key: _reread(child, {keys[1:] for keys in places if keys[0] == key}) if key in below else child
            for key, child in section.children.items()
        }
    )


def _validated(section: Section, model: type[M]) -> M:
    # By way of JSON: from there a strict model takes a list for a tuple, and a text for an enum or an address.
    return model.model_validate_json(json.dumps(section.value))


# What pydantic refuses, in our words

WRONG_TYPE = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "none_required": "null",
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "dataclass_type"), "a mapping"),
}
CHOICE = {"literal_error", "enum"}
AUTHORED = {"value_error", "assertion_error"}
OUT_OF_BOUNDS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "finite_number": "a finite number",
    "string_too_short": "{min_length} or more characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text that matches {pattern}",
    "too_short": "{min_length} or more items",
    "too_long": "at most {max_length} items",
    "union_tag_invalid": "{discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "the key {discriminator}",
}
NOUNS: dict[Any, str] = {
    str: "a string",
    SecretStr: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    **dict.fromkeys((list, tuple, set, frozenset), "a list"),
    dict: "a mapping",
    Mapping: "a mapping",
}
FOUND = {
    type(None): "nothing",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "a list",
}
UNQUOTED = {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}


@dataclass(frozen=True, slots=True)
class _Refused:
    """Where an error of pydantic belongs: the deepest section on its way, and the models whose keys stand there."""

    keys: Keys
    place: Section
    models: list[type[BaseModel]]


def _walk(tree: Section, model: type[BaseModel], location: Keys) -> _Refused:
    keys: Keys = ()
    place, models = tree, [model]
    for step in location:  # some steps are no keys: the member of a union, a validator's name
        name, known = _field(models, step)
        if known is not None:
            models = list(_models_in(known.annotation))
        for key in (step, name):
            if key in place.children:
                keys, place = (*keys, key), place.children[key]
                break
    return _Refused(keys, place, models)


def _field(models: list[type[BaseModel]], key: str | int) -> tuple[str | int, FieldInfo | None]:
    for model in models:
        for name, known in model.model_fields.items():
            if key == name or key in _spellings(name, known):
                return name, known
    return key, None


def _spellings(name: str, known: FieldInfo) -> list[str]:
    alias = known.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
    return [choice for choice in choices if isinstance(choice, str)]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _is_reread(error: ErrorDetails) -> bool:
    kind = error["type"]
    return kind in CHOICE or (kind in WRONG_TYPE and kind != "string_type")


def _mistakes(tree: Section, own: Section, model: type[BaseModel], errors: list[ErrorDetails]) -> Iterator[Mistake]:
    """The mistakes behind pydantic's errors. The members of a union are refused one by one; that is one mistake."""
    grouped: dict[Keys, list[ErrorDetails]] = {}
    for error in errors:
        location = error["loc"]
        if error["type"] == "missing":
            keys = (*_walk(tree, model, location[:-1]).keys, location[-1])
        else:
            keys = _walk(tree, model, location).keys
        grouped.setdefault(keys, []).append(error)
    for group in grouped.values():
        yield from _in_words(tree, own, model, group)


def _in_words(tree: Section, own: Section, model: type[BaseModel], group: list[ErrorDetails]) -> Iterator[Mistake]:
    error = group[0]
    if error["type"] == "missing":
        owner = _walk(tree, model, error["loc"][:-1])
        key = error["loc"][-1]
        _, known = _field(owner.models, key)
        # What neither has is missing in the section itself, as it is without overrides.
        yield (owner.place if owner.keys else own).mistake(f"missing; expected {_noun(known)}", key)
        return
    refused = _walk(tree, model, error["loc"])
    if error["type"] == "extra_forbidden":
        refused = replace(refused, models=_walk(tree, model, error["loc"][:-1]).models)
    if refused.place.unresolved and (not refused.place.children or error["type"] in AUTHORED):
        return
    yield refused.place.mistake(_text(refused, group))


def _text(refused: _Refused, group: list[ErrorDetails]) -> str:
    error = group[0]
    kind = error["type"]
    if kind == "extra_forbidden":
        return "unknown key" + _known_keys(refused)
    if all(each["type"] in WRONG_TYPE or each["type"] in CHOICE for each in group):
        expected = " or ".join(dict.fromkeys(_expected(each) for each in group))
        return f"expected {expected}, found {_found(refused.place, group)}"
    if kind in AUTHORED:
        return str(error["ctx"]["error"])
    if kind in OUT_OF_BOUNDS:
        bounds = error.get("ctx", {}).items()
        whole = {
            name: int(bound) if isinstance(bound, float) and bound.is_integer() else bound for name, bound in bounds
        }
        return "expected " + OUT_OF_BOUNDS[kind].format_map(whole)
    return error["msg"]


def _expected(error: ErrorDetails) -> str:
    return WRONG_TYPE.get(error["type"]) or str(error["ctx"]["expected"])


def _found(place: Section, group: list[ErrorDetails]) -> str:
    value = group[0]["input"]
    noun = FOUND.get(type(value), "a mapping")
    if place.outside:
        return noun
    kinds = {each["type"] for each in group}
    if kinds <= CHOICE and isinstance(value, str | int):
        known = re.findall(r"'([^']*)'", _expected(group[0]))
        return repr(value) + did_you_mean(str(value), known)
    if "string_type" in kinds and isinstance(value, int | float):
        return f"{noun}: put it in quotes"
    if isinstance(value, str) and any(type(plainly(value)) in UNQUOTED.get(kind, ()) for kind in kinds):
        return f"{noun}: write it without quotes"
    return noun


def _known_keys(refused: _Refused) -> str:
    known = [
        spelling
        for model in refused.models
        for name, each in model.model_fields.items()
        for spelling in _spellings(name, each)
    ]
    word = str(refused.keys[-1])
    known = [each for each in dict.fromkeys(known) if each != word]  # another member of a union may have it
    if not known:
        return "; nothing can be set here"
    return did_you_mean(word, known) or f"; known keys: {', '.join(known)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a mistake about a word that is not known."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _noun(known: FieldInfo | None) -> str:
    return _noun_of(known.annotation) if known is not None else "a value"


def _noun_of(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping"
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(repr(choice) for choice in get_args(annotation))
    if origin in (Union, UnionType):
        nouns = (_noun_of(part) for part in get_args(annotation) if part is not type(None))
        return " or ".join(dict.fromkeys(nouns))
    return NOUNS.get(origin or annotation, "a value")


# Reading YAML

MAX_DEPTH = 100
MAX_SECTIONS = 100_000
"""Far above any real file: what it stops is a file that repeats itself through aliases."""

REPEATED = "aliases (*name) repeat too much here"

PLAIN, QUOTED = "plain", "quoted"
TAGS = {PLAIN, QUOTED, "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
LOOSE_WORDS = {
    **dict.fromkeys(("yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("no", "No", "NO", "off", "Off", "OFF"), False),
}
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,99}")
NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")
EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")


def plainly(text: str) -> Any:
    """What a word without quotes means."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if NUMBER.fullmatch(text):
        return float(text)
    if match := INFINITE.fullmatch(text):
        return float(match[1] + match[2])
    return text


def loosely(text: str) -> Any:
    """What a word means where it cannot be a text."""
    if text in LOOSE_WORDS:
        return LOOSE_WORDS[text]
    return float(text) if EXPONENT.fullmatch(text) else plainly(text)


def read(text: str, file: str) -> tuple[Section, list[Mistake]]:
    """The tree of a YAML document, and the mistakes beside which one can go on. ConfigError if it cannot be read."""
    try:
        node = _Composer(text).get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([Mistake(file, line, "file", f"not valid YAML: {error.reason}")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([Mistake(file, line, "file", f"not valid YAML: {_problem(error)}")]) from None
    if node is None:
        raise ConfigError([Mistake(file, 1, "file", "the file is empty; expected a mapping")])
    reader = _Reader(file)
    return reader.section(node, "", node.start_mark.line + 1), list(reader.mistakes.values())


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "',' or" in problem:
        return f"{problem}; between {{ }} or [ ], a text with one of {{}}[], in it needs quotes"
    return f"{error.context} {problem}" if problem.startswith("but ") else problem


class _Composer(Composer, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # chosen at run time
    """YAML nodes with their lines. libyaml only splits the text: its composer overflows the stack on deep nesting."""

    def __init__(self, text: str) -> None:
        super(Composer, self).__init__(text)
        Composer.__init__(self)
        self.depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else QUOTED
        return str(super().resolve(kind, value, implicit))

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: dict[tuple[int, str], Mistake] = {}
        self.sections = 0

    def section(self, node: yaml.Node, key: str, line: int, depth: int = 0) -> Section:
        self.sections += 1
        if depth > MAX_DEPTH or self.sections > MAX_SECTIONS:
            raise ConfigError([Mistake(self.file, line, "file", REPEATED)])
        here = Section(self.file, line, key, None)
        if node.tag not in TAGS:
            self._mistake(
                here, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is refused; write a plain value"
            )
            return replace(here, unresolved=True)
        parts: Mapping[Any, tuple[yaml.Node, int]]
        if isinstance(node, yaml.MappingNode):
            here, parts = replace(here, value={}), self._entries(node, here)
        elif isinstance(node, yaml.SequenceNode):
            here = replace(here, value=[])
            parts = {index: (item, item.start_mark.line + 1) for index, item in enumerate(node.value)}
        else:
            return self._scalar(node, here)
        return here.with_children(
            {part: self.section(value, joined(key, part), at, depth + 1) for part, (value, at) in parts.items()}
        )

    def _entries(self, node: yaml.MappingNode, here: Section, depth: int = 0) -> dict[str, tuple[yaml.Node, int]]:
        """Key -> its value and line. What `<<` brings in stands behind what is written here."""
        entries: dict[str, tuple[yaml.Node, int]] = {}
        merged: list[yaml.Node] = []
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == PLAIN and key_node.value == "<<":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            name = self._name(key_node, replace(here, line=line))
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
        """The key as text; None, and a mistake, if it is none."""
        if not isinstance(node, yaml.ScalarNode):
            self._mistake(here, "a key must be a text, not a list or a mapping")
        elif node.tag not in TAGS or (node.tag == PLAIN and not isinstance(plainly(node.value), str)):
            self._mistake(here, f"a key must be a text: write '{node.value}' in quotes")
        elif "${" in node.value:
            self._mistake(here, "${…} is filled in in values only, not in keys")
        else:
            return str(node.value)
        return None

    def _scalar(self, node: yaml.Node, here: Section) -> Section:
        if node.tag != PLAIN:
            return replace(here, value=node.value)
        value = plainly(node.value)
        return replace(here, value=value, loose=isinstance(value, str) and loosely(value) != value)

    def _mistake(self, here: Section, text: str) -> None:
        # An anchored mapping is read once for every place that it stands in.
        self.mistakes.setdefault((here.line, text), here.mistake(text))
