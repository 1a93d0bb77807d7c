"""Requests for a WebSocket: where there can be one, and for whose pages."""

from aiohttp import web
from multidict import istr

from esb.core.errors import RequestError
from esb.incoming.cors import Cors, is_foreign

UPGRADE = istr("Upgrade")
OF_WEBSOCKETS = "sec-websocket-"
"""The beginning of the headers that make one, in lower case."""


def asks_for_websocket(request: web.BaseRequest, *, cors: Cors | None, streams: bool) -> bool:
    """Return True for a request that asks for a WebSocket. RequestError where there can be none.

    `streams`: its component passes answers on as they come. A browser asks on behalf of any page, with its cookies,
    and lets that page read all that comes: so only those may that `cors` names, and the gateway's own.
    """
    headers = request.headers
    if not request._message.upgrade or headers.get(UPGRADE, "").strip().lower() != "websocket":
        return False
    if not streams or request.method != "GET" or request.version < (1, 1):
        raise RequestError(
            "Parameters error, no WebSocket can be opened here: that takes GET with HTTP/1.1, and a component that "
            "passes answers on as they come"
        )
    if is_foreign(headers, cors):
        raise RequestError("Parameters error, pages of this origin may not open a WebSocket here")
    return True
