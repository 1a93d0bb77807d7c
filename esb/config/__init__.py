"""esb.yaml -> frozen models. Strict, every mistake located; imports no plugin, opens nothing, builds nothing."""

from esb.config.keys import (
    Admin,
    ComponentKeys,
    ConfigModel,
    DocumentKeys,
    IncludedKeys,
    Sandbox,
    Server,
    ServicesKeys,
    StanzaKeys,
)
from esb.config.loading import load
from esb.config.paths import METHODS, VARIABLE, path_fault, system_of
from esb.config.stanzas import ComponentStanza, Config, Stanza
from esb.document import Section

__all__ = [
    "METHODS",
    "VARIABLE",
    "Admin",
    "ComponentKeys",
    "ComponentStanza",
    "Config",
    "ConfigModel",
    "DocumentKeys",
    "IncludedKeys",
    "Sandbox",
    "Section",
    "Server",
    "ServicesKeys",
    "Stanza",
    "StanzaKeys",
    "load",
    "path_fault",
    "system_of",
]
