"""Connections for the httptools engine: resolving names, refusing guarded addresses, TCP, TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import aiohappyeyeballs
import aiohttp

from esb.core.errors import Message
from esb.outgoing.address_guard import is_refused, literal
from esb.outgoing.engine import DEFAULT_BOUNDS, ExchangeError, HeadBounds, NoConnection, Tls
from esb.outgoing.engines.connection import Connection
from esb.outgoing.engines.tls_failure import tls_failure

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
REMEMBERED_SECONDS = 30.0
MOST_NAMES = 1000
HELD_UP_SECONDS = 0.1
FAMILIES: Mapping[int, int] = {4: socket.AF_INET, 6: socket.AF_INET6}
NEXT_ADDRESS_SECONDS = 0.25
"""The seconds after which the next address is tried beside the one before."""


class Names:
    """The addresses of names: resolved once at a time, remembered for a while."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._resolver = aiohttp.ThreadedResolver()
        self._known: dict[tuple[str, int], tuple[float, Sequence[AddressInfo]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[Sequence[AddressInfo]]] = {}

    async def find(self, host: str, port: int) -> Sequence[AddressInfo]:
        """Return the addresses of this host; none, if it has none."""
        key = (host, port)
        known = self._known.get(key)
        if known is not None and known[0] > self._loop.time():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = self._loop.create_task(self._ask(key))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)

    def forget(self, host: str, port: int) -> None:
        """Ask anew for the addresses of this host: at those that are remembered nobody answers."""
        self._known.pop((host, port), None)

    async def close(self) -> None:
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, key: tuple[str, int]) -> Sequence[AddressInfo]:
        try:
            found = await self._resolver.resolve(*key, family=socket.AF_UNSPEC)
        except (OSError, UnicodeError):
            return ()
        addresses = [_address_info(each["host"], each["family"], each["port"]) for each in found]
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[key] = (self._loop.time() + REMEMBERED_SECONDS, addresses)
        return addresses


class Connector:
    """An opener of connections. A failure is NoConnection: nothing was sent."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._names = {guarded: Names(self._loop) for guarded in (False, True)}  # nothing is shared between them
        self._trusting: ssl.SSLContext | None = None

    async def close(self) -> None:
        for names in self._names.values():
            await names.close()

    async def connect(
        self,
        scheme: str,
        host: str,
        port: int,
        tls: Tls | None,
        guarded: bool,
        seconds: float,
        bounds: HeadBounds = DEFAULT_BOUNDS,
    ) -> Connection:
        try:
            async with _within(self._loop, seconds):
                return await self._connect(scheme, host, port, tls, guarded, bounds)
        except TimeoutError:
            reason = Message("the connection could not be established in time")
        except ssl.SSLError as error:  # one of certificates, too
            reason = tls_failure(error)
        except OSError:
            reason = Message("the connection could not be established")
        self._names[guarded].forget(host, port)
        raise NoConnection(reason)  # outside the except clause: the cause names the address

    async def _connect(
        self, scheme: str, host: str, port: int, tls: Tls | None, guarded: bool, bounds: HeadBounds
    ) -> Connection:
        addresses = await self._addresses(host, port, guarded)
        secured, name = None, None
        if scheme == "https":
            secured = await self._default() if tls is None else tls.context
            name = (tls and tls.server_name) or host.rstrip(".")
        make = partial(Connection, self._loop, bounds)
        if len(addresses) == 1:
            address, number = addresses[0][4][:2]
            _, connection = await self._loop.create_connection(make, address, number, ssl=secured, server_hostname=name)
            return connection
        opened = await aiohappyeyeballs.start_connection(
            addresses, loop=self._loop, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS, interleave=1
        )
        try:
            _, connection = await self._loop.create_connection(make, sock=opened, ssl=secured, server_hostname=name)
        except BaseException:
            opened.close()
            raise
        return connection

    async def _addresses(self, host: str, port: int, guarded: bool) -> Sequence[AddressInfo]:
        address = literal(host)
        if address is not None:
            found: Sequence[AddressInfo] = [_address_info(str(address), FAMILIES[address.version], port)]
        else:
            found = await self._names[guarded].find(host, port)
        if not found:
            raise NoConnection(Message("the host name could not be resolved"))
        if not guarded:
            return found
        allowed = [each for each in found if (where := literal(each[4][0])) is None or not is_refused(where)]
        if not allowed:
            raise ExchangeError(Message("its address is link-local or a cloud's metadata, and refused"), sent=False)
        return allowed

    async def _default(self) -> ssl.SSLContext:
        if self._trusting is None:
            # Reading the authorities' certificates takes a while.
            self._trusting = await asyncio.to_thread(ssl.create_default_context)
        return self._trusting


@asynccontextmanager
async def _within(loop: asyncio.AbstractEventLoop, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError inside after so many seconds.

    Time that the loop itself was held up is given back, up to as much again: when thousands of calls come at once, the
    connection may be there, and only its turn not yet.
    """
    end = loop.time() + seconds
    last = end + seconds

    def expire(when: float) -> None:
        now = loop.time()
        late = now - when
        if late > HELD_UP_SECONDS and now < last:
            alarms.append(loop.call_later(late, expire, now + late))
        else:
            scope.reschedule(now)

    alarms = [loop.call_at(end, expire, end)]
    try:
        async with asyncio.timeout(None) as scope:
            yield
    finally:
        for alarm in alarms:
            alarm.cancel()


def _address_info(address: str, family: int, port: int) -> AddressInfo:
    where = (address, port) if family == socket.AF_INET else (address, port, 0, 0)
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)
