"""A request of a command to a running gateway."""

import http.client
import json
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import urlsplit

import click

from esb.core.host_names import is_loopback

TOKEN = "ESB_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
UNIX = "unix:"
"""The beginning of the address of an admin listener at a Unix socket."""
OK = 200
_SENDABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""A value of a header. The errors of http.client about any other repeat it, and it may be a secret."""
REDIRECTS = {301, 302, 303, 307, 308}
SECONDS = 120.0


def admin_token() -> str:
    """Return the token for an admin listener; "" if the environment has none."""
    return os.environ.get(TOKEN, "")


def admin_answer(url: str, target: str, key: str, refusal: str, body: bytes | None = None) -> dict[str, Any]:
    """Return what an admin listener answers, GET without a `body` of JSON and else POST: an object that has `key`.

    ClickException with the `refusal` in its text if it does not. `url` may be unix:/PATH, too.
    """
    headers = {} if body is None else {"Content-Type": "application/json"}
    if token := admin_token():
        _check_header(TOKEN, token)
        headers["Authorization"] = f"Bearer {token}"
    if url.startswith(UNIX):
        place = f"/{url.removeprefix(UNIX).lstrip('/')}"
        status, raw = exchange_at_socket(place, target, headers, "GET" if body is None else "POST", body)
    else:
        place = checked(url).rstrip("/")
        status, raw = exchange(urllib.request.Request(place + target, data=body, headers=headers))  # noqa: S310 - http
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    if status == OK and isinstance(answer, dict) and key in answer:
        return answer
    why = answer.get("error") if isinstance(answer, dict) else None
    raise click.ClickException(f"{place} {refusal} ({status}): {why or 'no admin listener'}")


def _check_header(name: str, value: str) -> None:
    """Raise ClickException for a value that no header can have."""
    if _SENDABLE.fullmatch(value) is None:
        raise click.ClickException(f"{name} has a character in it that no header can carry, such as a line end")


class _OverUnixSocket(http.client.HTTPConnection):
    """A connection to a listener at a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def exchange_at_socket(
    path: str, target: str, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None
) -> tuple[int, bytes]:
    """Return status and body of the answer of a Unix socket. ClickException if there is none."""
    connection = _OverUnixSocket(path)
    try:
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(f"no gateway answers at {path}: {_reason(error)}") from error
    finally:
        connection.close()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A handler that follows no redirect: a gateway sends none, and whoever does must not get the secrets."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def checked(url: str) -> str:
    """Return the address of a gateway. ClickException if it is none, or has a password, which messages would tell."""
    try:
        address = urlsplit(url)
    except ValueError:  # which quotes the address, and so a password in it
        raise click.ClickException("this is no address of a gateway") from None
    if "@" in address.netloc:
        raise click.ClickException("the address of a gateway has no user and no password")
    return url


def exchange(request: urllib.request.Request) -> tuple[int, bytes]:
    """Return status and body of the answer. ClickException if there is none, or it leads elsewhere."""
    for name, value in request.header_items():
        _check_header(name, value)
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    address = urlsplit(request.full_url)
    if is_loopback(address.hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))  # a proxy of the machine leads away from loopback
    place = f"{address.scheme}://{address.netloc}"
    try:
        response = urllib.request.build_opener(*handlers).open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code in REDIRECTS:
            error.close()
            raise click.ClickException(f"{place} redirects elsewhere: it is no gateway") from error
        response = error
    except urllib.error.URLError as error:
        raise click.ClickException(f"no gateway answers at {place}: {_reason(error.reason)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise click.ClickException(f"the gateway at {place} did not answer: {_reason(error)}") from error
    with response:
        try:
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"the answer of {place} broke off: {_reason(error)}") from error


def _reason(error: object) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
