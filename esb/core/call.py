"""The call: its parameters, its app and user, and the record of how it went. Knows nothing of HTTP servers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from esb.core.call_log import UNHEARD, CallLog, CallLogs
from esb.core.credential_names import CREDENTIALS, IDENTITIES, NOT_FOR_UPSTREAMS
from esb.core.events import Span


class Impersonation(NamedTuple):
    """A right to name users without proof in calls of some components: a glob of user names, and one of components."""

    users: str
    components: str


@dataclass(frozen=True, slots=True)
class App:
    """A calling application and its rights.

    `impersonate`: globs of the user names it may name without proof; `components`: globs of the
    "system.component" names it may call. `settings`: what operators wrote for plugins to read, such as
    `app.settings.get("signature")`; nobody changes it: mappings are read-only, and lists are tuples.
    `impersonations`: further users that it may name, each in calls of some components only. `opens_restricted`: its
    globs open restricted components too, since somebody gave it each of them. `owners`: user names; `callbacks`: URLs
    by name.
    """

    code: str
    impersonate: tuple[str, ...] = ()
    components: tuple[str, ...] = ("*",)
    verified: bool = True
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False, hash=False)
    impersonations: tuple[Impersonation, ...] = ()
    opens_restricted: bool = False
    owners: tuple[str, ...] = ()
    callbacks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False, hash=False)


class User(NamedTuple):
    """The person an app acts for. `verified`: proven by a login, not only named by the app."""

    username: str
    verified: bool


@dataclass(slots=True)
class Signed:
    """The parts of a request that a signature covers, as they came over the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(slots=True, repr=False)
class Credentials:
    """The claims of a caller about itself, unverified. Never printed: nearly all of them are secret.

    `claims` come from the header X-Bkapi-Authorization, or else from the parameters, never from both; an access token
    is a claim in the header only. `signed`: what a signature covers, if the request brings one. `path_app`: the app
    whose token stands in the path, verified; "" if that token is nobody's; None if the path has none.
    """

    claims: Mapping[str, str]
    from_header: bool
    signed: Signed | None
    cookie: str = ""
    gateway_jwt: str = ""
    parameter_access_token: str = ""
    path_app: str | None = None

    @property
    def brings_token(self) -> bool:
        """True if a token says which app and user call: a gateway's JWT, or an access token by header."""
        return bool(self.gateway_jwt or self.claims.get("access_token"))

    @property
    def names(self) -> frozenset[str]:
        """Names of parameters that go to no upstream: fewer where a header says who calls."""
        return NOT_FOR_UPSTREAMS if self.from_header or self.gateway_jwt else CREDENTIALS

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts among them that nobody else may read: all but the names of app and user."""
        claims = (value for name, value in self.claims.items() if name not in IDENTITIES)
        return (*claims, self.cookie, self.gateway_jwt, self.parameter_access_token)

    def __repr__(self) -> str:
        return "Credentials(…)"


def claimed_app(claims: Mapping[str, str]) -> str:
    """Return the code of the app that these claims name, proven or not; "" if they name none."""
    return claims.get("bk_app_code") or claims.get("app_code") or ""


class RunReceiver(NamedTuple):
    """A receiver of a delivery: of which component's message, by which name, and at which address.

    `looked_up`: the address came from the directory, for the user of this name. `is_open`: the message is still to be
    sent to it.
    """

    component: str
    name: str
    address: str
    looked_up: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class DeliveryRun:
    """An attempt of a delivery, which a call carries out: the same message as ever, for receivers who still need it.

    `accepted_at`: seconds since 1970, the time that the message bears. `window`: the seconds within which the platform
    must know a repetition for one, the same in each attempt. A receiver without a turn is put off. `in_doubt`: one
    before it broke off, and may have reached any of them; whoever this one does not reach stays in doubt, and where the
    platform drops no repetition nothing is sent. `redrives`: how often it was another message for those who had failed.
    """

    id: str
    accepted_at: float
    receivers: tuple[RunReceiver, ...] = field(repr=False)
    window: float
    in_doubt: bool = False
    redrives: int = 0

    def addresses(self, component: str) -> dict[str, str]:
        """Return the addresses of the users whom this component had looked up, by their names."""
        return {each.name: each.address for each in self.receivers if each.looked_up and each.component == component}

    def open_addresses(self, component: str) -> frozenset[str]:
        """Return the addresses to which this component still has to send."""
        return frozenset(each.address for each in self.receivers if each.is_open and each.component == component)


@dataclass(frozen=True, slots=True)
class Options:
    """The requests of a caller to the gateway itself."""

    test_env: bool = False
    dry_run: bool = False
    idempotency_key: str | None = None
    within_sender: bool = False
    """True within a component that sends, which has to keep what the others promise."""
    respond_async: bool = False
    """True if the caller prefers that the message is accepted now and sent afterwards."""
    run: DeliveryRun | None = None
    """The attempt of a delivery that the call carries out; None for a call of a caller's own."""


ORDINARY = Options()
"""The options of nearly every call: none."""


class HeldBytes(Protocol):
    """The bytes of a request that the gateway holds, as long as its call lasts."""

    def known_as(self, app: str) -> None:
        """Count them as this app's from now on; Limited if it holds too many already."""
        ...

    def close(self) -> None:
        """Count them no more."""
        ...


class Record:
    """The course of a call, and the one mutable part of it. Middlewares and plugins write, ingress reads at the end.

    `headers` are those that the answer carries in addition; `span` is the call's own, if it is traced; `logs` is where
    `call.log` writes.
    """

    app = ""
    user = ""
    user_source = ""
    secret_number = 0
    """The number of the secret that the app has proven to know: its place in the configuration, from 1 on, or its
    number in the database; 0: not known, or there is none."""
    secret_id = 0
    """The number of this secret in the database; 0: it is none of those."""
    sent = False
    """True once a message may have left the gateway."""
    status = 200
    """The HTTP status of an answer that is no Reply."""
    span: Span | None = None
    body: Mapping[str, Any] | None = None
    """Description of a body that holds no parameters, for errors."""
    warnings: Sequence[Mapping[str, Any]] = ()
    """Entries for `data.warnings` about what came in."""
    reports: tuple[Mapping[str, Any], ...] = ()
    """The data of each sending that is over."""
    sendings: tuple[tuple[str, Any], ...] = ()
    """Each sending that is over, or was rehearsed: its component, and its DeliveryReport or Rehearsal."""
    logs: CallLogs = UNHEARD

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.admitted: str | None = None
        """The app among whose calls in flight this one counts, "" if it has none; None: it does not count yet."""
        self.held: HeldBytes | None = None
        """The bytes of its body, if they are counted."""


@dataclass(frozen=True, kw_only=True, eq=False)  # without slots: see made_of
class Call:
    """One call of one component. A middleware passes on `dataclasses.replace(call, ...)`; nobody mutates it.

    `path` is the declared path below /api/c/compapi; `component` its name ("system.component"); `args` the
    parameters without credentials; `headers` those few that travel upstream; `deadline` in the event loop's time.
    `query` is the query string as it came. A component that streams gets the body as it comes, if the credentials came
    by header, and `all_headers`, which nobody else does: those that its stanza's `headers_in` lets pass. Query, body
    and these may hold credentials. `client_ip` is the address that the call comes from, as far as trusted proxies tell,
    and `scheme` what its client spoke, http or https; it is told only to components that read the whole request.
    `restricted`: only an app with a right for just this component may call it. `upgrades`: the caller asks for a
    WebSocket, which only a component that streams may answer. `attempt`: which try a request to another system is, for
    the log.
    """

    id: str
    method: str
    path: str
    component: str
    deadline: float
    timeout: float
    headers: Mapping[str, str]
    credentials: Credentials
    args: Mapping[str, Any] = field(repr=False)
    path_vars: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)
    body: bytes | AsyncIterator[bytes] = field(default=b"", repr=False)
    all_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    client_ip: str = ""
    scheme: str = "http"
    restricted: bool = False
    upgrades: bool = False
    attempt: int = 1
    options: Options = ORDINARY
    app: App | None = None
    user: User | None = None
    record: Record = field(default_factory=Record)

    @property
    def language(self) -> str:
        """The caller's Blueking-Language, English when it names none."""
        return self.headers.get("Blueking-Language", "en")

    @property
    def log(self) -> CallLog:
        """The call's own log: `call.log.info("delivered", msgid=42)`. See CallLog."""
        return CallLog(self.record.logs, self.id, self.component, self.credentials.secrets)

    @property
    def seconds_left(self) -> float:
        """The seconds until the deadline, by the event loop's clock; below 0 once it has passed."""
        return self.deadline - asyncio.get_running_loop().time()

    def detached(self, seconds: float) -> "Call":
        """Return a copy with a time of its own, for a request whose answer other calls wait for too."""
        fields = self.__dict__.copy()
        fields["deadline"] = asyncio.get_running_loop().time() + seconds
        fields["timeout"] = seconds
        return made_of(fields)

    def asking(self, options: Options, args: Mapping[str, Any] | None = None) -> "Call":
        """Return the same call with these options, and these arguments if there are any: in a third of the time."""
        fields = self.__dict__.copy()
        fields["options"] = options
        if args is not None:
            fields["args"] = args
        return made_of(fields)

    def made_by(self, app: App | None, user: User | None) -> "Call":
        """Return the same call with the app and the user that make it."""
        fields = self.__dict__.copy()
        fields["app"] = app
        fields["user"] = user
        call = _new(Call)
        _set(call, "__dict__", fields)  # as made_of, which every call would ask twice
        return call


_new, _set = object.__new__, object.__setattr__


def made_of(fields: dict[str, Any]) -> Call:
    """Return Call(**fields), made in a third of its time; only fields with a constant default may be left out.

    Bench: send.
    """
    call = _new(Call)
    _set(call, "__dict__", fields)
    return call
