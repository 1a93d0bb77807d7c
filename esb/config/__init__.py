"""esb.yaml -> frozen models. Strict, every mistake located; imports no plugin, opens nothing, builds nothing."""

from esb.config.component_paths import METHODS, VARIABLE, path_fault, system_of
from esb.config.loading import ConfigSource, load
from esb.config.model import ComponentStanza, Config, Stanza
from esb.config.schema import (
    Admin,
    AdminToken,
    ComponentKeys,
    ConfigModel,
    DocumentKeys,
    IncludedKeys,
    Sandbox,
    Server,
    ServicesKeys,
    StanzaKeys,
)
from esb.config.yaml import Section

__all__ = [
    "METHODS",
    "VARIABLE",
    "Admin",
    "AdminToken",
    "ComponentKeys",
    "ComponentStanza",
    "Config",
    "ConfigModel",
    "ConfigSource",
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
