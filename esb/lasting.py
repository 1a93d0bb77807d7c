"""What a reload cannot change: the parts of a configuration that belong to the process."""

from esb import registry
from esb.config import Config
from esb.errors import ConfigError, Mistake

SERVER_KEYS = ("host", "port", "workers", "admin")
DEFAULT_STORE = "memory"


def changed(old: Config, new: Config) -> list[Mistake]:
    """A mistake for each key that cannot take effect; what counts is what the keys say when all is filled in."""
    mistakes = [
        _refused(new, "server", key)
        for key in SERVER_KEYS
        if getattr(old.server, key, None) != getattr(new.server, key, None)
    ]
    if old.sandbox != new.sandbox:
        mistakes.append(_refused(new, "sandbox"))
    try:
        if _store(old) != _store(new):
            mistakes.append(_refused(new, "services", "store"))
    except ConfigError as error:
        mistakes.extend(error.mistakes)
    return mistakes


def _refused(config: Config, *keys: str) -> Mistake:
    text = "a reload cannot change this; put it back, or restart the gateway"
    if config.root is None:
        return Mistake(str(config.path), 1, ".".join(keys), text)
    return config.root.mistake(text, *keys)


def _store(config: Config) -> tuple[str, dict[str, object]]:
    """Which store, and its whole configuration."""
    stanza = config.services.get("store")
    if stanza is None:
        return DEFAULT_STORE, registry.find("services", DEFAULT_STORE, "store").config_type().model_dump()
    _, settings = registry.configured("services", stanza, "store")
    return stanza.use, settings.model_dump()
