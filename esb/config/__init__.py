"""esb.yaml -> frozen models. Strict, every mistake located; imports no plugin, opens nothing, builds nothing."""

from esb.config.base import ConfigModel
from esb.config.component_keys import ComponentKeys, PathToken
from esb.config.component_paths import (
    METHODS,
    NAME,
    VARIABLE,
    full_name_of,
    name_of,
    names_in_rights,
    path_fault,
    system_of,
    version_of,
)
from esb.config.database import DatabaseConfig
from esb.config.deliveries import DeliveriesConfig, LedgerConfig, seconds_of
from esb.config.listeners import Admin, AdminToken, Portal
from esb.config.loading import ConfigSource, KeptSource, load
from esb.config.model import ComponentStanza, Config, Stanza
from esb.config.sandbox import Sandbox, SandboxAddress
from esb.config.schema import (
    BACK_ENDS,
    DocumentKeys,
    IncludedKeys,
    Server,
    ServicesKeys,
    StanzaKeys,
)
from esb.config.yaml import MistakesBelow, Section

__all__ = [
    "BACK_ENDS",
    "METHODS",
    "NAME",
    "VARIABLE",
    "Admin",
    "AdminToken",
    "ComponentKeys",
    "ComponentStanza",
    "Config",
    "ConfigModel",
    "ConfigSource",
    "DatabaseConfig",
    "DeliveriesConfig",
    "DocumentKeys",
    "IncludedKeys",
    "KeptSource",
    "LedgerConfig",
    "MistakesBelow",
    "PathToken",
    "Portal",
    "Sandbox",
    "SandboxAddress",
    "Section",
    "Server",
    "ServicesKeys",
    "Stanza",
    "StanzaKeys",
    "full_name_of",
    "load",
    "name_of",
    "names_in_rights",
    "path_fault",
    "seconds_of",
    "system_of",
    "version_of",
]
