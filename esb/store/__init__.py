"""What must be one for the whole gateway, however many processes it has. Back ends are files of this folder."""

from typing import Protocol


class Store(Protocol):
    """The gateway's shared memory. It lives as long as the process: a reload neither empties nor replaces it."""

    async def add(self, key: str, seconds: float) -> bool:
        """Remembers `key` for `seconds` unless it is remembered already; whether it was new.

        Atomic: of any number of callers with the same key at the same time, one is told that it was new.
        UpstreamError when the store cannot remember the key; nothing it promised to remember is given up for another.
        """
        ...

    async def close(self) -> None: ...
