"""Who knows apps, logins, users and tokens: one protocol each. Back ends are files of this folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from esb.core.call import App, Call, User
from esb.core.clock import Clock
from esb.core.errors import Message
from esb.core.events import Observer
from esb.outgoing.bulkhead import Lanes
from esb.outgoing.client import Outgoing
from esb.outgoing.tokens.cache import TokenCache
from esb.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person is reached. An empty field: not by that way.

    `addresses` are those on chat platforms, by their kind: a directory fills in the kinds it knows, a channel asks for
    its own. A kind that is missing: not by that way.
    """

    username: str
    email: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)
    country_code: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


class Apps(Protocol):
    """Knows calling apps."""

    async def verify(self, call: Call, code: str, secret: str) -> App:
        """The app of this code if `secret` is one of its secrets; AuthenticationError otherwise."""
        ...

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        """The secrets of the app of this code, to check a signature; AuthenticationError if there is no such app."""
        ...

    async def rights(self, call: Call, code: str) -> App:
        """The app of this code, for which a signature or a token vouches; AuthenticationError if it is not known."""
        ...

    async def close(self) -> None: ...


class Login(Protocol):
    """Knows who is logged in."""

    async def username(self, call: Call, bk_token: str) -> str:
        """Whose login state this is; AuthenticationError if nobody's."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """For whom a verified token stands: an app, and the user it acts for."""

    app_code: str
    user: User | None
    no_user: Message
    """Why there is no user, in the words of the token's issuer."""


class TokenIdentities(Protocol):
    """Knows tokens that name app and user: services.access_tokens and services.jwt."""

    async def identity(self, call: Call, token: str) -> Identity:
        """For whom this token stands; AuthenticationError or GatewayJwtError if for nobody."""
        ...

    async def close(self) -> None: ...


class Users(Protocol):
    """Knows people."""

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        """The contacts of those users who exist and are active, by user name."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ProcessServices:
    """What lasts as long as the process, and is lent to all that is built from a configuration.

    `http` is the way out; `tokens` the memory of upstream access tokens; `store` the memory of what must be one for the
    whole gateway; `clock` what every expiry goes by.
    """

    http: Outgoing
    tokens: TokenCache
    store: Store
    clock: Clock
    lanes: Lanes
    observer: Observer
