"""Warnings about a configuration: what works, and may not be meant. A comment `# esb: allow W101` accepts one.

The comment stands on the line that the warning names, or on the one above.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from esb.config import Config
from esb.config.stanza_reader import deepest
from esb.config.yaml import did_you_mean
from esb.core.errors import ConfigWarning
from esb.gateway.chains import APP_AUTH, DEFAULT_CHAIN, uses
from esb.gateway.generation import DEFAULT_SERVICES
from esb.gateway.restart_only import DEFAULT_STORE

NONCES_IN_MEMORY = "W101"
OPEN_TO_ALL = "W102"
TOO_SHORT = "W103"
UNKNOWN_APP = "W104"
SHORTEST_TOKEN = 16
"""Characters of a token in a path that nobody guesses."""
OPEN = (
    "whoever reaches this path may call it: no app_auth stands in this chain; another middleware that knows its callers"
    " is accepted with a comment"
)
SHORT = f"a token of less than {SHORTEST_TOKEN} characters can be guessed; `openssl rand -hex 24` makes one"
_ALLOWED = re.compile(r"#\s*esb:\s*allow\s+((?:W\d+[\s,]*)+)")


def warnings(config: Config) -> list[ConfigWarning]:
    """Return the warnings about this configuration that no comment in its files allows."""
    return [warning for warning in _found(config) if not _is_allowed(warning)]


def _found(config: Config) -> Iterator[ConfigWarning]:
    store = config.services.get("store")
    in_memory = store is None or store.use == DEFAULT_STORE
    if config.root is not None and in_memory and _takes_signatures(config) and not _is_loopback(config.server.host):
        said = config.root.mistake(
            "the nonces of signed calls are forgotten at a restart: for some minutes whoever has seen such a call can"
            " repeat it; use redis",
            "services",
            "store",
        )
        yield ConfigWarning(NONCES_IN_MEMORY, said)
    codes = _app_codes(config)
    for stanza in config.components:
        if stanza.middlewares is not None and APP_AUTH not in uses(config, stanza):
            yield ConfigWarning(OPEN_TO_ALL, stanza.section.mistake(OPEN, "middlewares"))
        for index, entry in enumerate(stanza.tokens):
            if len(entry.token) < SHORTEST_TOKEN:
                yield ConfigWarning(TOO_SHORT, stanza.section.mistake(SHORT, "tokens", index, "token"))
            if codes is not None and entry.app not in codes:
                text = (
                    f"services.apps has no app '{entry.app}'{did_you_mean(entry.app, codes)}; the token opens nothing"
                )
                yield ConfigWarning(UNKNOWN_APP, stanza.section.mistake(text, "tokens", index, "app"))


def _takes_signatures(config: Config) -> bool:
    """Return whether the shared chain, or that of a component, takes signed calls."""
    shared = DEFAULT_CHAIN if config.middlewares is None else [stanza.use for stanza in config.middlewares]
    return APP_AUTH in shared or any(APP_AUTH in uses(config, stanza) for stanza in config.components)


def _app_codes(config: Config) -> list[str] | None:
    """Return the codes of the apps that stand in the configuration; None if others know of more."""
    apps = config.services.get("apps")
    if apps is not None and apps.use != DEFAULT_SERVICES["apps"]:
        return None
    listed = deepest(apps.config, "apps") if apps is not None else None
    entries = listed.children.values() if listed is not None and isinstance(listed.value, list) else ()
    return [entry.value["code"] for entry in entries if isinstance(entry.value, dict) and "code" in entry.value]


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
