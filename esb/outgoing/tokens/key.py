"""What an access token of an upstream system is, whose it is, and how it is asked for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from esb.core.errors import EsbError


class TokenRefused(EsbError):
    """The upstream refused the credential itself; asking again with it is pointless and may be punished."""


class RefusalHeard(TokenRefused):
    """The upstream refused the credential when another process came with it."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Which token: the platform, the account (appid or corpid), a digest of the secret, and the kind.

    `secret_parameter`: the parameter in which a caller sent the secret; "" if it is that of the configuration.
    `exclusive`: a fetch kills the token before it, so that nobody may fetch one for himself.
    """

    platform: str
    account: str
    secret_digest: str = field(repr=False)
    kind: str = ""
    secret_parameter: str = ""
    exclusive: bool = field(default=False, compare=False)
    name: str = field(init=False, repr=False, compare=False)
    """What tells this token from all others, in a word; made once, since every message looks its token up by it."""

    def __post_init__(self) -> None:
        borrowed = "borrowed" if self.secret_parameter else ""
        parts = (self.platform, self.account, self.secret_digest, self.kind, borrowed)
        name = ":".join([part.replace("%", "%25").replace(":", "%3A") for part in parts])
        object.__setattr__(self, "name", name)


@dataclass(frozen=True, slots=True)
class Token:
    """What a fetch brings: the token and its life in seconds."""

    value: str = field(repr=False)
    expires_in: float


Fetch = Callable[[], Awaitable[Token]]
"""Asks the upstream for a token. Raises TokenRefused if it refuses the credential."""
