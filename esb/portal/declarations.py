"""The components as the pages know them: built once for each configuration, found by their address or by a search."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from esb.config import Config
from esb.config.component_paths import ROOT
from esb.core.errors import ConfigError
from esb.core.i18n import Translate
from esb.core.messages import template
from esb.introspect.declared import Declared, built, undocumented
from esb.introspect.json_schema import schema_of
from esb.introspect.tables import nested
from esb.portal.language import CATALOGUES, CHINESE_TAG, ENGLISH_TAG
from esb.portal.page import Refused

LANGUAGES = (ENGLISH_TAG, CHINESE_TAG)
BROKEN = template("The components cannot be shown: their plugins have changed. See `esb check`, and reload.")
BEFORE_A_PATH = re.compile(rf"(https?://[^/\s]+)?{ROOT}(?=/)")
"""The part of an address that all components share: who pastes a whole one means the rest."""
BY_NAME, BY_SUMMARY, BY_THE_REST = range(3)


@dataclass(frozen=True)
class Listed:
    """A component, and its place among the pages: /c/{system}/{name}."""

    system: str
    name: str
    """Its own, with a number behind it where another one has taken it: each method of a path may be a component."""
    declared: Declared

    @property
    def path(self) -> str:
        """The path of its page, percent-encoded."""
        return quote(f"/c/{self.system}/{self.name}")

    @cached_property
    def is_documented(self) -> bool:
        """True if its types are such that documents can be made of them."""
        return not any(undocumented(self.declared))

    def summary(self, translate: Translate) -> str:
        """Return the first paragraph of its description, "" if it has none."""
        return next((translate(each) for each in self.declared.paragraphs[:1]), "")

    @cached_property
    def _title(self) -> str:
        paths = (path.removeprefix(ROOT) for path in self.declared.paths)
        return "\n".join((self.declared.stanza.name, f"{self.system}/{self.name}", *paths)).casefold()

    @cached_property
    def _words(self) -> str:
        paragraphs = self.declared.paragraphs
        return "\n".join(translate(each) for translate in _translations() for each in paragraphs).casefold()

    def rank(self, words: Sequence[str], of_params: Callable[[Declared], str]) -> int | None:
        """Return how well these words name it, the best being the lowest; None if one of them stands nowhere."""
        if all(word in self._title for word in words):
            return BY_NAME
        own = self._title + self._words
        if all(word in own for word in words):
            return BY_SUMMARY
        params = of_params(self.declared) if self.is_documented else ""
        return BY_THE_REST if all(word in own or word in params for word in words) else None


class Declarations:
    """All components of one configuration."""

    def __init__(self, components: Sequence[Declared]) -> None:
        self._by_address: dict[tuple[str, str], Listed] = {}
        self._params: dict[type, str] = {}
        taken = {(each.system, each.name) for each in components}
        for each in components:
            name, number = each.name, 1
            while (each.system, name) in self._by_address or (number > 1 and (each.system, name) in taken):
                number += 1
                name = f"{each.name}-{number}"
            self._by_address[each.system, name] = Listed(each.system, name, each)

    def __iter__(self) -> Iterator[Listed]:
        """Yield them in the order of the files."""
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)

    @cached_property
    def systems(self) -> Mapping[str, int]:
        """The number of components of each system, in the order of the files."""
        counts: dict[str, int] = {}
        for system, _ in self._by_address:
            counts[system] = counts.get(system, 0) + 1
        return counts

    def at(self, system: str, name: str) -> Listed:
        """Return the component with this address. Refused if there is none."""
        found = self._by_address.get((system, name))
        if found is None:
            raise Refused(404, template("There is no such component."))
        return found

    def found(self, query: str = "", system: str = "") -> list[Listed]:
        """Return those of a system, or of all, that have every word of the query, in whatever language; best first."""
        words = BEFORE_A_PATH.sub("", query).casefold().split()
        listed = [each for each in self if system in ("", each.system)]
        if not words:
            return listed
        ranked = [(each.rank(words, self._texts_of_params), each) for each in listed]
        return [each for wanted in range(BY_THE_REST + 1) for rank, each in ranked if rank == wanted]

    def _texts_of_params(self, declared: Declared) -> str:
        """Return names and descriptions of the parameters, in every language; components of one kind share them."""
        kind: type[Any] = declared.component.params_type
        if kind not in self._params:
            rows = nested(schema_of(kind))
            described = (translate(row.description) for translate in _translations() for row in rows if row.description)
            self._params[kind] = "\n".join((*(row.name for row in rows), *described)).casefold()
        return self._params[kind]


def translate(language: str) -> Translate:
    """Return the translation of what the introspection says."""
    return CATALOGUES.translate(language)


def _translations() -> list[Translate]:
    return [translate(language) for language in LANGUAGES]


class CurrentDeclarations:
    """The components of the configuration of the moment. They are built in a thread, since thousands take seconds."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._building = asyncio.Lock()
        self._built: tuple[Config, Declarations] | None = None

    async def get(self) -> Declarations:
        """Return them, built if another configuration counts since. Refused if that does not work any more."""
        config = self._config()
        async with self._building:
            if self._built is None or self._built[0] is not config:
                try:
                    self._built = config, Declarations(await asyncio.to_thread(built, config))
                except ConfigError as error:
                    raise Refused(503, BROKEN) from error
            return self._built[1]
