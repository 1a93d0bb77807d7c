"""One page as its handler returns it: HTML for people, its data as JSON for whoever asks for that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from esb.core.i18n import Translate

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Page:
    """A template below templates/, and its data: the template has them by name, JSON is them.

    `shown` is for the template alone: forms, choices, what has been typed in.
    """

    template: str
    data: Mapping[str, Any] = field(repr=False)  # a new secret stands in it once
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False)
    status: int = 200


class Refused(Exception):
    """A request that gets an error page. `text` is English; `told` says it in others, if no catalogue does."""

    def __init__(self, status: int, text: str, told: Callable[[Translate], str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self._told = told

    def why(self, translate: Translate) -> str:
        """Return the text in another language."""
        return translate(self.text) if self._told is None else self._told(translate)
