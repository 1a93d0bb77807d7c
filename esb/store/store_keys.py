"""Idempotency keys in a store: that of all processes, or the memory of one."""

from esb.core import json_codec
from esb.store.kept_keys import Found, Held, Unprotected, Wanted
from esb.store.protocol import Kept, ShareFull, Store


class StoreKeys:
    """Keys in a store, in which each app has a share. The time of leases is the store's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unprotected = None if store.shared else Unprotected.PROCESS

    async def claim(self, wanted: Wanted) -> Held | Found:
        seconds = max(wanted.seconds, wanted.lease)
        claim = {"content": wanted.content, "lease": wanted.lease, "of": seconds}
        try:
            swapped = await self._store.swap(wanted.entry, "", json_codec.encode(claim), seconds)
        except ShareFull:
            return Held(wanted, "", Unprotected.FULL)
        if swapped.done:
            return Held(wanted, swapped.kept.version, self._unprotected)
        return _found(swapped.kept)

    async def find(self, entry: str) -> Found | None:
        kept = await self._store.get(entry)
        return None if kept is None else _found(kept)

    async def settle(self, held: Held, answer: bytes) -> None:
        """Keep the answer, unless there is no room: then the claim stays, and its call is in doubt."""
        value = b'{"content":%b,"envelope":%b}' % (json_codec.encode(held.wanted.content), answer)
        try:
            await self._store.swap(held.wanted.entry, held.version, value, held.wanted.seconds)
        except ShareFull:
            return

    async def release(self, held: Held) -> None:
        await self._store.drop(held.wanted.entry, held.version)


def _found(kept: Kept) -> Found:
    value = json_codec.decode(kept.value)
    answer = json_codec.encode(value["envelope"]) if "envelope" in value else None
    lease = kept.seconds - value["of"] + value["lease"] if "lease" in value else kept.seconds
    return Found(value["content"], answer, lease, kept.seconds, kept.version)
