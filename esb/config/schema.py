"""The keys of esb.yaml: one model for each kind of mapping."""

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from esb.config.base import ConfigModel, ListeningHost, Network, Text
from esb.config.listeners import Admin, Portal
from esb.config.time_zone import known_zone
from esb.core.limits import DEFAULT_LIMITS, MOST_NESTING


def _first_version(value: int) -> int:
    if value != 1:
        raise ValueError("expected 1, the only version there is")
    return value


Version = Annotated[int, AfterValidator(_first_version), Field(json_schema_extra={"const": 1})]
Count = Annotated[int, Field(ge=1)]
ORIGIN = r"^https?://(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$"


class RequestLimits(ConfigModel):
    """How much one request may hold."""

    json_nodes: Count = Field(DEFAULT_LIMITS.json_nodes, description="values and names of a JSON body")
    nesting: int = Field(DEFAULT_LIMITS.nesting, ge=1, le=MOST_NESTING, description="levels of a JSON body")
    form_fields: Count = Field(DEFAULT_LIMITS.form_fields, description="fields of a form or a query string")
    parts: Count = Field(DEFAULT_LIMITS.parts, description="parts of a multipart form")
    receivers: Count = Field(DEFAULT_LIMITS.receivers, description="receivers in one parameter")


def _origin(value: str) -> str:
    has_default_port = value.endswith({"http": ":80", "https": ":443"}.get(value.partition(":")[0], value))
    if value != "*" and (has_default_port or re.fullmatch(ORIGIN, value) is None):
        raise ValueError(
            "expected an origin as browsers write it: https://app.example.com or http://localhost:3000, in lower case, "
            "without path, last slash and default port; or *"
        )
    return value


class CorsPolicy(ConfigModel):
    """Pages of other origins that may call from a browser."""

    origins: tuple[
        Annotated[str, AfterValidator(_origin), Field(json_schema_extra={"pattern": rf"{ORIGIN}|^\*$"})], ...
    ] = Field(description="their origins, exactly; or `*` for any")
    credentials: bool = Field(False, description="true: the cookie bk_token that a browser sends with them counts")

    @model_validator(mode="after")
    def _credentials_are_for_named_origins(self) -> Self:
        if "*" in self.origins and len(self.origins) > 1:
            raise ValueError("`*` is every origin: name no other beside it")
        if "*" in self.origins and self.credentials:
            raise ValueError("`credentials: true` needs origins by name; with `*`, any page could act as its reader")
        return self


class Server(ConfigModel):
    """The listener and what it lets in."""

    host: ListeningHost = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 is a free one")
    max_body: Count = Field(10 * 1024 * 1024, description="bytes of a request body")
    shutdown_grace: float = Field(30.0, ge=0, description="seconds that calls in flight have after TERM or INT")
    lame_duck: float = Field(
        0.0,
        ge=0,
        le=3600,
        description="seconds after TERM or INT for which calls are answered as before and `healthz` says no, so that "
        "balancers send them elsewhere before the listener refuses",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="addresses and networks whose X-Forwarded-For (or Forwarded) and X-Request-Uri count"
    )
    cors: CorsPolicy | None = Field(None, description="pages of other origins that may call; left out: none")
    timezone: Annotated[str, AfterValidator(known_zone)] | None = Field(
        None,
        description="time zone of dates in messages, such as Asia/Shanghai; the machine's when left out",
    )
    limits: RequestLimits = Field(RequestLimits(), description="how much one request may hold")
    max_in_flight: Count = Field(5000, description="calls at once")
    max_connections: Count | None = Field(
        None, description="open connections of callers, of each process; left out: as many as its file limit allows"
    )
    max_buffered: int = Field(
        256 * 1024 * 1024, ge=1024 * 1024, description="bytes of requests that each process holds at once"
    )
    max_per_target: Count = Field(5000, description="requests at once to one upstream host")
    outgoing: Literal["aiohttp", "httptools"] | None = Field(
        None, description="who speaks HTTP to upstreams; the fastest that is installed when left out"
    )
    workers: Count = Field(1, description="how many processes answer calls")
    admin: Admin | None = Field(None, description="a private listener: metrics and more; left out: none")
    portal: Portal | None = Field(
        None, description="a listener with pages for people; left out: none. It needs the extra `portal`"
    )

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone; None for the machine's."""
        return None if self.timezone is None else ZoneInfo(self.timezone)


# The keys of each kind of mapping. Stanzas are checked one by one, so that one mistake does not hide the others.


class StanzaKeys(ConfigModel):
    """Of anything that can be replaced."""

    use: Text = Field(description="a built-in, an entry point, or package.module:Class")
    config: dict[str, Any] | None = Field(None, description="its configuration")


class ServicesKeys(ConfigModel):
    """Of `services`: one back end each."""

    apps: dict[str, Any] | None = Field(None, description="app code -> secrets and rights")
    login: dict[str, Any] | None = Field(None, description="bk_token -> user name")
    users: dict[str, Any] | None = Field(None, description="user name -> contacts")
    access_tokens: dict[str, Any] | None = Field(None, description="access_token -> app and user; none when left out")
    jwt: dict[str, Any] | None = Field(None, description="X-Bkapi-JWT -> app and user; none when left out")
    store: dict[str, Any] | None = Field(None, description="what the gateway remembers; memory when left out")
    database: dict[str, Any] | None = Field(
        None, description="where what outlives the gateway is kept: apps, their secrets, rights and history"
    )


BACK_ENDS = tuple(key for key in ServicesKeys.model_fields if key != "database")
"""The keys of `services` that name a back end by `use`."""


class SystemKeys(ConfigModel):
    """Of a system: what its components with `use: http` have where their stanza leaves the key out."""

    hosts: tuple[str, ...] | None = Field(None, description="`config.hosts`: where the system is")
    timeout: Annotated[float, Field(gt=0)] | dict[str, Any] | None = Field(
        None, description="a number: the stanza's `timeout`; a mapping with query and operate: `config.timeout`"
    )
    headers: dict[str, Any] | None = Field(None, description="`config.headers`: all of them, or none")


_WITH_EXTENSIONS = ConfigDict(json_schema_extra={"patternProperties": {"^x-": {}}})


class DocumentKeys(ConfigModel):
    """Of esb.yaml."""

    model_config = _WITH_EXTENSIONS

    version: Version = Field(description="of this format")
    server: dict[str, Any] | None = Field(None, description="the listener and what it lets in")
    include: tuple[str, ...] | None = Field(
        None, description="further files with `components:`, relative to this one; globs"
    )
    sandbox: dict[str, Any] | None = Field(
        None, description="the embedded sandbox, for demo and tests; ${sandbox} is its URL"
    )
    services: dict[str, Any] | None = Field(None, description="who knows apps, logins, users and tokens")
    systems: dict[str, SystemKeys] | None = Field(
        None, description="system -> what its components with `use: http` have in common"
    )
    middlewares: list[Any] | None = Field(
        None, description="the shared chain, outermost first; app_auth, user_auth and permission when left out"
    )
    components: list[Any] | None = Field(None, description="what is served")
    deliveries: dict[str, Any] | None = Field(
        None, description="asynchronous calls: accepted into services.database, and sent afterwards"
    )
    ledger: dict[str, Any] | None = Field(None, description="the record of messages and what became of them")


class IncludedKeys(ConfigModel):
    """Of a file that esb.yaml includes."""

    model_config = _WITH_EXTENSIONS

    version: Version = Field(1, description="of this format")
    components: list[Any] = Field(description="what is served")


class IncludedAppsKeys(ConfigModel):
    """Of a file that services.apps includes."""

    model_config = _WITH_EXTENSIONS

    version: Version = Field(1, description="of this format")
    apps: list[Any] = Field(description="who may call")
