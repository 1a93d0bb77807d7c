"""The contracts of services: a protocol for each key of `services:`, their base, and what the gateway lends.

A back end is a `Service` with the methods of its key's protocol; the gateway's own are files of esb/services/KEY.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol

from pydantic import BaseModel

from esb.contracts.lifecycle import ConfigT, Lifecycle, NoConfig
from esb.core.call import App, Call, User
from esb.core.clock import Clock
from esb.core.errors import Message
from esb.core.events import Observer
from esb.outgoing.bulkhead import Bulkheads
from esb.outgoing.client import Outgoing
from esb.outgoing.tokens.cache import TokenCache
from esb.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Contact:
    """Addresses of a person. An empty field: not by that way.

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
        """Return the app of this code if `secret` is one of its secrets; AuthenticationError otherwise."""
        ...

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        """Return the secrets of this app, to check a signature; AuthenticationError if there is no such app."""
        ...

    async def rights(self, call: Call, code: str) -> App:
        """Return the app of this code, for which a signature or a token vouches; AuthenticationError if unknown."""
        ...


class Login(Protocol):
    """Knows who is logged in."""

    async def username(self, call: Call, bk_token: str) -> str:
        """Return the user of this login state; AuthenticationError if it is nobody's."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """The app for which a verified token stands, and the user it acts for."""

    app_code: str
    user: User | None
    no_user: Message
    """Why there is no user, in the words of the token's issuer."""


class TokenIdentities(Protocol):
    """Knows tokens that name app and user: services.access_tokens and services.jwt."""

    async def identity(self, call: Call, token: str) -> Identity:
        """Return for whom this token stands; AuthenticationError or GatewayJwtError if for nobody."""
        ...


class Users(Protocol):
    """Knows people."""

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        """Return the contacts of those users who exist and are active, by user name."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessServices:
    """Services that last as long as the process, lent to all that is built from a configuration.

    `http` is the way out; `tokens` the memory of upstream access tokens; `store` the memory of what must be one for the
    whole gateway; `clock` what every expiry goes by.
    """

    http: Outgoing
    tokens: TokenCache
    store: Store
    clock: Clock
    bulkheads: Bulkheads
    observer: Observer


@dataclass(frozen=True, slots=True)
class Services(ProcessServices):
    """Services that the gateway lends to a component, which opens and closes none of them.

    Besides those of the process: `users`, the directory of people; `declared(path)` tells whether the
    component at a path is active, None if there is none; `call(call, path, args)` answers what that component answers,
    for the same app and user and within the same deadline.
    """

    users: Users
    declared: Callable[[str], bool | None]
    call: Callable[[Call, str, Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class ChainServices(Services):
    """Services that the gateway lends to a middleware: besides, those that know apps, logins and tokens."""

    apps: Apps
    login: Login
    access_tokens: TokenIdentities
    jwt: TokenIdentities


class Service(Lifecycle, Generic[ConfigT]):
    """The base of a back end of `services:`. A subclass has the methods of the protocol of its key.

    It lives as long as its stanza stays as it is, over any number of reloads, and what it keeps (a pool, answers) with
    it. A class from the folder of esb.yaml is imported anew by each reload, and so built anew.
    """

    service: ClassVar[str]
    """The key of `services:` that it is for."""
    config_type: ClassVar[type[BaseModel]] = NoConfig

    def __init__(self, config: ConfigT, services: ProcessServices) -> None:
        self.config = config
        self.services = services
