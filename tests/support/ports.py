"""Ports for servers that have to be told one."""

import random
import socket
from itertools import cycle

_PORTS = cycle(random.SystemRandom().sample(range(10_000, 30_000), 2_000))
"""Below those that the system gives to connections and to who listens on port 0: nobody gets one of these by chance.

Whoever seeds the random numbers of all processes alike does not give them the same ports.
"""


def free_port() -> int:
    """A port of loopback where nobody listens."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
