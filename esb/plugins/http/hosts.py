"""Several hosts of one upstream: they take turns, and one that could not be reached rests for a while."""

from collections.abc import Sequence

from esb.core.clock import Clock

REST_SECONDS = 10.0


class Hosts:
    """The order in which to try the hosts. Nothing but the next call finds out that one is well again."""

    def __init__(self, hosts: Sequence[str], clock: Clock) -> None:
        self._hosts = tuple(hosts)
        self._clock = clock
        self._rests_until: dict[str, float] = {}
        self._turn = 0

    def in_order(self) -> list[str]:
        """Return all hosts: those that are well first, beginning with another one each time; then those that rest."""
        now = self._clock()
        start = self._turn % len(self._hosts)
        self._turn = start + 1
        order = self._hosts[start:] + self._hosts[:start]
        return sorted(order, key=lambda host: self._rests_until.get(host, now) > now)

    def failed(self, host: str) -> None:
        self._rests_until[host] = self._clock() + REST_SECONDS

    def answered(self, host: str) -> None:
        self._rests_until.pop(host, None)
