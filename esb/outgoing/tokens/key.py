"""An access token of an upstream system, the key by which it is known, and the fetch that brings it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from esb.core.errors import EsbError
from esb.core.reasons import Reason
from esb.store.keyspaces import word


class TokenRefused(EsbError):
    """The upstream refused the credential itself; another request with it is pointless and may be punished."""

    call_reason = Reason.REFUSED


class RefusalHeard(TokenRefused):
    """The upstream refused the credential when another process came with it."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The identity of a token: platform, account (appid or corpid), a digest of the secret, and the kind.

    `secret_parameter`: the parameter in which a caller sent the secret; "" if it is that of the configuration.
    `app`: the code of the app that sent it, in whose share of wrong secrets it counts.
    `exclusive`: a fetch kills the token before it, so that all processes have to share one.
    """

    platform: str
    account: str
    secret_digest: str = field(repr=False)
    kind: str = ""
    secret_parameter: str = ""
    exclusive: bool = field(default=False, compare=False)
    app: str = field(default="", compare=False)
    name: str = field(init=False, repr=False, compare=False)
    """The key as one text; made once, since every message looks its token up by it."""

    def __post_init__(self) -> None:
        borrowed = "borrowed" if self.secret_parameter else ""
        parts = (self.platform, self.account, self.secret_digest, self.kind, borrowed)
        name = ":".join(map(word, parts))
        object.__setattr__(self, "name", name)


@dataclass(frozen=True, slots=True)
class Token:
    """A fetched token and its life in seconds."""

    value: str = field(repr=False)
    expires_in: float


Fetch = Callable[[], Awaitable[Token]]
"""A request to the upstream for a token. Raises TokenRefused if it refuses the credential."""
