"""Globs over the components that a configuration declares: one that matches none of them is probably misspelled."""

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase

from esb.config import Config, names_in_rights
from esb.config.yaml import did_you_mean


def declared_names(config: Config) -> set[str]:
    """Return the names by which rights open the components of this configuration."""
    return {name for stanza in config.components for name in names_in_rights(stanza.name, stanza.path)}


def matches_one(glob: str, names: Collection[str]) -> bool:
    """Return True if a glob gives one of these names."""
    return any(fnmatchcase(name, glob) for name in names)


def doubts(config: Config, globs: Iterable[str]) -> Iterator[str]:
    """Yield a sentence about each glob that matches no component: other gateways may declare more than this one."""
    names = declared_names(config)
    for glob in dict.fromkeys(globs):
        if not matches_one(glob, names):
            yield f"{glob!r} matches none of the components that are declared here{did_you_mean(glob, names)}"
