"""Sliding windows in memory: the instants at which each key took its permits, and those that a rule has left."""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence

from esb.store.protocol import Rule, Taken, Window


class SlidingWindows:
    """The permits of each key. Bounded: at most `most_keys`, and `most_permits` in all; those not used go first."""

    def __init__(self, most_keys: int, most_permits: int) -> None:
        self._most_keys = most_keys
        self._most_permits = most_permits
        self._keys: OrderedDict[str, array[float]] = OrderedDict()
        self._number = 0

    def take(self, key: str, now: float, rules: Sequence[Rule]) -> Taken:
        """Take a permit for the key, if all rules allow one more."""
        instants = self._keys.setdefault(key, array("d"))
        self._keys.move_to_end(key)
        over = tuple(index for index, rule in enumerate(rules) if _counted(instants, now, rule) >= rule.limit)
        if not over:
            instants.append(now)
            self._number += 1
        self._trim(instants, now, rules)
        taken = Taken(tuple(_window(instants, now, rule) for rule in rules), over)
        self._bound()
        return taken

    def windows(self, key: str, now: float, rules: Sequence[Rule]) -> Sequence[Window]:
        """Return the window of each rule, and take nothing."""
        instants = self._keys.get(key) or array("d")
        return [_window(instants, now, rule) for rule in rules]

    def give_back(self, key: str) -> None:
        """Give back the permit that was taken last."""
        instants = self._keys.get(key)
        if instants:
            instants.pop()
            self._number -= 1

    def _trim(self, instants: "array[float]", now: float, rules: Sequence[Rule]) -> None:
        """Drop permits that count no more. Seldom and many at a time: each time moves all that stay."""
        stale = bisect_right(instants, now - max(rule.seconds for rule in rules))
        if stale > len(instants) // 2:
            del instants[:stale]
            self._number -= stale

    def _bound(self) -> None:
        while len(self._keys) > self._most_keys or (self._number > self._most_permits and len(self._keys) > 1):
            _, instants = self._keys.popitem(last=False)
            self._number -= len(instants)


def _counted(instants: "array[float]", now: float, rule: Rule) -> int:
    return len(instants) - bisect_right(instants, now - rule.seconds)


def _window(instants: "array[float]", now: float, rule: Rule) -> Window:
    counted = min(rule.limit, _counted(instants, now, rule))
    leaves = instants[-counted] + rule.seconds - now if counted else 0.0
    return Window(rule.limit - counted, leaves)
