"""The contracts of services: a protocol for each key of `services:`, their base, and what the gateway lends.

A back end is a `Service` with the methods of its key's protocol; the gateway's own are files of esb/services/KEY.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol

from pydantic import BaseModel

from esb.contracts.lifecycle import ConfigT, Lifecycle, NoConfig
from esb.contracts.type_arguments import set_models
from esb.core.call import App, Call, User
from esb.core.clock import Clock
from esb.core.errors import Message
from esb.core.events import Observer
from esb.outgoing.bulkhead import Bulkheads
from esb.outgoing.client import Outgoing
from esb.outgoing.tokens.cache import TokenCache
from esb.store.nonces import Nonces
from esb.store.protocol import Store

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database


@dataclass(frozen=True, slots=True)
class Contact:
    """The addresses of a person. An empty one: nobody can reach the person that way.

    `addresses` are those on chat platforms, by kind (such as `wx_userid`): a directory fills in the kinds it knows, a
    channel asks for its own. A kind that is missing is as good as an empty one.
    """

    username: str
    email: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)
    country_code: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


class NumberedSecrets(tuple[bytes, ...]):
    """Secrets of an app, each with a number of its own: `numbers`, in the same order."""

    numbers: tuple[int, ...]

    def __new__(cls, secrets: Mapping[int, bytes]) -> "NumberedSecrets":
        """Return the secrets of this mapping, whose keys are their numbers."""
        made = super().__new__(cls, secrets.values())
        made.numbers = tuple(secrets)
        return made


class Apps(Protocol):
    """A directory of apps: their secrets and their rights."""

    async def verify(self, call: Call, code: str, secret: str) -> App:
        """Return the app of this code if `secret` is one of its secrets; AuthenticationError otherwise."""
        ...

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        """Return the secrets of this app, to check a signature; AuthenticationError if there is no such app.

        Their numbers, for those who count the use of each, are 1, 2, …, unless they are NumberedSecrets.
        """
        ...

    async def rights(self, call: Call, code: str) -> App:
        """Return the app of this code, for which a signature or a token vouches; AuthenticationError if unknown."""
        ...


class Login(Protocol):
    """A service that names the user of a login state, the value of bk_token."""

    async def username(self, call: Call, bk_token: str) -> str:
        """Return the user of this login state; AuthenticationError if it is nobody's."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """The app for which a verified token stands, and the user it acts for."""

    app_code: str
    user: User | None
    no_user: Message
    """Reason why `user` is None, in the words of the token's issuer."""


class TokenIdentities(Protocol):
    """A verifier of tokens that name app and user: services.access_tokens and services.jwt."""

    async def identity(self, call: Call, token: str) -> Identity:
        """Return app and user of this token; AuthenticationError or GatewayJwtError if it stands for nobody."""
        ...


class Users(Protocol):
    """A directory of people: how each can be reached."""

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        """Return the contacts of those users who exist and are active, by user name."""
        ...


@dataclass(frozen=True, slots=True)
class ProcessServices:
    """Services that last as long as the process, lent to all that is built from a configuration.

    `http` is the client for every upstream; `tokens` the cache of upstream access tokens; `store` the memory that all
    processes of the gateway share; `clock` the time by which everything expires; `database` keeps what outlives them,
    None without `services.database`; `nonces` remembers those of signed requests.
    """

    http: Outgoing
    tokens: TokenCache
    store: Store
    clock: Clock
    bulkheads: Bulkheads
    observer: Observer
    database: "Database | None"
    nonces: Nonces


@dataclass(frozen=True, slots=True)
class ChainedServices(ProcessServices):
    """Services that the gateway lends to a back end that asks others of its kind: besides, those, in their order."""

    backends: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Services(ProcessServices):
    """Services that the gateway lends to a component, which opens and closes none of them.

    Besides those of the process: `users`, the directory of people; and other components, by name (`system.component`)
    or path. `declared(target)` tells whether one is active, None if there is none. `await call(call, target, args)`
    answers what it answers, for the same app and user and within the same deadline; `args` are its parameters by name,
    and what its path has variables for. Their permission is asked for, and what it raises goes on to the caller unless
    it is caught; a target that is not declared is a crash, which names what may be meant. `timezone` is that of dates
    in messages, None for the machine's.
    """

    users: Users
    declared: Callable[[str], bool | None]
    call: Callable[[Call, str, Mapping[str, Any]], Awaitable[Any]]
    timezone: tzinfo | None


@dataclass(frozen=True, slots=True)
class ChainServices(Services):
    """Services that the gateway lends to a middleware: besides, those that know apps, logins and tokens."""

    apps: Apps
    login: Login
    access_tokens: TokenIdentities
    jwt: TokenIdentities


class Service(Lifecycle, Generic[ConfigT]):
    """The base of a back end of `services:`. A subclass has the methods of the protocol of its key.

    It names the model of its config in the brackets, `class People(Service[PeopleConfig])`, or as `config_type`.

    It lives as long as its stanza stays as it is, over any number of reloads, and what it keeps (a pool, answers) with
    it. A class from the folder of esb.yaml is imported anew by each reload, and so built anew.
    """

    service: ClassVar[str]
    """The key of `services:` that it is for."""
    config_type: ClassVar[type[BaseModel]] = NoConfig

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        set_models(cls, Service)

    def __init__(self, config: ConfigT, services: ProcessServices) -> None:
        self.config = config
        self.services = services
