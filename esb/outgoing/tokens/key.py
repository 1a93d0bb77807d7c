"""What an access token of an upstream system is, and whose."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from esb.core.errors import EsbError

REFUSAL_SECONDS = 60.0
"""How long a refused secret is remembered."""
FAILURES_PER_MINUTE = 20
"""How many fetches with secrets that callers send may fail, per account and minute."""
REPLACEMENT_SECONDS = 30.0
"""How long a replacement that never worked is not replaced again."""
RETRY_SECONDS = 30.0
"""The least time between two refreshes ahead of expiry, and between two drops of one and the same token."""


class TokenRefused(EsbError):
    """The upstream refused the credential itself; asking again with it is pointless and may be punished."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which token: the platform, the account (appid or corpid), a digest of the secret, and the kind.

    `borrowed`: the secret came with a call, not from the configuration. `exclusive`: a fetch kills the token before it,
    so that nobody may fetch one for himself.
    """

    platform: str
    account: str
    secret_digest: str = field(repr=False)
    kind: str = ""
    borrowed: bool = False
    exclusive: bool = field(default=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = hash((self.platform, self.account, self.secret_digest, self.kind, self.borrowed))
        object.__setattr__(self, "_hash", own)

    def __hash__(self) -> int:
        """Taken once: every message asks for it."""
        return self._hash

    @property
    def name(self) -> str:
        """What tells this token from all others, in a word."""
        parts = (self.platform, self.account, self.secret_digest, self.kind, "borrowed" if self.borrowed else "")
        return ":".join(quote(part, "") for part in parts)

    @classmethod
    def named(cls, name: str) -> "TokenKey":
        """The key of this name."""
        platform, account, digest, kind, borrowed = map(unquote, name.split(":"))
        return cls(platform, account, digest, kind, bool(borrowed))


@dataclass(frozen=True, slots=True)
class Token:
    """What a fetch brings: the token and its life in seconds."""

    value: str = field(repr=False)
    expires_in: float


Fetch = Callable[[], Awaitable[Token]]


def lead(seconds: float) -> float:
    """How long before its end a token that lives so long is refreshed; no two processes at the same moment."""
    return min(300.0, seconds / 10) * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, not a secret
