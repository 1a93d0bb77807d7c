"""Sessions of operators who logged in with a token, and what keeps foreign pages from posting in anybody's name.

A session lies in this process alone: a restart ends all of them. It lasts no longer than its token stands in esb.yaml.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from esb.config import AdminToken
from esb.core.clock import Clock
from esb.core.lru import Recent

SESSION, VISITOR = "esb_session", "esb_visitor"
HOST_ONLY = "__Host-"
"""A beginning of names for which browsers ask Secure, Path=/ and no Domain; over plain HTTP there is none."""
LASTS = 12 * 3600.0
"""Seconds of a session: a working day."""
SESSIONS = 1000
BITS = 32
"""Random bytes of a cookie, and of the key."""


@dataclass(frozen=True, slots=True)
class _Session:
    digest: str = field(repr=False)
    ends: float


class Sessions:
    """Those who have logged in, by the value of their cookie."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(BITS)
        self._sessions: Recent[str, _Session] = Recent(SESSIONS)

    def begin(self, token: AdminToken) -> str:
        """Return the identity of a new session in the name of this token."""
        identity = new_identity()
        self._sessions[identity] = _Session(token.hexadecimal, self._clock() + LASTS)
        return identity

    def end(self, identity: str) -> None:
        """Forget a session."""
        self._sessions.pop(identity, None)

    def token_of(self, identity: str, tokens: Sequence[AdminToken]) -> AdminToken | None:
        """Return the token with which a session began, if it has not ended and the token still stands there."""
        session = self._sessions.used(identity)
        if session is None:
            return None
        token = next((each for each in tokens if each.hexadecimal == session.digest), None)
        if token is None or session.ends <= self._clock():
            self.end(identity)
            return None
        return token

    def csrf(self, visitor: str, session: str) -> str:
        """Return what the forms of this visitor carry."""
        return hmac.new(self._key, f"{visitor} {session}".encode(), hashlib.sha256).hexdigest()


def new_identity() -> str:
    """Return the value of a cookie that nobody guesses."""
    return secrets.token_urlsafe(BITS)


def cookie(request: web.Request, name: str) -> str:
    """Return the value of a cookie of ours, "" if there is none."""
    return request.cookies.get(_name(name, is_secure=is_secure(request)), "")


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    """Set a cookie of ours until the browser ends; "" takes it away. A session does not come along from other sites."""
    secure = is_secure(request)
    if value:
        strict = "Strict" if name == SESSION else "Lax"
        response.set_cookie(_name(name, is_secure=secure), value, httponly=True, secure=secure, samesite=strict)
    else:
        response.del_cookie(_name(name, is_secure=secure), secure=secure, httponly=True)


def is_secure(request: web.Request) -> bool:
    """Return True if the browser speaks HTTPS, as the proxy before us says; a liar only loses a cookie of his own."""
    return request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _name(name: str, *, is_secure: bool) -> str:
    return HOST_ONLY + name if is_secure else name
