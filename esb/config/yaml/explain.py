"""Mistakes in our words, made from pydantic's errors, each at its line."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from esb.config.yaml.scalars import did_you_mean, nearest, plainly
from esb.core.errors import Mistake
from esb.core.redaction import SHORTEST_REPLACED, redacted, sounds_secret

Keys = tuple[str | int, ...]


class MistakesBelow(ValueError):
    """The error of a validator that knows which parts below its own value are wrong: their keys, and a text each.

    `first` are the keys of the parts that some of them repeat: the text then ends with the line of that part.
    """

    def __init__(self, places: Mapping[Keys, str], first: Mapping[Keys, Keys] = MappingProxyType({})) -> None:
        super().__init__("; ".join(places.values()))
        self.places = places
        self.first = first


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


def refused(tree: SectionView, model: type[BaseModel], errors: list[ErrorDetails]) -> Iterator[Keys]:
    """Yield the keys at which something is refused."""
    return (_walk(tree, model, error["loc"]).keys for error in errors)


def mistakes(
    tree: SectionView, own: SectionView, model: type[BaseModel], errors: list[ErrorDetails]
) -> Iterator[Mistake]:
    """Yield the mistakes behind pydantic's errors. A union's members are refused one by one; that is one mistake."""
    grouped: dict[Keys, list[ErrorDetails]] = {}
    meant: set[Keys] = set()
    for error in errors:
        location = error["loc"]
        if error["type"] == "missing":
            keys = (*_walk(tree, model, location[:-1]).keys, location[-1])
        else:
            keys = _walk(tree, model, location).keys
        if error["type"] == "extra_forbidden" and (name := nearest(str(keys[-1]), _known(tree, model, location))):
            meant.add((*keys[:-1], name))
        grouped.setdefault(keys, []).append(error)
    for keys, group in grouped.items():
        if not _follows(keys, group[0], grouped, meant):
            yield from _in_words(tree, own, model, group)


def _follows(keys: Keys, error: ErrorDetails, grouped: Collection[Keys], meant: Collection[Keys]) -> bool:
    """Return whether this error is but the end of another: one cause is one mistake."""
    if error["type"] == "missing":
        return keys in meant  # it stands there under a name that is not right
    if error["type"] == "too_short":  # items that are wrong are not counted
        return any(other != keys and other[: len(keys)] == keys for other in grouped)
    return False


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
        yield refused.section.mistake(
            "unknown key" + _known_keys(str(refused.keys[-1]), _known(tree, model, error["loc"]))
        )
        return
    if refused.section.unresolved and (not refused.section.children or error["type"] in AUTHORED):
        return
    below = error.get("ctx", {}).get("error")
    if isinstance(below, MistakesBelow):
        for keys, text in below.places.items():
            first = below.first.get(keys)
            yield refused.section.mistake(text if first is None else text + _already(refused.section, first), *keys)
        return
    yield refused.section.mistake(_text(refused, group))


def _already(section: SectionView, keys: Keys) -> str:
    at = section.mistake("", *keys)
    return f"; it stands at {at.file}:{at.line} already"


def _text(refused: _Refused, group: list[ErrorDetails]) -> str:
    error = group[0]
    kind = error["type"]
    if all(each["type"] in WRONG_TYPE or each["type"] in CHOICE for each in group):
        expected = " or ".join(dict.fromkeys(_expected(each) for each in group))
        return f"expected {expected}, found {_found(refused, group)}"
    if kind in AUTHORED:
        return redacted(str(error["ctx"]["error"]), _secrets(refused.section, _hides(refused.keys)))
    if kind == "too_short" and isinstance(error["input"], str):
        kind = "string_too_short"  # pydantic's word for a secret
    if kind in OUT_OF_BOUNDS:
        bounds = error.get("ctx", {}).items()
        whole = {
            name: int(bound) if isinstance(bound, float) and bound.is_integer() else bound for name, bound in bounds
        }
        return "expected " + OUT_OF_BOUNDS[kind].format_map(whole)
    return error["msg"]


def _expected(error: ErrorDetails) -> str:
    return WRONG_TYPE.get(error["type"]) or str(error["ctx"]["expected"])


def _hides(keys: Keys) -> bool:
    return any(isinstance(key, str) and sounds_secret(key) for key in keys)


def _secrets(section: SectionView, is_secret: bool) -> Iterator[str]:
    """Yield the texts here and below that stand under a key which may hold a secret."""
    if is_secret and isinstance(section.value, str) and len(section.value) >= SHORTEST_REPLACED:
        yield section.value
    for key, part in section.children.items():
        yield from _secrets(part, is_secret or _hides((key,)))


def _found(refused: _Refused, group: list[ErrorDetails]) -> str:
    section, value = refused.section, group[0]["input"]
    noun = FOUND.get(type(value), "a mapping")
    if section.outside:
        return noun
    kinds = {each["type"] for each in group}
    if kinds <= CHOICE and isinstance(value, str | int) and not _hides(refused.keys[-1:]):
        known = re.findall(r"'([^']*)'", _expected(group[0]))
        return repr(value) + did_you_mean(str(value), known)
    if "string_type" in kinds and isinstance(value, int | float):
        return f"{noun}: put it in quotes"
    if isinstance(value, str) and any(type(plainly(value)) in UNQUOTED.get(kind, ()) for kind in kinds):
        return f"{noun}: write it without quotes"
    return noun


def _known(tree: SectionView, root: type[BaseModel], location: Keys) -> list[str]:
    """Return the names that may stand in the place of the last one of this location."""
    known = [
        spelling
        for model in _walk(tree, root, location[:-1]).models
        for name, each in model.model_fields.items()
        for spelling in _spellings(name, each)
    ]
    return [each for each in dict.fromkeys(known) if each != location[-1]]  # another member of a union may have it


def _known_keys(word: str, known: list[str]) -> str:
    if not known:
        return "; nothing can be set here"
    if word.partition(":")[0] in known:
        return "; write a blank behind the colon"
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
