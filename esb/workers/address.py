"""The address that all workers listen on."""

import socket
from typing import Any


def shared_address(host: str, port: int) -> tuple[socket.socket, int]:
    """Holds an address that several processes may listen on, and its port. OSError if it is taken.

    The socket never listens, so no connection ever comes to it; it keeps port 0's choice for the workers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    _bound(
        found, socket.SO_REUSEADDR
    ).close()  # who shares is let in where another gateway shares: ask as one who does not
    held = _bound(found, socket.SO_REUSEPORT)
    return held, held.getsockname()[1]


def _bound(found: tuple[Any, ...], option: int) -> socket.socket:
    family, kind, protocol, _, address = found
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
