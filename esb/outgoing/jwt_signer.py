"""The token X-Bkapi-JWT, with which the gateway vouches to upstreams for app and user.

Needs PyJWT with cryptography, the extra `jwt`; they are imported when there is a key, since most have none.
"""

from typing import TYPE_CHECKING

from cachetools import LRUCache

from esb.core.call import App, User
from esb.core.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME = 900
EARLIER = 300
"""Seconds before now from which on a token is valid: clocks lag."""
MARGIN = 120
"""Seconds before its end from which on a token is not used any more: the upstream has yet to read it."""
REMEMBERED = 2000
MINIMUM_KEY_BITS = 2048


def key_problem(pem: str) -> str | None:
    """Return the reason why nobody can sign with this private key; None if one can."""
    try:
        import jwt  # noqa: F401 - whoever has a key is to know at start that it cannot be used
    except ImportError:
        return "signing needs PyJWT, which `pip install 'esb-gateway[jwt]'` installs"
    if _key(pem) is not None:
        return None
    return f"expected an RSA private key of at least {MINIMUM_KEY_BITS} bits in PEM form, without a password"


def _key(pem: str) -> "RSAPrivateKey | None":
    """Return the key in this PEM text, if it is one that can sign."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) and key.key_size >= MINIMUM_KEY_BITS else None


class GatewayJwt:
    """A signer of tokens: one for an app and a user, and another shortly before that one ends."""

    def __init__(self, pem: str, clock: Clock) -> None:
        key = _key(pem)
        assert key is not None  # noqa: S101 - the config was checked with key_problem
        self._key = key
        self._clock = clock
        self._tokens: LRUCache[tuple[str, bool, str, bool], tuple[float, str]] = LRUCache(REMEMBERED)

    def token(self, app: App | None, user: User | None) -> str:
        """Return a token that names these two. None becomes an empty name that is not verified."""
        who = (
            app.code if app is not None else "",
            app is not None and app.verified,
            user.username if user is not None else "",
            user is not None and user.verified,
        )
        until, token = self._tokens.get(who, (0.0, ""))
        if not token or self._clock() >= until:
            token = self._signed(*who)
            self._tokens[who] = (self._clock() + LIFETIME - MARGIN, token)
        return token

    def _signed(self, code: str, app_verified: bool, username: str, user_verified: bool) -> str:
        import jwt

        now = int(self._clock.since_1970())
        payload = {
            "app": {"version": 1, "bk_app_code": code, "verified": app_verified},
            "user": {"version": 1, "bk_username": username, "verified": user_verified},
            "iss": "APIGW",
            "nbf": now - EARLIER,
            "exp": now + LIFETIME,
        }
        return jwt.encode(payload, self._key, algorithm="RS512", headers={"kid": "apigw"})
