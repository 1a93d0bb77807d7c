"""aiohttp's request, but for two things: a short body goes out right behind its head, and no Content-Type is made up.

aiohttp makes a task of every body, since some come piece by piece. For a body that is at hand the task, and what is
built for it, are a sixth of what a request costs; to say for each request which header not to make up is another part.
Bench: send, gateway:aiohttp.
"""

from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.connector import Connection

SHORT = 64 * 1024 if hasattr(aiohttp.ClientRequest, "send") else -1
"""Bytes that are handed to the transport at once, whoever reads them. None, if an aiohttp to come calls no `send`."""
NOT_REPEATED = frozenset({hdrs.METH_POST, hdrs.METH_PATCH})
"""The methods that aiohttp never sends a second time by itself, when it would have to find the body again."""


class PromptRequest(aiohttp.ClientRequest):
    """A request_class for aiohttp.ClientSession."""

    POST_METHODS: set[str] = set()  # noqa: RUF012 - as in aiohttp: methods for which a Content-Type is made up
    _prompt: bytes | None = None

    def update_body_from_data(self, body: Any, *more: Any) -> None:
        """Keep a short body for `send`, and set the headers that describe the body. aiohttp calls it."""
        if type(body) is bytes and len(body) <= SHORT and self.method in NOT_REPEATED:
            self._prompt = body
            self.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        else:
            self._take(body, *more)

    def _take(self, body: Any, *more: Any) -> None:
        is_told = hdrs.CONTENT_TYPE in self.headers
        super().update_body_from_data(body, *more)
        if not is_told:
            self.headers.popall(hdrs.CONTENT_TYPE, None)

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send the head, and a short body right behind it. aiohttp calls it, with the connection."""
        body, protocol = self._prompt, conn.protocol
        response = await super().send(conn)
        if body and protocol is not None and protocol.transport is not None:
            protocol.transport.write(body)
        return response
