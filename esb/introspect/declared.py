"""The declared components, as documents describe them."""

import inspect
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from esb.config import ComponentStanza, Config
from esb.config.component_paths import ROOT, VARIABLE
from esb.contracts.component import Component, Envelope, Reply
from esb.gateway.app import GATEWAY, create_app
from esb.gateway.chains import uses

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
    def answers_envelope(self) -> bool:
        """True if the answer is an envelope of ours, and not another system's own."""
        return self.component.answer_type not in (Envelope, Reply)


def paragraphs(documentation: str) -> list[str]:
    """Return the paragraphs of a docstring, a line each."""
    lines = (" ".join(part.split()) for part in inspect.cleandoc(documentation).split("\n\n"))
    return [line for line in lines if line]


def declared(config: Config) -> list[Declared]:
    """Build all components of this configuration, in its order. ConfigError with every mistake in it."""
    built = create_app(config)[GATEWAY].generation.components
    taken: Counter[str] = Counter()
    found = []
    for stanza, component in built:
        key = re.sub(r"[^A-Za-z0-9._-]", "_", stanza.name)
        taken[key] += 1
        key = key if taken[key] == 1 else f"{key}-{taken[key]}"
        found.append(Declared(key, stanza, component, uses(config, stanza)))
    return found
