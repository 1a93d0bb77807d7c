"""Moving windows in memory: when each key took its places, and what a rule has left to give."""

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence

from esb.store.protocol import Rule, Taken, Window


class Places:
    """Bounded: at most so many keys, and so many places in all; the keys used least recently go first."""

    def __init__(self, most_keys: int, most_places: int) -> None:
        self._most_keys = most_keys
        self._most_places = most_places
        self._keys: OrderedDict[str, array[float]] = OrderedDict()
        self._number = 0

    def take(self, key: str, now: float, rules: Sequence[Rule]) -> Taken:
        """A place for the key, if all rules allow one more."""
        places = self._keys.setdefault(key, array("d"))
        self._keys.move_to_end(key)
        over = tuple(index for index, rule in enumerate(rules) if _counted(places, now, rule) >= rule.limit)
        if not over:
            places.append(now)
            self._number += 1
        self._trim(places, now, rules)
        taken = Taken(tuple(_window(places, now, rule) for rule in rules), over)
        self._bound()
        return taken

    def give_back(self, key: str) -> None:
        """One place less: the one taken last."""
        places = self._keys.get(key)
        if places:
            places.pop()
            self._number -= 1

    def _trim(self, places: "array[float]", now: float, rules: Sequence[Rule]) -> None:
        """Drops what counts no more. Seldom and much at a time: each time moves all that stay."""
        stale = bisect_right(places, now - max((rule.seconds for rule in rules), default=0.0))
        if stale > len(places) // 2:
            del places[:stale]
            self._number -= stale

    def _bound(self) -> None:
        while len(self._keys) > self._most_keys or (self._number > self._most_places and len(self._keys) > 1):
            _, places = self._keys.popitem(last=False)
            self._number -= len(places)


def _counted(places: "array[float]", now: float, rule: Rule) -> int:
    return len(places) - bisect_right(places, now - rule.seconds)


def _window(places: "array[float]", now: float, rule: Rule) -> Window:
    counted = min(rule.limit, _counted(places, now, rule))
    leaves = places[-counted] + rule.seconds - now if counted else 0.0
    return Window(rule.limit - counted, leaves)
