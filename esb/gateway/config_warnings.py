"""Warnings about a configuration: what works, and may not be meant. A comment `# esb: allow W101` accepts one.

The comment stands on the line that the warning names, or on the one above.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from esb.config import Config
from esb.core.errors import ConfigWarning
from esb.gateway.generation import DEFAULT_CHAIN
from esb.gateway.restart_only import DEFAULT_STORE

NONCES_IN_MEMORY = "W101"
SIGNING = "app_auth"
"""The middleware that takes signed calls."""
_ALLOWED = re.compile(r"#\s*esb:\s*allow\s+((?:W\d+[\s,]*)+)")


def warnings(config: Config) -> list[ConfigWarning]:
    """Return the warnings about this configuration that no comment in its files allows."""
    return [warning for warning in _found(config) if not _is_allowed(warning)]


def _found(config: Config) -> Iterator[ConfigWarning]:
    store = config.services.get("store")
    chain = DEFAULT_CHAIN if config.middlewares is None else [stanza.use for stanza in config.middlewares]
    in_memory = store is None or store.use == DEFAULT_STORE
    if config.root is not None and in_memory and SIGNING in chain and not _is_loopback(config.server.host):
        said = config.root.mistake(
            "the nonces of signed calls are forgotten at a restart: for some minutes whoever has seen such a call can"
            " repeat it; use redis",
            "services",
            "store",
        )
        yield ConfigWarning(NONCES_IN_MEMORY, said)


def _is_loopback(host: str) -> bool:
    """Return whether nobody on another machine can come to this address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_allowed(warning: ConfigWarning) -> bool:
    lines = Path(warning.said.file).read_text("utf-8-sig").splitlines()
    near = lines[max(0, warning.said.line - 2) : warning.said.line]
    return any(warning.id in found[1] for line in near if (found := _ALLOWED.search(line)) is not None)
