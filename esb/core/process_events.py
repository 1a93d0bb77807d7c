"""Events of a process of the gateway: it is ready or cannot be, it has ended, and nobody read its log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """A process of the gateway is ready. `process` is gateway, supervisor or worker; `address` where callers come.

    `file` is the configuration that it serves, and `hash` a digest of that and of what it includes.
    """

    process: str
    version: str
    pid: int
    file: str
    hash: str
    address: str


@dataclass(frozen=True, slots=True)
class Stopped(Started):
    """A process of the gateway has ended as it was asked to, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A process of the gateway does not start, for these reasons."""

    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RestartFinished:
    """A restart in place ended: a successor with this `pid` took over; or none did, for the reason `trouble`."""

    pid: int
    trouble: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LastGoodServed:
    """At the start esb.yaml was wrong, so what answers is the last good configuration, kept in this `file`."""

    file: str
    mistakes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastGoodNotKept:
    """The configuration that answers could not be kept in this `file`, for the `reason` that the system gives."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class LogLinesDropped:
    """So many lines of the log were dropped, since nobody read it or it could not be written."""

    lines: int


@dataclass(frozen=True, slots=True)
class DatabaseTurned:
    """The database went away, for the reason `trouble`; or, if that is "", came back."""

    trouble: str


@dataclass(frozen=True, slots=True)
class UseDropped:
    """So many calls of apps are not recorded as use: the database was away for too long, or did not take them."""

    calls: int


@dataclass(frozen=True, slots=True)
class KeysUnprotected:
    """So many calls had an idempotency key that is not protected, since the last such event: a repetition sends again.

    `reason`: process, there is neither a database nor a shared store; away, it could not be asked; full, their app has
    too many keys.
    """

    reason: str
    keys: int


ProcessEvent = (
    Started
    | NotStarted
    | Stopped
    | RestartFinished
    | LastGoodServed
    | LastGoodNotKept
    | LogLinesDropped
    | DatabaseTurned
    | UseDropped
    | KeysUnprotected
)
