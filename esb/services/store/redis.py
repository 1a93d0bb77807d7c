"""services.store, use: redis: one memory for all processes on all machines that share the server."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from redis.asyncio.connection import parse_url

from esb.config import ConfigModel
from esb.contracts.checks import Check
from esb.contracts.probes import Probes
from esb.services.store._redis_checks import redis_checks
from esb.store.encryption import ValueCipher
from esb.store.fallback import Fallback
from esb.store.keyspaces import IDEMPOTENCY, NONCE, PACE, QUOTA_GATE, RATE
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreServices
from esb.store.redis import RedisStore

OWN_KEYS = 1_000_000
"""Most keys that this process remembers for itself while the server is away."""
KEYSPACES = {"nonces": NONCE, "idempotency": IDEMPOTENCY, "rate_limit": RATE, "pacing": PACE}
"""Key of `on_store_failure` -> the keyspace that it decides on."""


def _url(url: SecretStr) -> SecretStr:
    try:
        parse_url(url.get_secret_value())
    except ValueError:
        raise ValueError(
            "expected redis://user:password@host:port/number, rediss://… with TLS, or unix:///path"
        ) from None
    return url


def _fernet_key(key: SecretStr) -> SecretStr:
    try:
        ValueCipher([key.get_secret_value()])
    except ValueError:
        raise ValueError("expected a Fernet key: 32 random bytes in URL-safe base64, 44 characters") from None
    return key


OnFailure = Literal["refuse", "degrade"]


class OnStoreFailure(ConfigModel):
    """What becomes of calls while the server is away: `refuse` them, or `degrade` to what one process can know."""

    nonces: OnFailure = Field(
        "refuse", description="replay protection of signed requests: refuse, or degrade to what one process knows"
    )
    idempotency: OnFailure = Field(
        "degrade", description="Idempotency-Key: refuse, or degrade to what one process knows"
    )
    rate_limit: OnFailure = Field(
        "degrade", description="limits of calls: refuse, or degrade to what one process knows"
    )
    pacing: OnFailure = Field(
        "degrade", description="messages per member and minute: refuse, or degrade to what one process knows"
    )

    def goes_on(self) -> frozenset[str]:
        """Return the keyspaces that are remembered in this process meanwhile."""
        degraded = (keyspace for name, keyspace in KEYSPACES.items() if getattr(self, name) == "degrade")
        return frozenset(degraded) | {QUOTA_GATE}


class RedisConfig(ConfigModel):
    """A server, Redis 6 or newer or Valkey."""

    url: Annotated[SecretStr, AfterValidator(_url)] = Field(
        description="redis://user:password@host:port/number, rediss://… with TLS, or unix:///path"
    )
    prefix: str = Field("esb:", max_length=64, description="what all keys begin with, if others use the server too")
    encryption_keys: tuple[Annotated[SecretStr, AfterValidator(_fernet_key)], ...] = Field(
        min_length=1, description="Fernet keys; the first encrypts what is kept, all of them decrypt"
    )
    on_store_failure: OnStoreFailure = Field(
        OnStoreFailure(), description="what becomes of calls while the server is away"
    )


class Redis(Fallback):
    """A RedisStore with its fallback, as esb.yaml describes them."""

    service = "store"
    config_type = RedisConfig

    def __init__(self, config: RedisConfig, services: StoreServices) -> None:
        self.config = config
        cipher = ValueCipher([key.get_secret_value() for key in config.encryption_keys])
        store = RedisStore(config.url.get_secret_value(), config.prefix, cipher, services.observer)
        self._goes_on = config.on_store_failure.goes_on()
        # Who keeps idempotency keys has copies of his own, which also tell of those before.
        super().__init__(store, MemoryStore(services.clock, OWN_KEYS), self._goes_on - {IDEMPOTENCY})

    def goes_on_without(self, keyspace: str) -> bool:
        """Return True if calls that need this keyspace go on while the server is away."""
        return keyspace in self._goes_on

    def checks(self, probes: Probes) -> Sequence[Check]:
        """Return what a preflight looks at."""
        url = self.config.url.get_secret_value()
        return redis_checks(probes, url, parse_url(url), self.config.prefix)
