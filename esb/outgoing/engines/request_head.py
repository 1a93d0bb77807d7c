"""The heads of the httptools engine's requests. The part that requests of a kind share is written once.

Bench: send, gateway:httptools.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache

from esb.outgoing.engine import CANNOT_BE_SENT, ExchangeError

BODILESS = frozenset({"GET", "DELETE", "OPTIONS"})
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})
"""Headers that say where a request ends or how it travels: whoever sets one is left to aiohttp."""
OWN: Mapping[str, str] = {
    "accept": "Accept: */*\r\n",
    "accept-encoding": "Accept-Encoding: identity\r\n",  # small answers: packing them costs more than it saves
    "user-agent": "User-Agent: esb-gateway\r\n",
}


class Head:
    """The head of every request with this method, to this target, with headers of these names."""

    __slots__ = ("_sized", "_start")

    def __init__(self, method: str, target: str, host: str, names: Collection[str]) -> None:
        given = {name.lower() for name in names}
        own = "".join([line for name, line in OWN.items() if name not in given])
        self._start = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{own}"
        self._sized = method not in BODILESS

    def of(self, headers: Mapping[str, str], size: int) -> bytes:
        """Return the head with these headers, before a body of so many bytes. ExchangeError if it cannot be sent."""
        text = self._start
        for name, value in headers.items():
            if "\r" in value or "\n" in value or "\0" in value:
                raise ExchangeError(CANNOT_BE_SENT, sent=False)
            text = f"{text}{name}: {value}\r\n"
        try:
            return (text + _end(size) if size or self._sized else text + "\r\n").encode()
        except UnicodeEncodeError:
            pass
        raise ExchangeError(CANNOT_BE_SENT, sent=False)  # outside the except clause: what it caught quotes the head


@lru_cache(maxsize=1024)
def _end(size: int) -> str:
    return f"Content-Length: {size}\r\n\r\n"


def is_plain(target: str, names: Collection[str]) -> bool:
    """Return whether nothing about this target and these headers is better left to aiohttp."""
    if "#" in target or " " in target or not (target.isascii() and target.isprintable()):
        return False
    return "".join(names).isprintable() and FRAMING.isdisjoint([name.lower() for name in names])
