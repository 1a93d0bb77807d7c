"""Every request to a third-party system is told as an event, however it ends."""

import asyncio
import time
from typing import Self

from esb.call import Call
from esb.errors import Limited, UpstreamError
from esb.observe import Observer, UpstreamFinished
from esb.outgoing.exchange import Target


class Telling:
    """Tells one request as an event, however it ends."""

    __slots__ = ("_call_id", "_observer", "_started", "_target", "errcode", "status")

    def __init__(self, observer: Observer, call: Call | None, target: Target) -> None:
        self._observer = observer
        self._call_id = call.id if call is not None else ""
        self._target = target
        self.status: int | None = None
        self.errcode: int | str | None = None

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        failure = "" if error is None else _short(error)
        seconds = time.monotonic() - self._started
        self._observer.emit(
            UpstreamFinished(
                self._call_id,
                self._target.system,
                self._target.interface,
                self.status,
                self.errcode,
                failure,
                seconds,
            )
        )


def _short(error: BaseException) -> str:
    """What an event tells of an error."""
    match error:
        case UpstreamError():
            return str(error.reason)
        case Limited():
            return "too many requests are under way"
        case asyncio.CancelledError():
            return "cancelled"
    return type(error).__name__
