"""The config of a reverse proxy."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, model_validator

from esb.addresses import is_refused, literal
from esb.config import ConfigModel
from esb.gateway_jwt import key_problem
from esb.outgoing import Tls
from esb.proxy import path
from esb.proxy.headers import HOP_BY_HOP

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Kind = Literal["query", "operate"]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
FRAMING = HOP_BY_HOP | {"content-length"}


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _host(value: str, info: ValidationInfo) -> str:
    """The host as the beginning of URLs. Without a scheme it is http."""
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("not a URL such as http://host:8000") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\\]", url):
        raise ValueError("not a URL such as http://host:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a host has no user, no query and no fragment; secrets belong under `headers` or `params`")
    address = literal(parts.hostname)
    if address is not None and is_refused(address) and not info.data.get("allow_link_local"):
        raise ValueError("a link-local or metadata address is refused unless `allow_link_local: true`")
    return url.rstrip("/")


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("expected one or more hosts")
    return value


def _path(value: str) -> str:
    if (fault := path.fault(value)) is not None:
        raise ValueError(fault)
    return value


def _headers(value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    for name, secret in value.items():
        if not _NAME.fullmatch(name) or _UNSAFE.search(secret.get_secret_value()):
            raise ValueError(f"the header {name!r} has a name or a value that no header can have")
        if name.lower() in FRAMING:
            raise ValueError(f"the header {name} belongs to the connection, the gateway sets it")
    return value


class TlsFiles(ConfigModel):
    """PEM files: `ca` whom to trust instead of the system's, `cert` and `key` the gateway's own certificate."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.key is not None and self.cert is None:
            raise ValueError("`key` needs `cert`")
        try:
            self.load()
        except (OSError, ValueError) as error:
            raise ValueError(f"these files cannot be used for TLS: {type(error).__name__}") from None
        return self

    def load(self) -> Tls:
        return Tls.load(self.ca, self.cert, self.key)


class Timeouts(ConfigModel):
    """Seconds for one attempt, by the kind of the component. The stanza's `timeout` holds for all of them together."""

    query: Seconds | None = None
    operate: Seconds | None = None


class BreakerConfig(ConfigModel):
    """After `failures` in a row nobody asks for `seconds`."""

    failures: Count
    seconds: Seconds


class HttpConfig(ConfigModel):
    """Where the upstream is, and in which form it is asked and answers.

    `username_param`: the parameter that carries the calling user's name; `defaults`: parameters where the caller gives
    none; `params`: parameters that no caller can change.
    """

    allow_link_local: bool = False
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], AfterValidator(_some)]
    path: Annotated[str, AfterValidator(_path)]
    method: Annotated[Method, BeforeValidator(_upper)] | None = None
    send: Literal["query", "json", "form"] | None = None
    response: Literal["envelope", "wrap", "raw"] = "envelope"
    headers: Annotated[dict[str, SecretStr], AfterValidator(_headers)] = Field(default_factory=dict)
    params: dict[str, SecretStr | bool | int | float] = Field(default_factory=dict)
    defaults: dict[str, str | bool | int | float] = Field(default_factory=dict)
    username_param: str | None = None
    identity: Literal["headers", "jwt", "none"] = "headers"
    jwt_private_key: SecretStr | None = None
    tls: TlsFiles | None = None
    timeout: Timeouts = Timeouts()
    kind: Kind | None = None
    retries: int = Field(0, ge=0, le=10)
    max_concurrency: Count | None = None
    breaker: BreakerConfig | None = None
    idle_timeout: Seconds = 30.0

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if self.identity == "jwt" and self.jwt_private_key is None:
            raise ValueError("`identity: jwt` needs `jwt_private_key`, an RSA key in PEM form")
        if self.identity == "jwt" and self.jwt_private_key is not None:
            problem = key_problem(self.jwt_private_key.get_secret_value())
            if problem is not None:
                raise ValueError(problem)
        return self

    def kind_of(self, method: str) -> Kind:
        return self.kind or ("query" if method in {"GET", "HEAD"} else "operate")

    def send_of(self, method: str) -> str:
        """Where the parameters go in a request with this method."""
        return self.send or ("json" if method in {"POST", "PUT", "PATCH"} else "query")

    def seconds_of(self, method: str) -> float | None:
        return self.timeout.query if self.kind_of(method) == "query" else self.timeout.operate
