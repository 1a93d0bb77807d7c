"""The secrets of a component's config, as others may repeat them: they are taken out of all that a caller sees."""

from collections.abc import Iterator, Mapping
from typing import Any

from esb.channels.dest_url import secrets_in
from esb.core.model_secrets import secret_texts
from esb.core.redaction import redacted


def secrets_of(config: Any) -> tuple[str, ...]:
    """Return every secret in a config, however deep, and the parts of those that are addresses."""
    return tuple(dict.fromkeys(_with_parts(config)))


def without_secrets(value: Any, secrets: tuple[str, ...]) -> Any:
    """Return JSON, however deep it is, with these secrets taken out of all its texts."""
    whole = [value]
    waiting: list[Any] = [whole]
    for part in waiting:  # it grows meanwhile
        for key, item in [*(part.items() if isinstance(part, dict) else enumerate(part))]:
            if isinstance(item, str):
                part[key] = redacted(item, secrets)
            elif isinstance(item, Mapping | list | tuple):
                part[key] = dict(item) if isinstance(item, Mapping) else [*item]
                waiting.append(part[key])
    return whole[0]


def _with_parts(config: Any) -> Iterator[str]:
    for secret in secret_texts(config):
        yield secret
        if "://" in secret:
            yield from secrets_in(secret)
