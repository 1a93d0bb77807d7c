"""The config of a reverse proxy."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, model_validator

from esb.config import ConfigModel
from esb.config.urls import NO_HOST
from esb.core.header_names import HOP_BY_HOP, is_token
from esb.core.host_names import is_host
from esb.outgoing.address_guard import is_refused, literal
from esb.outgoing.client import Tls
from esb.outgoing.jwt_signer import key_problem
from esb.plugins.http import path_template

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Kind = Literal["query", "operate"]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST_AND_PATH = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?(?:/[^\s\\{}]*)?")
FRAMING = HOP_BY_HOP | {"content-length"}


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _host(value: str, info: ValidationInfo) -> str:
    """Return the host as the beginning of URLs."""
    if not value.startswith(("http://", "https://")):
        name = re.sub(r"^[A-Za-z]*:?/*", "", value) if re.match(r"[A-Za-z]*:?//?", value) else value
        host = name.partition("/")[0]  # what comes behind may hold a secret
        meant = f"; did you mean http://{host}?" if _HOST_AND_PATH.fullmatch(host) else ""
        raise ValueError(f"not a URL such as http://host:8000{meant}")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("not a URL such as http://host:8000") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a host has no user, no query and no fragment; secrets belong under `headers` or `params`")
    if not parts.hostname or port == 0 or not _HOST_AND_PATH.fullmatch(value.partition("://")[2]):
        raise ValueError("not a URL such as http://host:8000")
    if not is_host(parts.hostname):
        raise ValueError(NO_HOST)
    address = literal(parts.hostname)
    if address is not None and is_refused(address) and not info.data.get("allow_link_local"):
        raise ValueError("a link-local or metadata address is refused unless `allow_link_local: true`")
    return value.rstrip("/")


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("expected one or more hosts")
    return value


def _path(value: str) -> str:
    if (fault := path_template.fault(value)) is not None:
        raise ValueError(fault)
    return value


def _headers(value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    for name, secret in value.items():
        if not is_token(name) or _UNSAFE.search(secret.get_secret_value()):
            shown = name.partition(":")[0]  # what comes behind it may be the value
            raise ValueError(f"the header {shown!r} has a name or a value that no header can have")
        if name.lower() in FRAMING:
            raise ValueError(f"the header {name} belongs to the connection, the gateway sets it")
    return value


class TlsFiles(ConfigModel):
    """PEM files for TLS with the upstream, and the name that its certificate must have."""

    ca: str | None = Field(None, description="certificates to trust instead of the system's, a PEM file")
    cert: str | None = Field(None, description="the gateway's own certificate, a PEM file")
    key: str | None = Field(None, description="its private key, a PEM file")
    passphrase: SecretStr | None = Field(None, description="what opens the private key, if it is encrypted")
    server_name: str | None = Field(
        None, min_length=1, description="name that the upstream's certificate must have, if not that of the host"
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.key is not None and self.cert is None:
            raise ValueError("`key` needs `cert`")
        for name in ("ca", "cert", "key"):
            if (path := getattr(self, name)) is not None and (reason := _unreadable(path)) is not None:
                raise ValueError(f"`{name}`: {path}: {reason}")
        try:
            self.load()
        except (OSError, ValueError) as error:
            raise ValueError(_tls_problem(self, error)) from None
        return self

    def load(self) -> Tls:
        passphrase = None if self.passphrase is None else self.passphrase.get_secret_value()
        return Tls.load(self.ca, self.cert, self.key, passphrase, self.server_name)


def _unreadable(path: str) -> str | None:
    """Return why a file cannot be read; None if it can."""
    try:
        with Path(path).open("rb"):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__


def _tls_problem(files: TlsFiles, error: Exception) -> str:
    """Return which of the files cannot be used for TLS, and why, as far as OpenSSL tells."""
    try:
        Tls.load(files.ca, None, None)
    except (OSError, ValueError):
        return f"`ca`: {files.ca}: no certificates in PEM form"
    own = f"`key`: {files.key}" if files.key is not None else f"`cert`: {files.cert}"
    if "MISMATCH" in str(getattr(error, "reason", "") or ""):
        return f"{own}: not the private key of this certificate"
    if b"ENCRYPTED" in Path(files.key or files.cert or "").read_bytes():
        return f"{own}: the private key is encrypted, and `passphrase` does not open it"
    return f"`cert`: {files.cert}: no certificate and private key in PEM form"


class Timeouts(ConfigModel):
    """Seconds for one attempt, by the kind of the component. The stanza's `timeout` holds for all of them together."""

    query: Seconds | None = Field(None, description="seconds for an attempt that only reads")
    operate: Seconds | None = Field(None, description="seconds for an attempt that changes something")


class BreakerConfig(ConfigModel):
    """When to stop asking an upstream that fails."""

    failures: Count = Field(description="failures in a row")
    seconds: Seconds = Field(description="seconds in which nobody asks after them")


class MessageNames(ConfigModel):
    """The names of two keys in the upstream's JSON object."""

    code: str = Field("code", min_length=1, description="key of its code; 0 is success")
    message: str = Field("message", min_length=1, description="key of its message for people")


class HttpConfig(ConfigModel):
    """Where the upstream is, and in which form it is asked and answers."""

    allow_link_local: bool = Field(False, description="whether hosts may be link-local or metadata addresses")
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], AfterValidator(_some)] = Field(
        json_schema_extra={"minItems": 1},
        description="where the upstream is, such as http://host:8000; if one is down the next is asked",
    )
    path: Annotated[str, AfterValidator(_path)] = Field(
        description="path of the upstream; {variables} are those of the called path, or else parameters"
    )
    method: Annotated[Method, BeforeValidator(_upper, json_schema_input_type=str)] | None = Field(
        None, description="method of the request to the upstream; the caller's when left out"
    )
    send: Literal["query", "json", "form"] | None = Field(
        None, description="where the parameters go: query for GET and DELETE, else json when left out"
    )
    response: Literal["envelope", "wrap", "raw"] = Field(
        "envelope",
        description="envelope: the upstream's JSON object, completed; wrap: any JSON, as data; raw: status, headers and"
        " body as they come",
    )
    message: MessageNames = Field(
        MessageNames(), description="where the upstream's JSON object has its code and its message"
    )
    headers: Annotated[dict[str, SecretStr], AfterValidator(_headers)] = Field(
        default_factory=dict,
        description="headers of the request to the upstream; {username}, {app}, {language} in a value are the call's",
    )
    x_forwarded: bool = Field(
        False, description="whether X-Forwarded-For and X-Forwarded-Proto tell the upstream who asks, and by what"
    )
    rewrite_redirects: bool = Field(
        False, description="raw: whether a Location at the upstream becomes the path of this component"
    )
    params: dict[str, SecretStr | bool | int | float] = Field(
        default_factory=dict, description="parameters that no caller can change"
    )
    defaults: dict[str, str | bool | int | float] = Field(
        default_factory=dict, description="parameters where the caller gives none"
    )
    username_param: str | None = Field(None, description="parameter that carries the calling user's name")
    identity: Literal["headers", "jwt", "none"] = Field(
        "headers",
        description="how the upstream is told who is calling: headers (Bk-Username and Bk-App-Code), besides a signed"
        " jwt, or none",
    )
    jwt_private_key: SecretStr | None = Field(None, description="RSA key in PEM form that signs for identity: jwt")
    tls: TlsFiles | None = Field(None, description="certificates, where the system's are not enough")
    timeout: Timeouts = Field(
        Timeouts(), description="seconds for one attempt; the stanza's timeout holds for all of them together"
    )
    kind: Kind | None = Field(
        None, description="query: it only reads; operate: it changes something; by the method when left out"
    )
    retries: int = Field(0, ge=0, le=10, description="further attempts, where the method is idempotent")
    max_concurrency: Count | None = Field(None, description="requests at once; what is beyond is refused with 1306429")
    breaker: BreakerConfig | None = Field(
        None, description="when to stop asking an upstream that fails; left out: never"
    )
    max_header_size: int = Field(
        8190, ge=256, le=2**20, description="bytes of one header of an answer; a larger one is no answer"
    )
    max_headers: int = Field(128, ge=1, le=10_000, description="headers of an answer")
    idle_timeout: Seconds = Field(30.0, description="raw: seconds between two pieces of a body")

    @model_validator(mode="after")
    def _signs(self) -> Self:
        if self.rewrite_redirects and self.response != "raw":
            raise ValueError("`rewrite_redirects` needs `response: raw`: other answers have no Location")
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
        """Return where the parameters go in a request with this method: query, json or form."""
        return self.send or ("json" if method in {"POST", "PUT", "PATCH"} else "query")

    def seconds_of(self, method: str) -> float | None:
        return self.timeout.query if self.kind_of(method) == "query" else self.timeout.operate
