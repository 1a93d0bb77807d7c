"""Mistakes in our words, made from pydantic's errors, each at its line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from esb.config.yaml.scalars import did_you_mean, plainly
from esb.core.errors import Mistake

Keys = tuple[str | int, ...]


class Repeated(ValueError):
    """A list in which items have the same name. `twice` are their indices, each with that of the first of its name."""

    def __init__(self, key: str, twice: Sequence[tuple[int, int]]) -> None:
        super().__init__("declared twice")
        self.key = key
        self.twice = twice


class SectionView(Protocol):
    """A section, as far as it matters here: `section.py` imports this file."""

    @property
    def value(self) -> Any: ...
    @property
    def children(self) -> Mapping[str | int, "SectionView"]: ...
    @property
    def outside(self) -> tuple[str, ...]: ...
    @property
    def unresolved(self) -> bool: ...
    def mistake(self, text: str, *keys: str | int) -> Mistake: ...


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
    """The origin of an error of pydantic: the deepest section on its path, and the models whose keys stand there."""

    keys: Keys
    section: SectionView
    models: list[type[BaseModel]]


def _walk(tree: SectionView, model: type[BaseModel], location: Keys) -> _Refused:
    keys: Keys = ()
    section, models = tree, [model]
    for step in location:  # some steps are no keys: the member of a union, a validator's name
        name, known = _field(models, step)
        if known is not None:
            models = list(_models_in(known.annotation))
        for key in (step, name):
            if key in section.children:
                keys, section = (*keys, key), section.children[key]
                break
    return _Refused(keys, section, models)


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


def to_reread(tree: SectionView, model: type[BaseModel], errors: list[ErrorDetails]) -> Iterator[Keys]:
    """Yield the keys at which something else than a text is expected: a loose text may be that."""
    for error in errors:
        kind = error["type"]
        if kind in CHOICE or (kind in WRONG_TYPE and kind != "string_type"):
            yield _walk(tree, model, error["loc"]).keys


def mistakes(
    tree: SectionView, own: SectionView, model: type[BaseModel], errors: list[ErrorDetails]
) -> Iterator[Mistake]:
    """Yield the mistakes behind pydantic's errors. A union's members are refused one by one; that is one mistake."""
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


def _in_words(
    tree: SectionView, own: SectionView, model: type[BaseModel], group: list[ErrorDetails]
) -> Iterator[Mistake]:
    error = group[0]
    if error["type"] == "missing":
        owner = _walk(tree, model, error["loc"][:-1])
        key = error["loc"][-1]
        _, known = _field(owner.models, key)
        # What neither has is missing in the section itself, as it is without overrides.
        yield (owner.section if owner.keys else own).mistake(f"missing; expected {_noun(known)}", key)
        return
    refused = _walk(tree, model, error["loc"])
    if error["type"] == "extra_forbidden":
        refused = replace(refused, models=_walk(tree, model, error["loc"][:-1]).models)
    if refused.section.unresolved and (not refused.section.children or error["type"] in AUTHORED):
        return
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Repeated):
        for index, other in cause.twice:
            first = refused.section.mistake("", other, cause.key)
            text = f"declared twice; it stands at {first.file}:{first.line} already"
            yield refused.section.mistake(text, index, cause.key)
        return
    yield refused.section.mistake(_text(refused, group))


def _text(refused: _Refused, group: list[ErrorDetails]) -> str:
    error = group[0]
    kind = error["type"]
    if kind == "extra_forbidden":
        return "unknown key" + _known_keys(refused)
    if all(each["type"] in WRONG_TYPE or each["type"] in CHOICE for each in group):
        expected = " or ".join(dict.fromkeys(_expected(each) for each in group))
        return f"expected {expected}, found {_found(refused.section, group)}"
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


def _found(section: SectionView, group: list[ErrorDetails]) -> str:
    value = group[0]["input"]
    noun = FOUND.get(type(value), "a mapping")
    if section.outside:
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
