"""The bulkheads of hosts: how many requests each upstream gets at once."""

import re
import time
from weakref import WeakValueDictionary

from esb.core.errors import template
from esb.outgoing.bulkhead import Bulkhead

FULL = template("Too many calls of this third-party system are under way, please try again later")
HostKey = tuple[str, str | None]
"""Host of an upstream, and the forward proxy on the way to it: requests with the same key share one bulkhead."""


_HOST = re.compile(r"[^:/?#]*://(?:[^/?#]*@)?([^/?#]*)")


def host_of(url: str) -> str:
    """Return the host of an address, and its port if it names one; "" if it has none."""
    found = _HOST.match(url)
    return "" if found is None else found[1]


class HostBulkheads:
    """The bulkheads of all hosts, each as long as somebody has it."""

    def __init__(self, width: int) -> None:
        """`width`: the number of requests that one host gets at once."""
        self._width = width
        self._bulkheads: WeakValueDictionary[HostKey, Bulkhead] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._bulkheads)

    @property
    def width(self) -> int:
        """The number of requests that one host gets at once."""
        return self._width

    @width.setter
    def width(self, width: int) -> None:
        self._width = width
        for bulkhead in self._bulkheads.values():
            bulkhead.width = width

    @property
    def are_idle(self) -> bool:
        """True if no request is under way, and none waits."""
        return all(bulkhead.is_idle for bulkhead in self._bulkheads.values())

    def of(self, url: str, proxy: str | None) -> Bulkhead:
        """Return the bulkhead of the host of this address, by way of this proxy."""
        key = (host_of(url), proxy)
        bulkhead = self._bulkheads.get(key)
        if bulkhead is None:
            bulkhead = self._bulkheads[key] = Bulkhead(time.monotonic, self._width, FULL)
        return bulkhead
