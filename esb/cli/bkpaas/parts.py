"""The parts of a plan: apps, rights, components, and what is left behind. None shows a secret when it is printed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

Fate = Literal["carried", "kept", "extended", "dropped", "undecided"]
"""The fate of a grant: as it is; over, and kept without an end; over, and extended; over, and left out; not chosen."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, and the column that it stands in; or, in a stanza, the name of its file."""

    source: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppPart:
    """An app, and its secrets: all of them are valid at once."""

    code: str
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class GrantPart:
    """A right of an app for one component. `until`: as the old ESB has it, None for never. `end`: as it will be."""

    app: str
    component: str
    until: datetime | None
    end: datetime | None
    fate: Fate
    sources: tuple[str, ...]
    last_used: datetime | None

    @property
    def is_carried(self) -> bool:
        return self.fate in {"carried", "kept", "extended"}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of the old ESB. `name`: as rights call its component here. `level`: 0 is open to every app."""

    number: int
    path: str
    name: str
    methods: tuple[str, ...]
    """Empty: GET and POST."""
    codename: str
    is_active: bool
    level: int
    timeout: int | None
    """Seconds; None: none was set."""
    config: Mapping[str, Any] = field(repr=False)
    limits: Any
    """The rate limits as they stand there; None for none."""
    declared_name: str = ""


@dataclass(frozen=True, slots=True)
class Collision:
    """A name that several channels share, or that not the path gives. `gains`: apps to which it opens more."""

    name: str
    channels: tuple[Channel, ...]
    text: str
    gains: tuple[str, ...] = ()


class Limit(NamedTuple):
    """Calls in so many minutes."""

    tokens: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The rate limits of a component: of every app, and of some. `is_written`: its stanza has them."""

    component: str
    default: tuple[Limit, ...]
    apps: Mapping[str, tuple[Limit, ...]]
    is_written: bool


@dataclass(frozen=True, slots=True)
class ComponentPart:
    """A component that a stanza declares. A `Secret` in the stanza stands for a file with it."""

    name: str
    source: str
    stanza: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """A thing that is not carried over, and why; `last_used` where the old ESB knew. Several alike are one."""

    kind: str
    table: str
    name: str
    text: str
    last_used: datetime | None = None
    count: int = 1
