"""The names of parameters that speak to the gateway itself, at components that send."""

from esb.core.credential_names import IDENTITIES

IDEMPOTENCY_KEY, DRY_RUN = "idempotency_key", "dry_run"
ASYNC, DELIVER_AT, EXPIRES, CALLBACK, PRIORITY = "async", "deliver_at", "expires", "callback", "priority"
ASYNCHRONOUS = frozenset({ASYNC, DELIVER_AT})
"""Those of which each makes a call asynchronous."""
TERMS = ASYNCHRONOUS | {EXPIRES, CALLBACK, PRIORITY}
"""Those of an asynchronous call; one that its component has itself is the component's."""
SWITCHES = frozenset({IDEMPOTENCY_KEY, DRY_RUN, ASYNC})
"""Those that say nothing of a message."""
NOT_COMPARED = SWITCHES.union(IDENTITIES)
"""Parameters that may differ between a call and its repetition. Secrets are no arguments at all."""
ASKING = SWITCHES | ASYNCHRONOUS
"""Those that ask something of the gateway by themselves."""
