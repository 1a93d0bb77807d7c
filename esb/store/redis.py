"""A store in a Redis server (6 or newer, or Valkey), for many processes on many machines.

Keys are digests behind their keyspace, values are encrypted, and everything expires.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

from redis.exceptions import NoScriptError

from esb.core.events import Observer, StoreTurned
from esb.store.encryption import ValueCipher
from esb.store.keyspaces import PUBLISHED, SHARE, share_of
from esb.store.protocol import ChangeListener, Kept, Reserved, Rule, ShareFull, StoreAway, Swapped, Taken, Window
from esb.store.redis_connection import Argument, RedisConnection
from esb.store.redis_copies import Copies
from esb.store.redis_scripts import ADD, DROP, READ, RESERVE, RESERVED, SETTLE, SWAP, TAKE, VERSION, WINDOWS, Script

MOST_KEYS = 200
"""The most keys of one script: a server does nothing else meanwhile."""
MOST_OF_AN_APP = 500_000
"""The most keys that one app may add in SHARE_SECONDS, and the most values that it may have: some 100 MB of either."""
SHARE_SECONDS = 600.0
"""The time for which added keys are counted, about that for which a nonce counts: 800 signed calls a second."""
RECEIPT_BITS = 53
"""The bits that a float holds of a number."""


class RedisStore:
    """One process's view of a store in Redis. While the server is away, every method raises StoreAway."""

    shared = True

    def __init__(self, url: str, prefix: str, cipher: ValueCipher, observer: Observer) -> None:
        self._prefix = prefix
        self._channel = f"{prefix}changes"
        self._cipher = cipher
        self._observer = observer
        self._listeners: list[ChangeListener] = []
        self._copies = Copies()
        self._connection = RedisConnection(
            url, self._channel, heard=self._heard, joined=self._joined, turned=self._turned
        )
        self._settling: set[asyncio.Task[None]] = set()

    @property
    def trouble(self) -> str:
        return self._connection.trouble

    async def open(self) -> None:
        await self._connection.open()

    async def close(self) -> None:
        await self._connection.close()
        await asyncio.gather(*self._settling, return_exceptions=True)

    async def add(self, key: str, seconds: float) -> bool:
        share = self._share(key)
        arguments = (_milliseconds(seconds), MOST_OF_AN_APP, _milliseconds(SHARE_SECONDS))
        added = await self._run(ADD, [key, *share], *arguments)
        if added < 0:
            raise ShareFull(-added / 1000)
        return bool(added)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        await self._swap(key, "*", value, seconds)

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        if strict or not key.startswith(PUBLISHED):
            return await self._read(key)
        found, kept = self._copies.find(key)
        if found and not self.trouble:
            return kept
        heard = self._copies.heard
        kept = await self._read(key)
        self._copies.keep(key, kept, heard)
        return kept

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        while True:
            version, raw, milliseconds = await self._swap(key, seen, value, seconds)
            if raw is None:
                return Swapped(True, Kept(value, seconds, version))
            kept = self._opened(key, raw, milliseconds)
            if kept is not None:
                return Swapped(False, kept)
            seen = raw[:VERSION].decode("latin-1")  # by a key that is gone, or for another place: nothing

    async def drop(self, key: str, version: str) -> bool:
        dropped = bool(await self._run(DROP, [key, *self._share(key)], version, *self._publication(key, "")))
        self._copies.change(key, "")
        return dropped

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float, held: float
    ) -> Reserved:
        receipt = secrets.randbits(RECEIPT_BITS)
        rule = (times, limit, _microseconds(seconds), _microseconds(patience), _microseconds(held), receipt)
        waits: list[float] = []
        for first in range(0, len(keys), MOST_KEYS):
            answer = await self._run(RESERVE, keys[first : first + MOST_KEYS], *rule)
            waits += [int(wait) / 1e6 for wait in answer]
        return waits, receipt

    async def settle(self, keys: Sequence[str], receipt: float, times: int) -> None:
        task = asyncio.create_task(self._settle(keys, receipt, times))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, keys: Sequence[str], receipt: float, times: int) -> None:
        with suppress(StoreAway):
            for first in range(0, len(keys), MOST_KEYS):
                await self._run(SETTLE, keys[first : first + MOST_KEYS], times, receipt)

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        numbers = [number for rule in rules for number in (rule.limit, _microseconds(rule.seconds))]
        over, windows = await self._run(TAKE, [key], *numbers)
        return Taken(_windows(windows), tuple(over))

    async def windows(self, key: str, rules: Sequence[Rule]) -> Sequence[Window]:
        numbers = [number for rule in rules for number in (rule.limit, _microseconds(rule.seconds))]
        _, windows = await self._run(WINDOWS, [key], *numbers)
        return _windows(windows)

    async def reserved(self, keys: Sequence[str], seconds: float) -> Sequence[int]:
        return list(await self._run(RESERVED, keys, _microseconds(seconds)))

    async def give_back(self, key: str) -> None:
        await self._connection.ask("RPOP", self._name(key))

    async def watch(self, heard: ChangeListener) -> None:
        self._listeners.append(heard)

    # Commands and scripts

    async def _read(self, key: str) -> Kept | None:
        kept = await self._run(READ, [key])
        return self._opened(key, *kept) if kept else None

    async def _swap(self, key: str, seen: str, value: bytes, seconds: float) -> tuple[str, bytes | None, int]:
        """Return our version; and if another is kept instead, that value (encrypted) and its milliseconds.

        ShareFull if there is no room for it.
        """
        version = secrets.token_hex(VERSION // 2)
        encrypted = version.encode() + self._cipher.encrypt(value, self._place(key, version))
        publication = self._publication(key, version)
        arguments = (seen, encrypted, _milliseconds(seconds), *publication, MOST_OF_AN_APP)
        kept = await self._run(SWAP, [key, *self._share(key)], *arguments)
        if isinstance(kept, int):
            raise ShareFull(kept / 1000)
        if kept:
            return version, kept[0], kept[1]
        self._copies.change(key, version)  # before we hear it ourselves
        return version, None, 0

    async def _run(self, script: Script, keys: Sequence[str], *arguments: Argument) -> Any:
        names = [self._name(key) for key in keys]
        try:
            return await self._connection.ask("EVALSHA", script.name, len(names), *names, *arguments)
        except NoScriptError:  # a server that was restarted knows none
            return await self._connection.ask("EVAL", script.text, len(names), *names, *arguments)

    def _name(self, key: str) -> str:
        """Return the name of a key in the server: prefix, keyspace, and a digest of the rest."""
        word, _, rest = key.partition(":")
        return f"{self._prefix}{word}:{sha256(rest.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"

    def _share(self, key: str) -> tuple[str, ...]:
        """Return the key under which the share of this one is kept; none if it belongs to all apps."""
        share = share_of(key)
        return (f"{SHARE}:{share}",) if share else ()

    def _place(self, key: str, version: str) -> str:
        """Return the place that a value is encrypted for: who can write to the server can move it to no other."""
        return f"{version}{self._name(key)}"

    def _opened(self, key: str, raw: bytes, milliseconds: int) -> Kept | None:
        version = raw[:VERSION].decode("latin-1")
        value = self._cipher.decrypt(raw[VERSION:], self._place(key, version))
        return None if value is None else Kept(value, milliseconds / 1000, version)

    # Changes, published to every process

    def _publication(self, key: str, version: str) -> tuple[str, str]:
        """Return channel and message of a change; empty for a key whose changes are not published."""
        return (self._channel, f"{version} {key}") if key.startswith(PUBLISHED) else ("", "")

    def _heard(self, message: bytes) -> None:
        version, _, key = message.decode("utf-8", "replace").partition(" ")
        self._copies.change(key, version)
        for heard in self._listeners:
            heard(key, version)

    def _joined(self) -> None:
        self._copies.clear()
        for heard in self._listeners:
            heard("", "")

    def _turned(self, trouble: str) -> None:
        self._observer.emit(StoreTurned(trouble))


def _windows(answer: Sequence[tuple[int, bytes]]) -> tuple[Window, ...]:
    return tuple(Window(left, int(leaves) / 1e6) for left, leaves in answer)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)
