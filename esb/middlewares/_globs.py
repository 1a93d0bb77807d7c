"""Names that an app's rights give by globs."""

from collections.abc import Collection
from fnmatch import fnmatchcase

ALL = "*"


def matches(name: str, globs: Collection[str]) -> bool:
    """Whether one of the globs gives this name. Case matters."""
    return ALL in globs or any(fnmatchcase(name, glob) for glob in globs)
