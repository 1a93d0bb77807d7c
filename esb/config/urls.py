"""Addresses in a configuration: checked when it is read, so that no call has to find out."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from esb.core.host_names import is_host
from esb.core.messages import template

EXPECTED = template("expected a URL such as http://host:8000 or https://host/path")
NO_SCHEME = template(
    "expected a URL such as http://host:8000 or https://host/path; it must begin with http:// or https://"
)
NO_HOST = template("no machine can be called as this address says; expected a host name or an IP address")


def fault(text: str, *, base: bool) -> str | None:
    """Return the fault of a URL, in words that do not repeat it; None if it is sound. `base`: paths follow it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return EXPECTED
    if parts.scheme.lower() not in {"http", "https"}:
        return NO_SCHEME
    if not parts.hostname or port == 0 or re.search(r"[\s\\\x00-\x1f\x7f]", text):
        return EXPECTED
    if not is_host(parts.hostname):
        return NO_HOST
    if base and (parts.query or parts.fragment):
        return f"{EXPECTED}, without ? and #: paths are put behind it"
    return None


def _base(value: str) -> str:
    if (text := fault(value, base=True)) is not None:
        raise ValueError(text)
    return value


def _secret(value: SecretStr) -> SecretStr:
    text = fault(value.get_secret_value(), base=False) if value else None
    if text is not None:
        raise ValueError(text)
    return value


def _host(value: str) -> str:
    return _base(value if "://" in value else f"https://{value}") if value else value


BaseUrl = Annotated[str, AfterValidator(_base)]
"""The beginning of addresses: http:// or https://, a host, perhaps a port and a path."""
SecretUrl = Annotated[SecretStr, AfterValidator(_secret)]
"""An address that holds a key or a password; "" for none."""
HostOrUrl = Annotated[str, AfterValidator(_host)]
"""A BaseUrl, or a host alone, which then is asked by https; "" for none."""
