"""The heads of the httptools engine's requests. What is the same for all requests of a kind is written once."""

from collections.abc import Collection, Mapping

from esb.errors import Message
from esb.outgoing.exchange import ExchangeError

BODILESS = frozenset({"GET", "DELETE", "OPTIONS"})
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})
"""Headers that say where a request ends or how it travels: whoever sets one is left to aiohttp."""
OWN: Mapping[str, str] = {
    "accept": "Accept: */*\r\n",
    "accept-encoding": "Accept-Encoding: identity\r\n",  # small answers: packing them costs more than it saves
    "user-agent": "User-Agent: esb-gateway\r\n",
}
BREAKING = frozenset("\r\n\0")
"""Characters with which a name or a value would break out of its line."""
CANNOT_BE_SENT = Message("the request cannot be sent: its address, its proxy or a header is not valid")


class Head:
    """The head of every request with this method, to this target, with headers of these names."""

    __slots__ = ("_sized", "_text")

    def __init__(self, method: str, target: str, host: str, names: Collection[str]) -> None:
        """ExchangeError if one of the names cannot be sent."""
        given = {name.lower() for name in names}
        if not BREAKING.isdisjoint("".join(names)):
            raise ExchangeError(CANNOT_BE_SENT, sent=False)
        own = "".join([line for name, line in OWN.items() if name not in given])
        start = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{own}"
        self._text = start.replace("%", "%%") + "".join([f"{name.replace('%', '%%')}: %s\r\n" for name in names])
        self._sized = method not in BODILESS

    def of(self, headers: Mapping[str, str], size: int) -> bytes:
        """The head with what these headers say, before a body of so many bytes. ExchangeError if it cannot be sent."""
        values = tuple(headers.values())
        joined = "".join(values)
        if not joined.isprintable() and not BREAKING.isdisjoint(joined):
            raise ExchangeError(CANNOT_BE_SENT, sent=False)
        text = self._text % values
        text = f"{text}Content-Length: {size}\r\n\r\n" if size or self._sized else f"{text}\r\n"
        try:
            return text.encode()
        except UnicodeEncodeError:
            pass
        raise ExchangeError(CANNOT_BE_SENT, sent=False)  # outside the except clause: what it caught quotes the head


def is_plain(target: str, names: Collection[str]) -> bool:
    """Whether there is nothing about this target and these headers that is better left to aiohttp."""
    if "#" in target or " " in target or not (target.isascii() and target.isprintable()):
        return False
    return FRAMING.isdisjoint([name.lower() for name in names])
