"""Globs over the components that a configuration declares: one that matches none of them is probably misspelled."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from esb.config import Config, names_in_rights
from esb.config.yaml import did_you_mean
from esb.database.registry_errors import NotAcceptable

ALL = "*"


def declared_names(config: Config) -> set[str]:
    """Return the names by which rights open the components of this configuration."""
    return {name for stanza in config.components for name in names_in_rights(stanza.name, stanza.path)}


def matches_one(glob: str, names: Collection[str]) -> bool:
    """Return True if a glob gives one of these names."""
    return any(fnmatchcase(name, glob) for name in names)


def unmatched(config: Config, globs: Iterable[str]) -> None:
    """Raise NotAcceptable for the first glob that matches no component; none if the configuration declares no one."""
    names = declared_names(config)
    for glob in globs:
        if names and glob != ALL and not matches_one(glob, names):
            raise NotAcceptable(f"{glob!r} matches none of the declared components{did_you_mean(glob, names)}")
