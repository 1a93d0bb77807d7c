"""The contract of what records the synchronous calls of components that send, and its absence."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from esb.config import LedgerConfig
from esb.contracts.middleware import Handler
from esb.core.call import Call

Recording = Callable[[Call, Handler], Awaitable[Any]]
"""A middleware that stands right before a component that sends."""
RecordingOf = Callable[[LedgerConfig | None], Sequence[Recording]]
"""Function that returns what records calls, by the key `ledger`: nothing where none are recorded."""


def no_recording(ledger: LedgerConfig | None) -> Sequence[Recording]:
    """Return nothing: no call is recorded."""
    return ()
