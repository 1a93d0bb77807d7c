"""Keys that a reload cannot change: the parts of a configuration that belong to the process."""

from esb.config import Config, Section
from esb.core.errors import ConfigError, Mistake
from esb.gateway import plugin_loader

SERVER_KEYS = ("host", "port", "workers", "max_connections", "max_buffered", "outgoing")
ADMIN_KEYS = ("host", "port", "unix")
PORTAL_KEYS = ("host", "port")
DEFAULT_STORE = "memory"
KEYS = (
    *(f"server.{key}" for key in SERVER_KEYS),
    *(f"server.admin.{key}" for key in ADMIN_KEYS),
    *(f"server.portal.{key}" for key in PORTAL_KEYS),
    "sandbox",
    "services.store",
    "services.database",
    "deliveries.run",
    "deliveries.engine",
)


def needs_restart(key: str) -> bool:
    """Return True if a difference at this key, `server.port` for example, is one that a reload refuses."""
    return any(f"{key}.".startswith(f"{each}.") or each.startswith(f"{key}.") for each in KEYS)


def changed(old: Config, new: Config) -> list[Mistake]:
    """Return a mistake for each changed key that only a restart can apply. Compared are values, defaults filled in."""
    if new.root is None:
        return []  # it cannot be read: that is the mistake
    mistakes = [
        _refused(new.root, "server", key)
        for key in SERVER_KEYS
        if getattr(old.server, key, None) != getattr(new.server, key, None)
    ]
    if _admin_address(old) != _admin_address(new):
        mistakes.append(_refused(new.root, "server", "admin"))
    if _portal_address(old) != _portal_address(new):
        mistakes.append(_refused(new.root, "server", "portal"))
    if old.sandbox != new.sandbox:
        mistakes.append(_refused(new.root, "sandbox"))
    try:
        if _store(old) != _store(new):
            mistakes.append(_refused(new.root, "services", "store"))
    except ConfigError as error:
        mistakes.extend(error.mistakes)
    if old.database != new.database:
        mistakes.append(_refused(new.root, "services", "database"))
    if _run(old) != _run(new):
        mistakes.append(_refused(new.root, "deliveries", "run"))
    if (old.deliveries and old.deliveries.engine) != (new.deliveries and new.deliveries.engine):
        mistakes.append(_refused(new.root, "deliveries", "engine"))
    return mistakes


def _refused(root: Section, *keys: str) -> Mistake:
    return root.mistake("a reload cannot change this; put it back, or restart the gateway", *keys)


def _admin_address(config: Config) -> tuple[str | int | None, ...] | None:
    """Return where the admin listener is; its tokens and names may change."""
    admin = config.server.admin
    return None if admin is None else tuple(getattr(admin, key) for key in ADMIN_KEYS)


def _portal_address(config: Config) -> tuple[str | int, ...] | None:
    """Return where the pages are; who may see them may change."""
    portal = config.server.portal
    return None if portal is None else tuple(getattr(portal, key) for key in PORTAL_KEYS)


def _run(config: Config) -> str:
    return "off" if config.deliveries is None else config.deliveries.run


def _store(config: Config) -> tuple[str, dict[str, object]]:
    """Return the name of the store's back end, and its whole configuration. ConfigError if that is wrong."""
    stanza = config.services.get("store")
    if stanza is None:
        return DEFAULT_STORE, plugin_loader.find("services", DEFAULT_STORE, "store").config_type().model_dump()
    _, settings = plugin_loader.configured("services", stanza, "store")
    return stanza.use, settings.model_dump()
