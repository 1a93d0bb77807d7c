"""Reachability of a place, a layer at a time: its name, a connection, TLS. For preflights, which ask it for nothing."""

import asyncio
import base64
import errno
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from esb.core.errors import Message
from esb.outgoing.address_guard import literal
from esb.outgoing.engine import Tls
from esb.outgoing.engines.connector import NEXT_ADDRESS_SECONDS
from esb.outgoing.engines.tls_failure import tls_failure

ADDRESS_SECONDS = 2.5
"""The time that a name has to be resolved, and an address to connect: less than a check has, so that it can say why."""
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
TLS_SCHEMES = frozenset({"https", "rediss"})
HEAD_BYTES = 16_384
"""The longest answer of a forward proxy to CONNECT."""
NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
"""Errors of an address that this machine cannot ask for anything, such as an IPv6 one where there is no IPv6."""
SLOW = "it does not answer"
REFUSED = "it refuses connections: nothing listens there"
UNREACHABLE = "there is no way to it"
PROXY_REFUSED = "the forward proxy refused to connect to it"


class Place(NamedTuple):
    """A host and a port, and what is needed to get there."""

    host: str
    port: int
    secure: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Unreached(Exception):
    """A layer that failed. Its text holds an address at most: no user, no path, no query."""

    def __init__(self, reason: str | Message) -> None:
        super().__init__(str(reason))
        self.reason = reason if isinstance(reason, str) else reason.template


class Proxy(NamedTuple):
    """A forward proxy, and the header that proves who asks it."""

    place: Place
    authorization: str


def place_of(url: str) -> Place:
    """Return where a URL leads. ValueError for none."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("no host")
    return Place(parts.hostname.rstrip("."), parts.port or PORTS.get(parts.scheme, 80), parts.scheme in TLS_SCHEMES)


def proxy_of(url: str) -> Proxy:
    """Return a forward proxy by its URL, user and password and all."""
    parts = urlsplit(url)
    if parts.username is None:
        return Proxy(place_of(url), "")
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(place_of(url), f"Basic {base64.b64encode(pair.encode()).decode()}")


async def addresses(host: str) -> Sequence[str]:
    """Return the addresses of a host. Unreached if its name is known to nobody.

    It is asked for in a thread that nobody has to wait for: a resolver may think for half a minute.
    """
    if (address := literal(host)) is not None:
        return [str(address)]
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(found: Sequence[str]) -> None:
        if not answer.done():
            answer.set_result(found)

    def ask() -> None:
        found: Sequence[str] = ()
        with suppress(OSError, UnicodeError):
            told = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            found = [*dict.fromkeys(str(each[4][0]) for each in told)]
        with suppress(RuntimeError):  # the loop is closed by now
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=ask, daemon=True, name="resolver").start()
    try:
        async with asyncio.timeout(ADDRESS_SECONDS):
            found = await answer
    except TimeoutError:
        raise Unreached("no name server answers") from None
    if not found:
        raise Unreached("the host name could not be resolved")
    return found


async def connections(found: Sequence[str], port: int) -> dict[str, str]:
    """Return address -> why no connection to it comes about, "" if one does; without those that have no route here.

    Unreached if none comes about at all.
    """
    reasons = dict(zip(found, await asyncio.gather(*(_refusal(each, port) for each in found)), strict=True))
    if not any(reason == "" for reason in reasons.values()):
        raise Unreached(next((reason for reason in reasons.values() if reason != UNREACHABLE), UNREACHABLE))
    return {address: reason for address, reason in reasons.items() if reason != UNREACHABLE}


async def _refusal(address: str, port: int) -> str:
    try:
        async with asyncio.timeout(ADDRESS_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return SLOW
    except ConnectionRefusedError:
        return REFUSED
    except OSError as error:
        return UNREACHABLE if error.errno in NO_ROUTE else SLOW if error.errno == errno.ETIMEDOUT else REFUSED
    writer.transport.abort()
    return ""


async def certificate_days(place: Place, tls: Tls | None, proxy: Proxy | None) -> int:
    """Return the days that are left of a place's certificate, which is trusted here. Unreached if none is.

    The reason is one of `esb.outgoing.engines.tls_failure`, or tells of the connection.
    """
    context = tls.context if tls is not None else await asyncio.to_thread(ssl.create_default_context)
    name = (tls and tls.server_name) or place.host
    try:
        writer = await _secured(place, context, name, proxy)
    except ssl.SSLError as error:
        raise Unreached(tls_failure(error)) from None
    except (OSError, EOFError, ValueError):
        raise Unreached("the connection was closed before TLS was agreed on") from None
    try:
        return days_left(writer.get_extra_info("peercert") or {})
    finally:
        writer.transport.abort()


def days_left(certificate: Mapping[str, Any]) -> int:
    """Return the days to the end of a certificate, as `ssl` tells it."""
    return int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // 86_400)


async def _secured(place: Place, context: ssl.SSLContext, name: str, proxy: Proxy | None) -> asyncio.StreamWriter:
    if proxy is None:
        _, writer = await asyncio.open_connection(
            place.host, place.port, ssl=context, server_hostname=name, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS
        )
        return writer
    reader, writer = await asyncio.open_connection(proxy.place.host, proxy.place.port, limit=HEAD_BYTES)
    try:
        await _tunnel(place, proxy, reader, writer)
        await writer.start_tls(context, server_hostname=name)
    except BaseException:
        writer.transport.abort()
        raise
    return writer


async def _tunnel(place: Place, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proof = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{proof}\r\n".encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise Unreached(PROXY_REFUSED) from None
    if head.split(b" ", 2)[1:2] != [b"200"]:
        raise Unreached(PROXY_REFUSED)
