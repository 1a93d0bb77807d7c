"""The store that `services.store` describes: it outlives every generation."""

from esb.config import Config
from esb.core.errors import ConfigError, Mistake
from esb.gateway import plugin_loader
from esb.gateway.restart_only import DEFAULT_STORE
from esb.store.protocol import Store, StoreServices


def build_store(config: Config, services: StoreServices) -> tuple[Store, list[Mistake]]:
    """Return the store that this config describes, and the mistakes in its stanza."""
    stanza = config.services.get("store")
    mistakes: list[Mistake] = []
    if stanza is not None:
        plugin_loader.make_importable(config)
        try:
            store: Store = plugin_loader.build("services", stanza, services, "store")
        except ConfigError as error:
            mistakes.extend(error.mistakes)
        else:
            return store, mistakes
    found = plugin_loader.find("services", DEFAULT_STORE, "store")
    return found(found.config_type(), services), mistakes
