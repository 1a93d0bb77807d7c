"""The keyspaces of the store: the first word of a key, up to its colon, says what the key is for.

Whoever makes a key begins it with one of these, so that no two of them ever mean the same key.
"""

NONCE = "nonce"
"""Nonces of signed requests that were seen."""
IDEMPOTENCY = "idempotency"
"""What calls with an Idempotency-Key were answered."""
RATE = "rate"
"""Calls of an app to a component, counted against its limits."""
PACE = "pace"
"""Messages to one receiver, counted against the platform's limit."""
GATE = "gate"
"""Refusals of a platform that keep a credential's quota closed."""

TOKEN = "token"  # noqa: S105 - no secret
"""Access tokens of upstreams."""
FETCHING = "fetching"
"""Locks of those who fetch one."""
AHEAD = "ahead"
"""Tokens whose refresh ahead of their end somebody has taken on."""
REFUSED = "refused"
"""Refusals of a credential."""
REPLACED = "replaced"
"""Tokens that were dropped just now, so that another one was fetched."""
PROVEN = "proven"
"""Versions of tokens that an upstream has accepted."""
FAILURES = "failures"
"""Fetches with secrets that callers sent: refused, or under way."""

TOLD = (f"{GATE}:", f"{TOKEN}:")
"""What the keys begin with whose changes are told to every process: each may then keep a copy of its own."""
