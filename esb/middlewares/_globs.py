"""Names that an app's rights give by globs."""

from collections.abc import Collection
from fnmatch import fnmatchcase

ALL = "*"
"""The glob that nearly all apps have, and that gives every name: nothing need be compared. Bench: send."""


def matches(name: str, globs: Collection[str]) -> bool:
    """Return True if one of the globs gives this name. Case matters."""
    return any(fnmatchcase(name, glob) for glob in globs)
