"""The words of whoever writes: who it is, the terms of a right, a new secret. Nothing here needs a library."""

import secrets
from dataclasses import dataclass
from typing import Literal

LONGEST_ACTOR = 255
SECRET_BYTES = 24
Via = Literal["cli", "admin", "apply", "import"]


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


def new_secret() -> str:
    """Return a new secret, in characters that need no quotes anywhere."""
    return secrets.token_hex(SECRET_BYTES)
