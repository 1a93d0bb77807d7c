"""Plain data as the text of a YAML document."""

from typing import Any

import yaml

WIDTH = 120


def written(value: Any) -> str:
    """Return mappings, lists and what JSON knows besides as YAML, keys in their order."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=WIDTH)
