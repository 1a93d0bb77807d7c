"""The listeners of those who run the gateway: for programs, and with pages for people."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from esb.config.base import ConfigModel, HostName, ListeningHost, Network, Text

DIGEST = "^sha256:[0-9A-Fa-f]{64}$"
MAX_SOCKET_PATH = 107
"""Bytes of a Unix socket's path, on Linux."""


def _digest(value: str) -> str:
    if re.fullmatch(DIGEST, value) is None:
        raise ValueError("expected sha256: and 64 hexadecimal digits, as `esb admin token NAME` prints them")
    return value


def _socket_path(value: str) -> str:
    if not value.startswith("/") or "\0" in value or len(value.encode(errors="replace")) > MAX_SOCKET_PATH:
        raise ValueError(f"expected an absolute path of at most {MAX_SOCKET_PATH} bytes, such as /run/esb/admin.sock")
    return value


class AdminToken(ConfigModel):
    """A token of the admin listener, known by its digest alone."""

    name: Text = Field(description="who has the token")
    digest: Annotated[str, AfterValidator(_digest), Field(json_schema_extra={"pattern": DIGEST})] = Field(
        repr=False, description="sha256: and the digest of the token; `esb admin token NAME` makes both"
    )

    @property
    def hexadecimal(self) -> str:
        """The SHA-256 of the token's UTF-8 bytes, in lower case."""
        return self.digest.partition(":")[2].lower()


class Admin(ConfigModel):
    """A listener of its own for those who run the gateway: at a port, or at a Unix socket of its user alone."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["port"]}, {"required": ["unix"]}]})

    host: ListeningHost = Field("127.0.0.1", description="address to listen on")
    port: int | None = Field(None, ge=1, le=65535, description="port to listen on")
    unix: Annotated[str, AfterValidator(_socket_path), Field(json_schema_extra={"pattern": "^/"})] | None = Field(
        None,
        description="path of a Unix socket to listen on, instead of host and port; for the gateway's user and root",
    )
    hosts: tuple[HostName, ...] = Field(
        (), description="names by which browsers and tools may ask for it; addresses and localhost always may"
    )
    tokens: tuple[AdminToken, ...] = Field((), description="who may write, and read with `read: token`")
    read: Literal["token"] | None = Field(
        None, description="with `token`, reading needs one too; left out, it needs none"
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.port is None) == (self.unix is None):
            raise ValueError("expected `port` or `unix`, one of them")
        if self.unix is not None and "host" in self.model_fields_set:
            raise ValueError("`host` belongs to `port`; a Unix socket has none")
        if self.read == "token" and not self.tokens:
            raise ValueError("`read: token` needs `tokens`; `esb admin token NAME` makes one")
        return self


class Portal(ConfigModel):
    """Pages for people: components and a console for everybody who comes here, apps and deliveries for operators."""

    host: ListeningHost = Field("127.0.0.1", description="address to listen on")
    port: int = Field(9091, ge=0, le=65535, description="port to listen on; 0 is a free one")
    hosts: tuple[HostName, ...] = Field(
        (), description="names by which browsers may ask for it; addresses and localhost always may"
    )
    trusted_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = Field(
        None,
        description="header in which single sign-on in front of it names the operator, such as X-Forwarded-User; only "
        "operators may come that way",
    )
    trusted_from: tuple[Network, ...] = Field(
        (), description="addresses and networks of the proxies that may send this header"
    )

    @model_validator(mode="after")
    def _header_has_senders(self) -> Self:
        if (self.trusted_header is None) != (not self.trusted_from):
            raise ValueError("`trusted_header` and `trusted_from` belong together: which header, and who may send it")
        return self
