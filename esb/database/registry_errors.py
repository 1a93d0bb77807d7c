"""Refusals of the registry: what an operator cannot have, in texts for operators, which name no secret."""

from collections.abc import Collection

from esb.config.yaml import nearest
from esb.core.errors import GatewayError


class RegistryError(GatewayError):
    """A write that is refused. Nothing of its transaction has happened."""


class Missing(RegistryError):
    """Something that should be changed is not there."""


class AppUnknown(Missing):
    """There is no app of this code. The text names the nearest of those that are `known`."""

    def __init__(self, code: str, known: Collection[str] = ()) -> None:
        meant = nearest(code, known)
        hint = f"did you mean {meant!r}?" if meant else "`esb app list` tells those that are there"
        super().__init__(f"there is no app {code!r} in the database; {hint}")


class AlreadyThere(RegistryError):
    """Something that should be made is there already."""


class NotAcceptable(RegistryError):
    """A code, name, pattern, address or end that the database does not take."""


def missing(what: str, named: str, known: Collection[str]) -> Missing:
    """Return the error for something that an app does not have, with the nearest of those that it has."""
    meant = nearest(named, known)
    hint = f"; did you mean {meant!r}?" if meant else f"; it has {', '.join(map(repr, sorted(known))) or 'none'}"
    return Missing(f"{what} {named!r}{hint}")
