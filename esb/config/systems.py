"""Defaults of systems: what all components of one system have in common, where they are `use: http`."""

from dataclasses import replace

from esb.config.model import ComponentStanza
from esb.config.schema import SystemKeys
from esb.config.stanza_reader import opened
from esb.config.yaml import Section

USE = "http"
TIMEOUT = "timeout"


class Systems:
    """The systems of one configuration, by name."""

    def __init__(self, root: Section) -> None:
        """Take them as they stand there: what is wrong with their keys is a mistake of the file."""
        systems = opened(root, "systems")
        named = {} if systems is None else {str(name): part.reread() for name, part in systems.children.items()}
        self._systems = {name: system for name, system in named.items() if isinstance(system.value, dict)}

    def completed(self, stanza: ComponentStanza) -> ComponentStanza:
        """Return the stanza with the defaults of its system for those keys that it leaves out."""
        system = self._systems.get(stanza.name.partition(".")[0])
        if system is None or stanza.use != USE:
            return stanza
        found: dict[str | int, Section] = {
            key: part for key in SystemKeys.model_fields if (part := opened(system, key)) is not None
        }
        seconds = found.get(TIMEOUT)
        if seconds is not None and not isinstance(seconds.value, dict):
            del found[TIMEOUT]
            if _is_seconds(seconds.value) and TIMEOUT not in stanza.section.children:
                stanza = replace(stanza, timeout=float(seconds.value))
        config = stanza.config
        if not found or (config.unresolved and not config.children):
            return stanza
        return replace(stanza, config=config.with_children({**found, **config.children}))


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
