"""Refusals of the registry: what an operator cannot have, in texts for operators, which name no secret."""

from collections.abc import Collection
from typing import Any

from esb.config.yaml import nearest
from esb.core.errors import GatewayError, Message, template


class RegistryError(GatewayError):
    """A write that is refused. Nothing of its transaction has happened.

    `text` is an English template, the catalogues' key, and `values` fill it.
    """

    def __init__(self, text: str, /, **values: Any) -> None:
        self.message = Message(text, values)
        super().__init__(str(self.message))


class Missing(RegistryError):
    """Something that should be changed is not there."""


class AppUnknown(Missing):
    """There is no app of this code. The text names the nearest of those that are `known`."""

    def __init__(self, code: str, known: Collection[str] = ()) -> None:
        meant = nearest(code, known)
        if meant:
            text = template("there is no app {code!r} in the database; did you mean {meant!r}?")
        else:
            text = template("there is no app {code!r} in the database; `esb app list` tells those that are there")
        super().__init__(text, code=code, meant=meant)


class AlreadyThere(RegistryError):
    """Something that should be made is there already."""


class NotAcceptable(RegistryError):
    """A code, name, pattern, address or end that the database does not take."""


def missing(text: str, code: str, named: str, known: Collection[str]) -> Missing:
    """Return the error for something that an app does not have, with the nearest of those that it has.

    `text`: the template that says so, of {code} and {named}.
    """
    meant, has = nearest(named, known), ", ".join(map(repr, sorted(known)))
    if meant:
        hint = template("; did you mean {meant!r}?")
    else:
        hint = template("; it has {has}") if has else template("; it has none")
    what = Message(text, {"code": code, "named": named})
    return Missing("{what}{hint}", what=what, hint=Message(hint, {"meant": meant, "has": has}))
