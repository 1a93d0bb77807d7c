"""Listening sockets: bound here, or inherited from a predecessor or a service manager, and handed down to a successor.

A socket that never closes loses no client: whoever connects meanwhile waits in its backlog for the next process.
Source of the service manager's part: sd_listen_fds(3).
"""

import asyncio
import errno
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress

HANDED_DOWN = "ESB_SOCKETS"
"""The variable by which a predecessor hands its sockets down: JSON, name -> host as configured, file descriptors."""
FIRST_PASSED = 3
"""The first file descriptor that a service manager passes."""
PUBLIC, ADMIN, PORTAL, SANDBOX, SANDBOX_SMTP = "public", "admin", "portal", "sandbox", "sandbox_smtp"
BACKLOG = 1024
"""Clients that may connect at the same moment; of more, the system lets some try again after a second."""


class ListeningSockets:
    """The sockets that this process listens on, by the name of their listener."""

    def __init__(
        self,
        inherited: Mapping[str, Sequence[socket.socket]] | None = None,
        hosts: Mapping[str, str] | None = None,
    ) -> None:
        """`hosts`: those for which the inherited ones were bound; a service manager chooses addresses by itself."""
        self._inherited = dict(inherited or {})
        self._hosts = dict(hosts or {})
        self.inherited = bool(inherited)
        """True if there were sockets before this process: others may accept on them until it is ready."""
        self._held: dict[str, Sequence[socket.socket]] = {}
        self.left = False
        """True once a successor has the sockets: what they are bound to stays."""
        self._retirements: list[Callable[[], Awaitable[None]]] = []

    def bound(self, name: str, host: str, port: int) -> Sequence[socket.socket]:
        """Return the sockets of this listener: those that were inherited, if they are for this address, or new ones.

        OSError if the address cannot be had.
        """
        found = self._inherited.pop(name, ())
        if not found or self._hosts.get(name, host) != host or not _has_port(found[0], port):
            _close(found)
            found = bound(host, port)
        self._held[name], self._hosts[name] = found, host
        return found

    def private(self, name: str, path: str) -> socket.socket | None:
        """Return the inherited socket that is bound to this path, if there is one."""
        found = self._inherited.pop(name, ())
        if found and found[0].family == socket.AF_UNIX and found[0].getsockname() == path:
            return found[0]
        _close(found)
        return None

    def close_unused(self) -> None:
        """Close what was inherited and has no listener any more."""
        for found in self._inherited.values():
            _close(found)
        self._inherited.clear()

    def hold(self, name: str, held: socket.socket) -> None:
        """Keep a socket that was bound elsewhere among those that are handed down."""
        self._held[name] = [held]

    def on_retirement(self, retire: Callable[[], Awaitable[None]]) -> None:
        """Let this be run when a successor has taken over: it stops to accept, and ends with the last connection."""
        self._retirements.append(retire)

    async def retire(self, seconds: float) -> None:
        """Leave the sockets to a successor; return when all connections have ended, or after so many seconds."""
        self.left = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(retire() for retire in self._retirements))

    def handed_down(self) -> tuple[str, list[int]]:
        """Return the value of HANDED_DOWN for a successor, and all the file descriptors in it."""
        numbers = {name: [each.fileno() for each in held] for name, held in self._held.items()}
        told = {name: [self._hosts.get(name), found] for name, found in numbers.items()}
        return json.dumps(told), [number for found in numbers.values() for number in found]


def inherited(environ: MutableMapping[str, str]) -> ListeningSockets:
    """Return what these variables say was passed to this process, and remove them: nobody inherits it twice."""
    handed_down: dict[str, tuple[str | None, list[int]]] = json.loads(environ.pop(HANDED_DOWN, "{}"))
    passed = int(environ.pop("LISTEN_FDS", 0)) if environ.pop("LISTEN_PID", "") == str(os.getpid()) else 0
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    hosts = {name: host for name, (host, _) in handed_down.items() if host is not None}
    found = {name: numbers for name, (_, numbers) in handed_down.items()}
    for index in range(passed):
        name = ADMIN if names[index : index + 1] == [ADMIN] else PUBLIC
        found.setdefault(name, []).append(FIRST_PASSED + index)
    return ListeningSockets({name: [_adopted(number) for number in numbers] for name, numbers in found.items()}, hosts)


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _has_port(held: socket.socket, port: int) -> bool:
    """Return True if this socket is bound to the port, or to any of them where 0 asks for that."""
    return held.family != socket.AF_UNIX and port in {0, held.getsockname()[1]}


def _adopted(descriptor: int) -> socket.socket:
    adopted = socket.socket(fileno=descriptor)
    adopted.setblocking(False)
    adopted.set_inheritable(False)
    return adopted


def bound(host: str, port: int) -> list[socket.socket]:
    """Bind a socket to each address of this host, all at one port. OSError, and none of them is bound."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            each = socket.socket(family, kind, protocol)
            made.append(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                each.bind((address[0], made[0].getsockname()[1] if len(made) > 1 else port, *address[2:]))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                missing = error  # of a name with several addresses, one may be of a network that is not there
                made.pop().close()
                continue
            each.setblocking(False)
            each.listen(BACKLOG)
    except OSError:
        _close(made)
        raise
    if missing is not None and not made:
        raise missing
    return made
