"""A circuit breaker: after so many failures in a row no call goes out for a while, and then a single one.

Closed -> open after `failures` in a row -> half-open after `seconds`: the next call goes out as a probe. Its success
closes the breaker, its failure opens it again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from esb.core.clock import Clock
from esb.core.errors import Message, UpstreamError
from esb.outgoing.client import Target


@dataclass(slots=True)
class Attempt:
    """One call that the breaker let pass. `ill`: it was answered, and the answer was that the upstream is ill."""

    period: int = 0
    ill: bool = False


class Breaker:
    """The breaker of one upstream. Calls that began before it opened or closed no longer count."""

    def __init__(self, failures: int, seconds: float, clock: Clock) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False
        self._period = 0

    @contextmanager
    def attempt(self, target: Target) -> Iterator[Attempt]:
        """Count the call inside. UpstreamError at once while the breaker is open."""
        attempt = self._admitted(target)
        try:
            yield attempt
        except UpstreamError as error:
            if is_ill(error):
                self._failed(attempt)
            else:
                self._succeeded(attempt)
            raise
        except BaseException:
            self._abandoned(attempt)  # it never came to asking, or nobody waited for the answer
            raise
        if attempt.ill:
            self._failed(attempt)
        else:
            self._succeeded(attempt)

    def _admitted(self, target: Target) -> Attempt:
        if self._opened is not None:
            left = self._opened + self._seconds - self._clock()
            if left > 0 or self._probing:
                raise _refusal(target, max(left, 0.0))
            self._probing = True
        return Attempt(self._period)

    def _failed(self, attempt: Attempt) -> None:
        if attempt.period != self._period:
            return
        self._failures += 1
        if self._probing or self._failures >= self._limit:
            self._turn(self._clock())

    def _succeeded(self, attempt: Attempt) -> None:
        if attempt.period != self._period:
            return
        if self._probing:
            self._turn(None)
        self._failures = 0

    def _abandoned(self, attempt: Attempt) -> None:
        if attempt.period == self._period:
            self._probing = False

    def _turn(self, opened: float | None) -> None:
        self._opened = opened
        self._probing = False
        self._failures = 0
        self._period += 1


def _refusal(target: Target, left: float) -> UpstreamError:
    reason = Message(
        "too many requests in a row have failed, the next one is tried in {seconds:.0f} seconds", {"seconds": left}
    )
    return UpstreamError(target.system, target.interface, reason, sent=False)


def is_ill(error: UpstreamError) -> bool:
    """Return True for an upstream that is ill, False for a request that it did not like."""
    return error.http_status is None or error.http_status >= 500
