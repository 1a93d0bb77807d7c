"""The secrets of a component's config, as others may repeat them: they are taken out of all that a caller sees."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from esb.channels.dest_url import secrets_in
from esb.core.redaction import redacted


def secrets_of(config: Any) -> tuple[str, ...]:
    """Return every secret in a config, however deep, and the parts of those that are addresses."""
    return tuple(dict.fromkeys(filter(None, _found(config))))


def without_secrets(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return JSON with these secrets taken out of all its texts."""
    if isinstance(value, str):
        return redacted(value, secrets)
    if isinstance(value, Mapping):
        return {name: without_secrets(item, secrets) for name, item in value.items()}
    return [without_secrets(item, secrets) for item in value] if isinstance(value, list | tuple) else value


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        yield secret
        if "://" in secret:
            yield from secrets_in(secret)
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode(errors="replace")
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _found(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _found(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _found(item)
