"""Access to the admin listener: by the host that a request names, by token, or by the user at the socket's other end.

What is asked for decides: probes are for anybody, reading and writing as `server.admin` says. The configuration of the
moment counts, so a token is replaced or withdrawn by a reload.
"""

import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from esb.config import Admin
from esb.core import json_codec
from esb.incoming.operator_credentials import bearer, is_known_host, known_token

PROBES = frozenset({"/livez", "/readyz"})
"""Paths for everybody who can connect: orchestrators have no token, and learn nothing else from them."""
ANY_HOST = PROBES | {"/metrics"}
"""Paths that are asked under any name: those of pods and services."""
EXPLAIN = "/-/explain"
READING = frozenset({"GET", "HEAD"})
ROOT = 0
_CREDENTIALS = struct.Struct("iII")
"""struct ucred: process, user, group."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def admission(current: Callable[[], Admin | None]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return the middleware that lets in whom the stanza of the moment lets in."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = None if request.match_info.http_exception else _refusal(request, current())
        return await handler(request) if refusal is None else refusal

    return admit


def _refusal(request: web.Request, admin: Admin | None) -> web.Response | None:
    """Return the answer for whoever may not do this; None for whoever may."""
    tokens = () if admin is None else admin.tokens
    hosts = () if admin is None else admin.hosts
    posts = request.method not in READING
    writes = posts and request.path != EXPLAIN  # which has a body, and changes nothing
    if posts and "Origin" in request.headers:  # a web page that somebody on this machine has open
        return _refused(403, "this is not for web pages")
    peer = _peer(request)
    if peer is None and request.path not in ANY_HOST and not is_known_host(request.headers.getall("Host", ()), hosts):
        return _refused(403, "not an address, localhost or one of server.admin.hosts: who asked for this name?")
    if peer in {ROOT, os.geteuid()} or known_token(bearer(request.headers.get("Authorization", "")), tokens):
        return None
    if not tokens:
        return _refused(403, "writing needs a token, and server.admin.tokens declares none") if writes else None
    if writes or (admin is not None and admin.read == "token" and request.path not in PROBES):
        return _refused(401, "a token of server.admin.tokens is needed: Authorization: Bearer TOKEN")
    return None


def proven_token(request: web.Request, admin: Admin | None) -> str:
    """Return the token that a request shows, if it is one of the stanza's or the gateway's own user shows it; or ""."""
    token = bearer(request.headers.get("Authorization", ""))
    is_own = _peer(request) in {ROOT, os.geteuid()}
    return token if is_own or known_token(token, () if admin is None else admin.tokens) else ""


def asked_by(request: web.Request, admin: Admin | None) -> str:
    """Return the name of who asks: that of the token, or of the user at the socket's other end; "" of nobody known."""
    token = bearer(request.headers.get("Authorization", ""))
    known = known_token(token, () if admin is None else admin.tokens)
    if known is not None:
        return known.name
    peer = _peer(request)
    if peer is None:
        return ""
    try:
        return pwd.getpwuid(peer).pw_name
    except KeyError:  # a container's user that has no name
        return str(peer)


def _peer(request: web.Request) -> int | None:
    """Return the user at the other end of a Unix socket; None over TCP."""
    connection = None if request.transport is None else request.transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user


def _refused(status: int, why: str) -> web.Response:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = 'Bearer realm="esb admin"'
    return web.Response(body=json_codec.encode({"error": why}) + b"\n", status=status, headers=headers)
