"""The gate of one credential: closed for as long as WeChat said that its quota is used up."""

import math
from dataclasses import replace

from esb.channels.wechat.verdict import Verdict, judge
from esb.core import json_codec
from esb.core.events import GateClosed, Observer
from esb.outgoing.tokens.cache import TokenKey
from esb.store.protocol import Store


class Gate:
    """What stands at the gate is shared by the whole fleet: whoever is refused closes it for all."""

    def __init__(self, store: Store, observer: Observer, key: TokenKey, before: str = "send") -> None:
        """`before`: what it stands before. Who may fetch no tokens may still have one to send with."""
        self._store = store
        self._observer = observer
        self._account = (key.platform, key.account)
        self._key = f"gate:{before}:{key.platform}:{key.account}:{key.secret_digest}"

    async def closed(self) -> Verdict | None:
        """WeChat's last refusal, with the seconds that are left of it; None if the gate is open."""
        kept = await self._store.get(self._key)
        if kept is None:
            return None
        errcode, errmsg = json_codec.decode(kept.value)
        return replace(judge(self._account[0], errcode, errmsg), retry_after=round(kept.seconds, 1))

    async def close(self, refusal: Verdict, at_most: float = math.inf) -> None:
        """Closes the gate for the window that the refusal names."""
        seconds = min(refusal.retry_after or 0.0, at_most)
        if seconds:
            self._observer.emit(GateClosed(*self._account, refusal.errcode, seconds))
            await self._store.put(self._key, json_codec.encode([refusal.errcode, refusal.errmsg]), seconds)
