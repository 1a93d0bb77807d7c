"""The declared components, as documents describe them."""

import inspect
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from esb.config import ComponentStanza, Config
from esb.config.component_paths import ROOT, VARIABLE
from esb.contracts.component import Component, Envelope, Reply
from esb.core.errors import ConfigError, Mistake
from esb.core.files import upload_names
from esb.gateway.app import GATEWAY, create_app
from esb.gateway.chains import uses
from esb.introspect.json_schema import schema_of

JUDGING = frozenset({"permission", "rate_limit"})
"""Middlewares that judge callers, and take no credentials."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One stanza, and the component that answers for it. `key` is its name in a document, and nobody else's."""

    key: str
    stanza: ComponentStanza
    component: Component[Any, Any]
    chain: Sequence[str]
    """The names of the middlewares before it."""
    asynchronous: bool
    """True if its calls may be answered once they are accepted, and sent afterwards."""

    @property
    def takes_credentials(self) -> bool:
        """True if callers say who they are by header or parameter: nothing in the path does, and somebody asks."""
        return not self.stanza.tokens and any(use not in JUDGING for use in self.chain)

    @property
    def system(self) -> str:
        return self.stanza.name.partition(".")[0]

    @property
    def name(self) -> str:
        return self.stanza.name.partition(".")[2]

    @property
    def paths(self) -> tuple[str, ...]:
        """The addresses that callers know, the main one first."""
        return tuple(ROOT + VARIABLE.sub(r"{\1}", path) for path in (self.stanza.path, *self.stanza.aliases))

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of the path; those of its aliases are the same."""
        return tuple(VARIABLE.findall(self.stanza.path))

    @property
    def paragraphs(self) -> Sequence[str]:
        """The description of its stanza, or else its docstring, whose paragraphs are keys of the catalogues."""
        return paragraphs(self.stanza.description or type(self.component).__doc__ or "")

    @property
    def uploads(self) -> frozenset[str]:
        """The parameters that are files of a multipart form."""
        return upload_names(self.component.params_type)

    @property
    def answers_envelope(self) -> bool:
        """True if the answer is an envelope of ours, and not another system's own."""
        return self.component.answer_type not in (Envelope, Reply)


def paragraphs(documentation: str) -> list[str]:
    """Return the paragraphs of a docstring, a line each."""
    lines = (" ".join(part.split()) for part in inspect.cleandoc(documentation).split("\n\n"))
    return [line for line in lines if line]


def declared(config: Config) -> list[Declared]:
    """Build all components of this configuration, in its order. ConfigError with every mistake in it."""
    found = built(config)
    if mistakes := [mistake for each in found for mistake in undocumented(each)]:
        raise ConfigError(mistakes)
    return found


def built(config: Config) -> list[Declared]:
    """Build all components, also those of which no document can be made. ConfigError if one cannot be built."""
    components = create_app(config)[GATEWAY].generation.components
    accepts = config.deliveries is not None and config.deliveries.run != "off"
    taken: Counter[str] = Counter()
    found = []
    for stanza, component in components:
        key = re.sub(r"[^A-Za-z0-9._-]", "_", stanza.name)
        taken[key] += 1
        key = key if taken[key] == 1 else f"{key}-{taken[key]}"
        found.append(Declared(key, stanza, component, uses(config, stanza), component.sends and accepts))
    return found


def undocumented(declared: Declared) -> Iterator[Mistake]:
    """Yield a mistake for each of the component's types that no document can be made of."""
    stanza, component = declared.stanza, declared.component
    for name in ("params_type", "answer_type"):
        kind = getattr(component, name)
        if kind in (Envelope, Reply):
            continue
        try:
            schema_of(kind)
        except Exception:  # noqa: BLE001 - a type that a plugin made may raise anything, and pydantic over it
            text = (
                f"'{stanza.use}': {name} is {kind!r}, of which no document can be made; it may be a pydantic model, a"
                " type made of models and of JSON's own, Envelope, Reply or Any"
            )
            yield stanza.section.mistake(text, "use")
