"""A Unix socket that only the gateway's own user and root may open."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

OWNER_ONLY = 0o600


@contextmanager
def private_socket(path: str, kept: Callable[[], bool] = lambda: False) -> Iterator[socket.socket]:
    """Yield a socket that is bound to this path and does not listen yet; the path is removed on leaving.

    It stays if it is `kept` by then, for a successor that listens on the same socket.

    Raises OSError if somebody listens there, or something else than a socket is there.
    """
    _remove_abandoned(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        held.bind(path)
        os.chmod(path, OWNER_ONLY)  # before it listens: nobody gets in earlier
        own = os.stat(path)
        try:
            yield held
        finally:
            with suppress(OSError):
                if not kept() and os.path.samestat(os.stat(path), own):  # and not that of another process
                    os.unlink(path)


def _remove_abandoned(path: str) -> None:
    """Remove a socket on which nobody listens any more: its process was killed."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.setblocking(False)
            asking.connect(path)
    except ConnectionRefusedError:
        os.unlink(path)
    except OSError:
        return  # there is none, or one that is busy: bind tells
