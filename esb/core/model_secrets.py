"""The secrets in a checked configuration, as its models tell them."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import AliasChoices, BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from esb.core.redaction import sounds_secret

Keys = tuple[str | int, ...]
NUMBERS = (int, float, int | None, float | None)
"""Types of fields that are nothing but a number."""


def hidden_in(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, str | None]]:
    """Yield the keys of each secret and its text; None for what a model does not print, whatever it is.

    In a mapping, whose keys no model knows, a text under a key that sounds like a secret is one. A field with several
    spellings is yielded under each.
    """
    if isinstance(value, SecretStr | SecretBytes | Secret):
        yield keys, _plain(value)
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            for spelling in _spellings(name, info):
                if not info.repr:
                    yield (*keys, spelling), None
                yield from hidden_in(getattr(value, name), (*keys, spelling))
        yield from hidden_in(value.model_extra, keys)
    elif is_dataclass(value) and not isinstance(value, type):
        for known in fields(value):
            if not known.repr:
                yield (*keys, known.name), None
            yield from hidden_in(getattr(value, known.name), (*keys, known.name))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from hidden_in(key, keys)
            yield from hidden_in(part, (*keys, key))
            if isinstance(part, str) and sounds_secret(str(key)):
                yield (*keys, key), part
    elif isinstance(value, list | tuple | set | frozenset):
        for index, part in enumerate(value):
            yield from hidden_in(part, (*keys, index))


def counts_in(value: Any, keys: Keys = ()) -> Iterator[Keys]:
    """Yield the keys of fields in the plural that a model reads as numbers: `tokens: 100` says how many there are.

    In the singular a number may be a secret, as `password: 271828` is.
    """
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            for spelling in _spellings(name, info):
                if info.annotation in NUMBERS and spelling.endswith("s"):
                    yield (*keys, spelling)
                yield from counts_in(getattr(value, name), (*keys, spelling))
    elif isinstance(value, Mapping | list | tuple):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from counts_in(part, (*keys, key))


def secret_texts(value: Any) -> Iterator[str]:
    """Yield the text of each secret."""
    return (text for _, text in hidden_in(value) if text)


def _spellings(name: str, info: FieldInfo) -> Iterator[str]:
    """Yield the names under which this field may stand in the file."""
    alias = info.validation_alias  # pydantic puts a plain alias there, too
    yield name
    for choice in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if isinstance(choice, str) and choice != name:
            yield choice


def _plain(secret: SecretStr | SecretBytes | Secret[Any]) -> str:
    value = secret.get_secret_value()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
