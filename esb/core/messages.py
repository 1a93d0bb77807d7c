"""Texts for people: English templates, which are the keys of the catalogues, and what fills them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def untranslated(text: str) -> str:
    """Return the text as it is: English, the language of the catalogues' keys."""
    return text


def template(text: str) -> str:
    """Mark a text for the catalogues that stands elsewhere than in a Message or an error, such as a constant."""
    return text


@dataclass(slots=True)
class Message:
    """A text for people: the English template, which is also its key in the catalogues, and what fills it."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def render(self, translate: Callable[[str], str] = untranslated) -> str:
        text = translate(self.template)
        if not self.values:
            return text  # a text without values may hold braces of its own
        return text.format(
            **{
                name: value.render(translate) if isinstance(value, Message) else value
                for name, value in self.values.items()
            }
        )

    def __str__(self) -> str:
        return self.render()
