"""Hazards of several processes that answer calls and each remember for themselves."""

from collections.abc import Sequence
from typing import Any

from esb.config import ComponentStanza, Config
from esb.contracts.component import Component
from esb.core.errors import Mistake
from esb.gateway.restart_only import DEFAULT_STORE
from esb.store.protocol import Store


def mistakes(
    config: Config, store: Store, built: Sequence[tuple[ComponentStanza, Component[Any, Any]]]
) -> list[Mistake]:
    """Return what this config needs a shared store for, if it has none."""
    workers = config.server.workers
    stanza = config.services.get("store")
    if workers == 1 or store.shared or config.root is None or (stanza is not None and stanza.use != DEFAULT_STORE):
        return []  # with a store of its own that could not be built: that is the mistake
    found = [
        stanza.section.mistake(
            f"{hazard}, or services.store: {{use: redis}}, or one worker instead of {workers}", "config", key
        )
        for stanza, component in built
        for key, hazard in component.worker_hazards().items()
    ]
    if stanza is None or stanza.config.value.get("per_process") != "accept":
        found.append(config.root.mistake(_each_for_itself(config), "server", "workers"))
    return found


def _each_for_itself(config: Config) -> str:
    lacking = "remember nonces and idempotency keys and count" if config.database is None else "count"
    return (
        f"each of {config.server.workers} processes would {lacking} limits for itself; "
        "use redis, or accept that with services.store: {use: memory, config: {per_process: accept}}"
    )
