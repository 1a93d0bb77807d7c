"""The words of whoever writes: who it is, the kind of write, the terms of a right, a new secret. Without libraries."""

import secrets
from dataclasses import dataclass
from typing import Literal, get_args

LONGEST_ACTOR = 255
LONGEST_SECRET = 255
SECRET_BYTES = 24
Via = Literal["cli", "admin", "portal", "apply", "import", "callback"]
Action = Literal[
    "app.create",
    "app.set",
    "app.disable",
    "app.enable",
    "app.delete",
    "secret.add",
    "secret.retire",
    "grant.add",
    "grant.revoke",
    "impersonation.add",
    "impersonation.revoke",
    "owner.add",
    "owner.remove",
    "callback.add",
    "callback.remove",
    "callback.off",
    "callback.on",
    "delivery.recall",
]
"""The kinds of writes, as the history names them."""
Impersonate = Literal["impersonate"]
"""The kind of the history's other rows: calls in somebody's name."""
HistoryAction = Literal[Action, Impersonate]
ACTIONS: tuple[HistoryAction, ...] = get_args(HistoryAction)
"""All kinds of rows that a history may have."""
AppState = Literal["active", "disabled", "expired"]
"""The states by which apps are listed; one that is switched off may have ended, too."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who writes, such as `cli:root` or `admin:ops`, and by which way."""

    name: str
    via: Via

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= LONGEST_ACTOR:
            raise ValueError(f"an actor has a name of at most {LONGEST_ACTOR} characters")


@dataclass(frozen=True, slots=True)
class Terms:
    """Begin and end of a right, in milliseconds since 1970 (None: at once, never), and why it is given."""

    since: int | None = None
    until: int | None = None
    reason: str = ""


ALWAYS = Terms()


def is_secret(text: str) -> bool:
    """Return True if a text can be a secret: callers can send it, and no blank at its end gets lost on the way."""
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and text == text.strip()


def new_secret() -> str:
    """Return a new secret, in characters that need no quotes anywhere."""
    return secrets.token_hex(SECRET_BYTES)
