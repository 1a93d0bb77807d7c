"""The changes from one configuration of a gateway to the next: a secret is told as changed, and never shown."""

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from esb.config import Config
from esb.core import json_codec
from esb.core.redaction import REDACTED
from esb.introspect import config_view
from esb.introspect.config_diff import differences
from esb.introspect.secret_sources import LITERAL, SecretSources, is_told

MOST_CHANGES = 500
"""Changes that are told."""


class Changes(NamedTuple):
    """The first changes, each `{key, before, after}` where null means that the key is not there; and how many."""

    told: Sequence[dict[str, Any]]
    number: int


def changes(before: Config, after: Config) -> Changes:
    """Return what the second of these configurations changes. Secrets are compared by fingerprints of nobody's key."""
    mask = SecretSources(secrets.token_bytes())
    old, new = (json_codec.decode(json_codec.encode(config_view.rendered(each, mask))) for each in (before, after))
    found = [*differences(old, new)]
    told = [
        {"key": each.key, "before": _shown(each.before), "after": _shown(each.after)} for each in found[:MOST_CHANGES]
    ]
    return Changes(told, len(found))


def _shown(value: Any) -> Any:
    """Return a value without the fingerprints of its secrets: of each, what may be seen and where it comes from."""
    if is_told(value):
        shown, source = value.get("shown", REDACTED), value["source"]
        return shown if source == LITERAL else f"{shown} ({source})"
    if isinstance(value, dict):
        return {key: _shown(part) for key, part in value.items()}
    if isinstance(value, list):
        return [*map(_shown, value)]
    return value
