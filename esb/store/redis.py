"""A store in a Redis server (6 or newer, or Valkey), for many processes on many machines.

Keys are digests behind a word that says what they are for, values are encrypted, and everything has an end.
"""

import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from redis.exceptions import NoScriptError

from esb.core.events import Observer, StoreTurned
from esb.store.encryption import Seal
from esb.store.keyspaces import TOLD
from esb.store.protocol import Heard, Kept, Rule, Swapped, Taken, Window
from esb.store.redis_connection import Argument, Link
from esb.store.redis_copies import Copies
from esb.store.redis_scripts import DROP, READ, RESERVE, SWAP, TAKE, VERSION, Script

MOST_KEYS = 200
"""How many keys one script works on: a server does nothing else meanwhile."""


class RedisStore:
    """What one process sees of the store. While the server is away, whatever is asked of it is a StoreAway."""

    shared = True

    def __init__(self, url: str, prefix: str, seal: Seal, observer: Observer) -> None:
        self._prefix = prefix
        self._channel = f"{prefix}changes"
        self._seal = seal
        self._observer = observer
        self._listeners: list[Heard] = []
        self._copies = Copies()
        self._link = Link(url, self._channel, heard=self._heard, joined=self._joined, turned=self._turned)

    @property
    def trouble(self) -> str:
        return self._link.trouble

    async def open(self) -> None:
        await self._link.open()

    async def close(self) -> None:
        await self._link.close()

    async def add(self, key: str, seconds: float) -> bool:
        return await self._link.ask("SET", self._name(key), b"", "NX", "PX", _milliseconds(seconds)) is not None

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        await self._swap(key, "*", value, seconds)

    async def get(self, key: str, *, strict: bool = False) -> Kept | None:
        if strict or not key.startswith(TOLD):
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
            kept = self._opened(raw, milliseconds)
            if kept is not None:
                return Swapped(False, kept)
            seen = raw[:VERSION].decode("latin-1")  # sealed with a key that is gone: as good as nothing

    async def drop(self, key: str, version: str) -> bool:
        dropped = bool(await self._run(DROP, [key], version, *self._told(key, "")))
        self._copies.change(key, "")
        return dropped

    async def reserve(
        self, keys: Sequence[str], *, times: int, limit: int, seconds: float, patience: float
    ) -> list[float]:
        rule = (times, limit, _microseconds(seconds), _microseconds(patience))
        waits: list[float] = []
        for first in range(0, len(keys), MOST_KEYS):
            answer = await self._run(RESERVE, keys[first : first + MOST_KEYS], *rule)
            waits += [int(wait) / 1e6 for wait in answer]
        return waits

    async def take(self, key: str, rules: Sequence[Rule]) -> Taken:
        numbers = [number for rule in rules for number in (rule.limit, _microseconds(rule.seconds))]
        over, windows = await self._run(TAKE, [key], *numbers)
        return Taken(tuple(Window(left, int(leaves) / 1e6) for left, leaves in windows), tuple(over))

    async def give_back(self, key: str) -> None:
        await self._link.ask("RPOP", self._name(key))

    async def watch(self, heard: Heard) -> None:
        self._listeners.append(heard)

    # In the server's words

    async def _read(self, key: str) -> Kept | None:
        kept = await self._run(READ, [key])
        return self._opened(*kept) if kept else None

    async def _swap(self, key: str, seen: str, value: bytes, seconds: float) -> tuple[str, bytes | None, int]:
        """The version that is ours; and what is kept instead of it, if it was not to be."""
        version = secrets.token_hex(VERSION // 2)
        sealed = version.encode() + self._seal.close(value)
        told = self._told(key, version)
        kept = await self._run(SWAP, [key], seen, sealed, _milliseconds(seconds), *told)
        if kept:
            return version, kept[0], kept[1]
        self._copies.change(key, version)  # before we hear it ourselves
        return version, None, 0

    async def _run(self, script: Script, keys: Sequence[str], *arguments: Argument) -> Any:
        names = [self._name(key) for key in keys]
        try:
            return await self._link.ask("EVALSHA", script.name, len(names), *names, *arguments)
        except NoScriptError:  # a server that was restarted knows none
            return await self._link.ask("EVAL", script.text, len(names), *names, *arguments)

    def _name(self, key: str) -> str:
        """The name of a key in the server: it says what the key is for, and nothing else."""
        word, _, rest = key.partition(":")
        return f"{self._prefix}{word}:{sha256(rest.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"

    def _opened(self, raw: bytes, milliseconds: int) -> Kept | None:
        value = self._seal.open(raw[VERSION:])
        return None if value is None else Kept(value, milliseconds / 1000, raw[:VERSION].decode("latin-1"))

    # What is told to every process

    def _told(self, key: str, version: str) -> tuple[str, str]:
        """Channel and message of a change; nothing for a key whose changes are told to nobody."""
        return (self._channel, f"{version} {key}") if key.startswith(TOLD) else ("", "")

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


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _microseconds(seconds: float) -> int:
    return round(seconds * 1e6)
