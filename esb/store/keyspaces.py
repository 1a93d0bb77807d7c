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

PUBLISHED = (f"{QUOTA_GATE}:", f"{TOKEN}:")
"""Beginnings of the keys whose changes are published to every process: each may then keep a copy of its own."""
