"""Readers of a file's parts as models and stanzas: sound keys count, mistakes are noted."""

from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from esb.config.model import Stanza
from esb.config.schema import StanzaKeys
from esb.config.yaml import Section, joined
from esb.core.errors import ConfigError, Mistake

M = TypeVar("M", bound=BaseModel)


class Parts:
    """A reader of sections that notes their mistakes in `mistakes`."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes

    def sound(self, section: Section, model: type[M]) -> M | None:
        """Return the section as a model. Keys with a mistake count as left out; None if the model needs them."""
        try:
            return section.validate(model)
        except ConfigError as error:
            self.mistakes += error.mistakes
            wrong = error.mistakes
        sound = {
            key: child
            for key, child in section.children.items()
            if not child.unresolved and not any(_within(mistake.key, child.key) for mistake in wrong)
        }
        try:
            return section.with_children(sound).validate(model)
        except ConfigError:
            return None

    def part(self, section: Section, key: str, model: type[M]) -> M | None:
        """Return the mapping at this key as a model, likewise; None if it is left out."""
        part = opened(section, key)
        return self.sound(part, model) if part is not None and isinstance(part.value, dict) else None

    def stanza(self, section: Section) -> Stanza | None:
        """Return the section as a stanza; None if it names no plugin."""
        keys = self.sound(section, StanzaKeys)
        if keys is None or deepest(section, "use").unresolved:
            return None
        return Stanza(keys.use, config_of(section), section)

    def stanzas(self, section: Section, key: str) -> tuple[Stanza, ...] | None:
        """Return the sound stanzas of the list at this key; None if it is left out."""
        part = opened(section, key)
        if part is None or not isinstance(part.value, list):
            return None
        found = (self.stanza(item.reread()) for item in part.children.values())
        return tuple(stanza for stanza in found if stanza is not None)


def opened(section: Section, key: str) -> Section | None:
    """Return the part of a mapping; None if it is left out or null."""
    part = section.children.get(key)
    return None if part is None or part.value is None else part.reread()


def deepest(section: Section, *keys: str | int) -> Section:
    """Return the deepest section on the path of these keys that stands in the file."""
    for key in keys:
        section = section.children.get(key, section)
    return section


def config_of(stanza: Section) -> Section:
    """Return the `config` of a stanza, empty if left out."""
    config = stanza.children.get("config", Section(stanza.file, stanza.line, joined(stanza.key, "config"), {})).reread()
    if config.value is None:
        return replace(config, value={})
    # Anything but a mapping is a mistake already.
    return config if isinstance(config.value, dict) else replace(config, children={}, unresolved=True)


def _within(key: str, part: str) -> bool:
    return key == part or key.startswith((f"{part}.", f"{part}["))
