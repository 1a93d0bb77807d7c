"""One page as its handler returns it: HTML for people, its data as JSON for whoever asks for that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

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
    """A request that gets an error page. `text` is English, from the catalogue of the portal or an operation's own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
