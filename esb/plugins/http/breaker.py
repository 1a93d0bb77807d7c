"""A circuit breaker: after so many failures in a row no call goes out for a while, and then a single one.

Closed -> open after `failures` in a row -> half-open after `seconds`: the next call goes out as a probe. Its success
closes the breaker, its failure opens it again. Each app has a breaker of its own, so that requests of one at which an
upstream fails shut out no other; and what a caller does (a slow body, a broken one, leaving) is no failure at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from esb.core.call import Call
from esb.core.clock import Clock
from esb.core.errors import Message, Unreachable, UpstreamError
from esb.core.lru import Recent
from esb.outgoing.client import Target
from esb.plugins.http.upstream_time import UpstreamTime

MOST_APPS = 10_000
"""The most breakers of one upstream; that of the app which called least recently goes first."""


@dataclass(slots=True)
class Attempt:
    """One call that the breaker let pass. `ill`: it was answered, and the answer was that the upstream is ill."""

    time: UpstreamTime
    period: int = 0
    ill: bool = False


class Breakers:
    """The breakers of one upstream, one for each app."""

    def __init__(self, failures: int, seconds: float, clock: Clock) -> None:
        self._new = partial(Breaker, failures, seconds, clock)
        self._breakers: Recent[str, Breaker] = Recent(MOST_APPS)

    def of(self, call: Call) -> "Breaker":
        app = "" if call.app is None else call.app.code
        breaker = self._breakers.used(app)
        if breaker is None:
            breaker = self._breakers[app] = self._new()
        return breaker

    def seconds_shut(self, app: str) -> float | None:
        """Return after how many seconds a call of this app may go out; None if one may go out now."""
        breaker = self._breakers.get(app)
        return None if breaker is None else breaker.seconds_shut()

    def shut(self) -> Iterator[tuple[str, float]]:
        """Yield the apps whose calls do not go out, and after how many seconds one may."""
        for app, breaker in self._breakers.items():
            seconds = breaker.seconds_shut()
            if seconds is not None:
                yield app, seconds


class Breaker:
    """A breaker of one upstream. Calls that began before it opened or closed no longer count."""

    def __init__(self, failures: int, seconds: float, clock: Clock) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False
        self._period = 0

    def seconds_shut(self) -> float | None:
        """Return after how many seconds a call may go out; None if one may go out now."""
        if self._opened is None:
            return None
        left = self._opened + self._seconds - self._clock()
        return max(left, 0.0) if left > 0 or self._probing else None

    @contextmanager
    def attempt(self, target: Target, time: UpstreamTime) -> Iterator[Attempt]:
        """Count the call inside. UpstreamError at once while the breaker is open."""
        attempt = self._admitted(target, time)
        try:
            yield attempt
        except UpstreamError as error:
            self._ended(attempt, ill=is_ill(error), whole=time.is_whole or isinstance(error, Unreachable))
            raise
        except BaseException:
            self._abandoned(attempt)  # it never came to asking, or nobody waited for the answer
            raise
        self._ended(attempt, ill=attempt.ill, whole=time.is_whole)

    def _admitted(self, target: Target, time: UpstreamTime) -> Attempt:
        if (left := self.seconds_shut()) is not None:
            raise refusal(target, left)
        self._probing = self._opened is not None
        return Attempt(time, self._period)

    def _ended(self, attempt: Attempt, *, ill: bool, whole: bool) -> None:
        """Count an attempt. `whole`: the upstream had all that it needs of the caller for what it did."""
        if not ill:
            self._succeeded(attempt)
        elif whole and attempt.time.is_fair:
            self._failed(attempt)
        else:
            self._abandoned(attempt)  # the caller's own doing, perhaps

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
        self._period += 1


def refusal(target: Target, left: float) -> UpstreamError:
    """Make the error of a call that an open breaker does not let out, for so many seconds more."""
    reason = Message(
        "too many requests in a row have failed, the next one is tried in {seconds:.0f} seconds", {"seconds": left}
    )
    return UpstreamError(target.system, target.interface, reason, sent=False)


def is_ill(error: UpstreamError) -> bool:
    """Return True for an upstream that is ill, False for a request that it did not like."""
    return error.http_status is None or error.http_status >= 500
