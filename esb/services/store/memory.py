"""services.store, use: memory: the process's own memory. Enough as long as there is one process."""

from typing import Literal

from pydantic import Field

from esb.config import ConfigModel
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreServices


class MemoryConfig(ConfigModel):
    """How much is remembered."""

    max_keys: int = Field(
        1_000_000, ge=1, description="keys at once, about 200 bytes each; what goes beyond it is refused"
    )
    per_process: Literal["accept"] | None = Field(
        None, description="accept: with several processes each counts for itself, and whoever wrote this knows it"
    )


class Memory(MemoryStore):
    """A MemoryStore, as esb.yaml describes it."""

    service = "store"
    config_type = MemoryConfig

    def __init__(self, config: MemoryConfig, services: StoreServices) -> None:
        super().__init__(services.clock, config.max_keys)
