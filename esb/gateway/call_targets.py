"""Other components that components name in their configuration: each is declared, and calls none that calls it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esb.config import ComponentStanza
from esb.config.yaml import did_you_mean
from esb.contracts.component import Component
from esb.core.errors import Mistake

Built = tuple[ComponentStanza, Component[Any, Any]]


def mistakes(declared: Sequence[ComponentStanza], built: Sequence[Built]) -> Iterator[Mistake]:
    """Yield a mistake for each path of another component that leads nowhere, or in a circle."""
    callable_at = {
        path: stanza.path for stanza in declared if "POST" in stanza.methods for path in (stanza.path, *stanza.aliases)
    }
    called = {
        stanza.path: {callable_at.get(path, "") for path in component.calls().values()} for stanza, component in built
    }
    for stanza, component in built:
        for keys, path in component.calls().items():
            if path not in callable_at:
                hint = did_you_mean(path, callable_at) or "; `esb components` lists them"
                text = f"no component is declared at {path}, for POST{hint}"
                yield stanza.section.mistake(text, "config", *keys)
            elif stanza.path in _reached(callable_at[path], called):
                yield stanza.section.mistake("it leads back to this component", "config", *keys)


def _reached(path: str, called: Mapping[str, set[str]]) -> set[str]:
    """Return all that a call of this component leads to, itself included."""
    reached, ahead = set(), [path]
    while ahead:
        if (each := ahead.pop()) not in reached:
            reached.add(each)
            ahead += called.get(each, ())
    return reached
