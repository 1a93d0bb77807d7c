"""aiohttp's side of a connection, but for two things: it has a maximum age, and nothing behind a 204 is read.

Some servers send a body, or an empty chunk, behind a 204, which has none; aiohttp would take it for the next answer.
"""

import asyncio
import re
from functools import partial
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

from esb.outgoing.engine import MOST_SECONDS, has_dirty_end

_END = re.compile(rb"\n\r?\n")
_WITHOUT_BODY = frozenset({b"204", b"304"})
_STATUS = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))


class BoundedProtocol(ResponseHandler):
    """A connection to an upstream."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._ends = loop.time() + MOST_SECONDS
        self._begun: bytes | None = None
        """The heads that have come, as long as the answer may turn out to be one without a body; None: it is not."""

    def set_response_params(self, **params: Any) -> None:
        """Begin to wait for an answer, the last one if the connection is old. aiohttp calls it."""
        self._begun = b""
        if self._loop.time() >= self._ends:
            self._should_close = True
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take what the upstream sends."""
        if self._begun is not None and data:
            usual = not self._begun and len(data) > _STATUS.stop and data[9:10] == b"2" and data[_STATUS] != b"204"
            if usual:  # nearly always; bench: send
                self._begun = None
            else:
                data = self._without_rest(data, self._begun)
        super().data_received(data)

    def _without_rest(self, data: bytes, before: bytes) -> bytes:
        """Return what has come, without what stands behind the head of an answer that has no body."""
        begun = before + data
        while True:
            status = begun[_STATUS]
            is_interim = status[:1] == b"1" and status != b"101"
            if len(status) == len(b"200") and not is_interim and status not in _WITHOUT_BODY:
                self._begun = None
                return data
            end = _END.search(begun)
            if end is None:
                self._begun = begun
                return data
            head, rest = begun[: end.end()], begun[end.end() :]
            if not is_interim:
                break
            begun = rest
        self._begun = None
        if rest or (status == b"204" and has_dirty_end(head)):
            self._should_close = True
        return data[: len(data) - len(rest)]


def use_bounded_protocol(connector: aiohttp.TCPConnector) -> None:
    """Let this connector make such connections."""
    connector._factory = cast(Any, partial(BoundedProtocol, loop=connector._loop))
