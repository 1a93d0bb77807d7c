"""The address that all workers listen on."""

import socket
from typing import Any


def shared_address(host: str, port: int) -> tuple[socket.socket, int]:
    """Hold an address that several processes may listen on, and return its socket and port. OSError if it is taken.

    The socket never listens, so no connection ever comes to it; it keeps port 0's choice for the workers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # Who shares is let in where another gateway shares: ask first as one who does not.
    _bound(found, socket.SO_REUSEADDR).close()
    held = _bound(found, socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    # Connections of a gateway that was here before may linger; from now on nobody is let in who does not share.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return held, held.getsockname()[1]


def _bound(found: tuple[Any, ...], *options: int) -> socket.socket:
    family, kind, protocol, _, address = found
    bound = socket.socket(family, kind, protocol)
    try:
        for option in options:
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
