"""The keyspaces of the store: the first word of a key, up to its colon, says what the key is for.

Every key begins with one of these, so that two rooms never use the same key.
"""

NONCE = "nonce"
"""Nonces of signed requests that were seen."""
IDEMPOTENCY = "idempotency"
"""Answers to calls with an Idempotency-Key."""
RATE = "rate"
"""Calls of an app to a component, counted against its limits."""
PACE = "pace"
"""Messages to one receiver, counted against the platform's limit."""
QUOTA_GATE = "gate"
"""Refusals of a platform that keep a credential's quota closed."""

TOKEN = "token"  # noqa: S105 - no secret
"""Access tokens of upstreams."""
FETCHING = "fetching"
"""Locks of those who fetch a token."""
AHEAD = "ahead"
"""Marks that somebody refreshes a token ahead of its end."""
REFUSED = "refused"
"""Refusals of a credential by its upstream."""
REPLACED = "replaced"
"""Tokens that were dropped just now, so that another one was fetched."""
PROVEN = "proven"
"""Versions of tokens that an upstream has accepted."""
FAILURES = "failures"
"""Fetches of tokens with secrets that callers sent: refused, or under way."""

SHARE = "share"
"""The keys that one app has in a keyspace where each app has a share."""

PUBLISHED = (f"{QUOTA_GATE}:", f"{TOKEN}:")
"""Beginnings of the keys whose changes are published to every process: each may then keep a copy of its own."""


_SHARED_OUT = (f"{NONCE}:", f"{IDEMPOTENCY}:")
"""Beginnings of the keys that count in the share of an app, which their next word names."""


def key_of(keyspace: str, app: str, rest: str) -> str:
    """Return the key of an app in a keyspace where each app has a share."""
    return f"{keyspace}:{word(app)}:{rest}"


def word(text: str) -> str:
    """Return this text as one word of a key, whatever colons are in it: no two lists of words make the same key."""
    return text.replace("%", "%25").replace(":", "%3A")


def app_of(key: str) -> str:
    """Return the app of a key that `key_of` has made."""
    return key.split(":", 2)[1].replace("%3A", ":").replace("%25", "%")


def share_of(key: str) -> str:
    """Return the share that this key counts in, an app's in its keyspace; "" for one that belongs to all apps."""
    return ":".join(key.split(":", 2)[:2]) if key.startswith(_SHARED_OUT) else ""
