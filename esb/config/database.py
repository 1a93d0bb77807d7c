"""The keys of `services.database`: where it is, and what encrypts the secrets in it. It needs none of its libraries."""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from esb.config.base import ConfigModel
from esb.core.host_names import is_host

EXPECTED = (
    "expected sqlite:///FILE (relative to esb.yaml; sqlite:////FILE is absolute), postgresql://USER:PASSWORD@HOST/NAME "
    "or mysql://USER:PASSWORD@HOST/NAME"
)
OWN_DRIVERS = "the drivers are the gateway's own: leave out what stands behind the +"
BACK_ENDS = ("sqlite", "postgresql", "mysql")
TLS = ("off", "require", "verify")
"""Values of the query `tls`: no TLS, TLS with whoever answers, TLS with a certificate for this host."""
SERVER_QUERY = frozenset({"tls", "ca", "socket"})
"""Keys of a server's query: `tls`, `ca` (a file of authorities), `socket` (a Unix socket instead of host and port)."""
FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


def parsed(url: str) -> SplitResult:
    """Return the parts of a database's URL. ValueError, without any of it, that says what is expected."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(EXPECTED) from None
    scheme, plus, _ = parts.scheme.partition("+")
    if plus and scheme in BACK_ENDS:
        raise ValueError(OWN_DRIVERS)
    if scheme not in BACK_ENDS or parts.fragment or re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError(EXPECTED)
    if scheme == "sqlite":
        if parts.netloc or parts.query or len(parts.path) < 2 or ":memory:" in parts.path:
            raise ValueError(f"{EXPECTED}; a file, without ?")
    elif (
        " " in url
        or port == 0
        or len(parts.path) < 2
        or "/" in parts.path[1:]
        or not is_host(parts.hostname or "localhost")
    ):
        raise ValueError(EXPECTED)
    else:
        query(parts)
    return parts


def query(parts: SplitResult) -> dict[str, str]:
    """Return the query of a server's URL. ValueError that says what is expected."""
    pairs = [pair.partition("=")[::2] for pair in parts.query.split("&") if pair]
    found = dict(pairs)
    if len(found) < len(pairs) or not found.keys() <= SERVER_QUERY or found.get("tls", "off") not in TLS:
        raise ValueError("expected after the ? at most tls=verify (or require, off), ca=FILE and socket=FILE")
    return found


def _url(value: SecretStr) -> SecretStr:
    parsed(value.get_secret_value())
    return value


def _fernet_key(value: SecretStr) -> SecretStr:
    if FERNET_KEY.fullmatch(value.get_secret_value()) is None:
        raise ValueError("expected a Fernet key, as `esb key new` prints one: 44 characters")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_url)]


class DatabaseConfig(ConfigModel):
    """A database for what must outlive the gateway: a file of SQLite, or a server with PostgreSQL, MySQL or MariaDB."""

    url: DatabaseUrl = Field(
        description="sqlite:///FILE (relative to esb.yaml), postgresql://USER:PASSWORD@HOST/NAME, or mysql://…"
    )
    encryption_keys: tuple[Annotated[SecretStr, AfterValidator(_fernet_key)], ...] = Field(
        min_length=1,
        description="Fernet keys of the secrets in it, as `esb key new` prints them; the first encrypts, all decrypt",
    )
