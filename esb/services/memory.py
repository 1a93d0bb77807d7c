"""services.store, use: memory: one process remembers for itself. Enough as long as there is one process."""

from pydantic import Field

from esb.clock import Clock
from esb.config import ConfigModel
from esb.store.memory import MemoryStore


class MemoryConfig(ConfigModel):
    """How much is remembered."""

    max_keys: int = Field(
        1_000_000, ge=1, description="keys at once, about 200 bytes each; what goes beyond it is refused"
    )


class Memory(MemoryStore):
    """A MemoryStore, as esb.yaml describes it."""

    service = "store"
    config_type = MemoryConfig

    def __init__(self, config: MemoryConfig, clock: Clock) -> None:
        super().__init__(clock, config.max_keys)
