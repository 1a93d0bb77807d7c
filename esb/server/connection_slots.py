"""Slots for connections, as many as the configuration and the file limit allow.

Beyond them a newcomer has the place of the oldest that asks for nothing.
"""

import asyncio
import errno
import heapq
import resource
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from esb.incoming.refusals import Refusals
from esb.server.connection import Connection

MOST = 20_000
"""Connections where the file limit allows more: idle ones hold some 10 KB each."""
FILES_LEFT = 8
"""One in so many files stays free of callers' connections, whatever the configuration says: for logs and upstreams."""
UPSTREAM_FILES = 4
"""One in so many files is left for upstreams, where the configuration says nothing."""
BATCH = 100
"""One in so many connections is closed at a time to make room: to look for the oldest takes a look at all."""
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ConnectionSlots:
    """The bound on the connections of one listener."""

    def __init__(self, most: int | None, refusals: Refusals) -> None:
        """`most` are connections; None: as many as the file limit allows."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            files = UPSTREAM_FILES * MOST
        self.most = min(MOST, files - files // UPSTREAM_FILES) if most is None else most
        self._files = files - files // FILES_LEFT
        self._refusals = refusals
        self._closing: set[Connection] = set()

    def admit(self, descriptor: int, connections: Collection[Connection]) -> bool:
        """Return True if there is room for a newcomer, which is one of these; False if it has to go again.

        Of all file descriptors the lowest that is free is given out; so a high one tells of how many there are.
        """
        closing = len(self._closing)
        if descriptor - closing >= self._files:
            reason = "files"
        elif len(connections) - closing > self.most:
            reason = "connections"
        else:
            return True
        evicted = self._evict(connections)
        self._refusals.count(reason, evicted or 1)
        return evicted > 0

    def gone(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._closing.discard(connection)

    def _evict(self, connections: Collection[Connection]) -> int:
        """Close some connections that ask for nothing, and return how many: first those that never have, the oldest."""
        number = 1 + len(connections) // BATCH
        idle = (each for each in connections if each.is_idle and each not in self._closing)
        oldest = heapq.nsmallest(number, idle, key=lambda each: (each.has_asked, each.idle_until))
        self._closing.update(oldest)
        for connection in oldest:
            connection.force_close()
        return len(oldest)

    @contextmanager
    def watching_files(self) -> Iterator[None]:
        """Count what the event loop cannot accept for want of files, in the place of a line of the log for each.

        asyncio's own loop tells, and tries again after a second; uvloop closes such connections by itself.
        """
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()
        loop.set_exception_handler(self._instead_of(before))
        try:
            yield
        finally:
            loop.set_exception_handler(before)

    def _instead_of(
        self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]:
        def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if isinstance(error, OSError) and error.errno in OUT_OF_FILES and "socket" in context:
                self._refusals.count("files")
            elif handler is None:
                loop.default_exception_handler(context)
            else:
                handler(loop, context)

        return handle
