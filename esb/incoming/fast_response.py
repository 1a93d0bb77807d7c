"""Responses whose head and body are ready before aiohttp sees them: nearly every call ends with one. Bench: send."""

import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web
from multidict import CIMultiDict

JSON = "application/json; charset=utf-8"
SERVER = "esb-gateway"
REQUEST_ID = "X-Bkapi-Request-Id"


class JsonResponses:
    """The maker of JSON responses. What many heads have in common is made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._heads: dict[int, str] = {}

    def json(
        self, request: web.BaseRequest, request_id: str, body: bytes, status: int = 200, more: Mapping[str, str] = {}
    ) -> web.StreamResponse:
        """Make the response to this request. No header in `more` may break out of its line, or be one of ours."""
        unread = not request.content.is_eof()
        if unread or more or not request.keep_alive or request.version != (1, 1) or request.method == "HEAD":
            headers = CIMultiDict({"Content-Type": JSON})
            headers.update(more)
            headers.update({REQUEST_ID: request_id, "Server": SERVER})
            response = web.Response(body=body, status=status, headers=headers)
            if unread:  # what is still to come of the body is for nobody
                response.force_close()
            return response
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._heads.clear()
        start = self._heads.get(status) or self._start(status)
        head = f"{start}Content-Length: {len(body)}\r\n{REQUEST_ID}: {request_id}\r\n\r\n"
        return PreparedResponse(request, status, head.encode() + body)

    def _start(self, status: int) -> str:
        """Make what heads with this status begin with in this second."""
        start = self._heads[status] = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {JSON}\r\nServer: {SERVER}\r\n"
            f"Date: {formatdate(self._second, usegmt=True)}\r\n"
        )
        return start


class PreparedResponse(web.StreamResponse):
    """Head and body in one piece, written at once.

    aiohttp's server asks an answer to prepare itself, to write itself, and whether the connection stays: that is all
    there is to this one, so nothing of its base's state is ever set up. It would double the cost of an answer.
    """

    keep_alive = True

    def __init__(self, request: web.BaseRequest, status: int, raw: bytes) -> None:
        self._request = request
        self._raw = raw
        self._status = status

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: head and body are ready."""

    async def write_eof(self, data: bytes = b"") -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._raw)
        await self._request.writer.drain()
