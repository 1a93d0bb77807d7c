"""One access token for all processes that share a store: fetched by one of them, known to all.

A process that shares its store with no other goes the same way: then the store is its memory.

The token lies in the store under a version that is new with every token. A process that finds none takes a lock that
ends by itself, looks once more, fetches, and leaves the token for those who wait; they look for the token, not for the
lock. A process whose token is dead drops the version that failed, and nothing else.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from esb.core import json_codec
from esb.core.clock import Clock
from esb.core.errors import EsbError, UpstreamError, template
from esb.core.events import Observer, TokenFetched
from esb.outgoing.request_scope import too_slow
from esb.outgoing.tokens.failure_budget import FailureBudget
from esb.outgoing.tokens.key import Fetch, RefusalHeard, TokenKey, TokenRefused
from esb.store.keyspaces import AHEAD, FETCHING, PROVEN, REFUSED, REPLACED, TOKEN
from esb.store.protocol import Kept, Store, StoreAway, Swapped

REFUSAL_SECONDS = 60.0
"""The time for which a refused secret is remembered."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""The time for which a replacement that never worked is not replaced: the first, and the most after some in a row."""
REPLACEMENT_SECONDS = 30.0
"""The time after the pause for which a token counts as a replacement, unless it has worked."""
RETRY_SECONDS = 30.0
"""The least time between two refreshes of one and the same token ahead of its end."""
FETCH_SECONDS = 15.0
"""The time one fetch has, so that it ends before its lock does."""
LEASE_SECONDS = 20.0
WAIT_SECONDS = 30.0
"""The time for which a process waits for the others; its callers have left by then."""
LOOK_SECONDS = 0.05
"""The time between two looks for a token that another process fetches."""


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A token: the seconds that are left of it, its age, and the seconds before its end when it is refreshed.

    `version`: that in the store; "" before it lies there.
    """

    value: str = field(repr=False)
    seconds: float
    age: float
    lead: float
    version: str = ""


class SharedTokens:
    """The tokens in a store. Each method raises StoreAway while the store is away."""

    def __init__(self, store: Store, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._budget = FailureBudget(store, clock)

    async def current(self, key: TokenKey) -> SharedToken | None:
        """Return the token in the store; None if there is none."""
        kept = await self._store.get(_store_key(key), strict=True)
        return None if kept is None else _shared(kept)

    async def obtain(self, key: TokenKey, fetch: Fetch) -> SharedToken:
        """Return the token in the store, or else one that another process fetches, or else one that we fetch.

        Raises what `fetch` raises, TokenRefused for a while after any process got it, and Limited when too many
        secrets that callers sent were wrong for this account.
        """
        until = self._clock() + WAIT_SECONDS
        while self._clock() < until:
            if (token := await self.current(key)) is not None:
                return token
            await self._check_refusal(key)
            lock = await self._lock(key)
            if lock.done:
                return await self._locked(key, lock, fetch, None)
            await self._clock.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        raise UpstreamError("store", "token", template("no other process brought a token"), sent=False)

    async def refresh(self, key: TokenKey, fetch: Fetch, mine: SharedToken) -> SharedToken | None:
        """Fetch the token that follows this one ahead of its end; None if another process is at it."""
        ahead = await self._store.swap(f"{AHEAD}:{key.name}:{mine.version}", "", b"", RETRY_SECONDS)
        if not ahead.done:
            return None
        await self._check_refusal(key)
        lock = await self._lock(key)
        return await self._locked(key, lock, fetch, mine) if lock.done else None

    async def fetch(self, key: TokenKey, fetch: Fetch, mine: SharedToken | None) -> SharedToken:
        """Fetch a token whether the store has one or not, when no other process can be fetching it.

        `mine`: the one that it follows, if there is one; the same token again does not live longer.
        """
        await self._check_refusal(key)
        return await self._fetch(key, fetch, mine, _version(await self.current(key)))

    async def offer(self, key: TokenKey, mine: SharedToken) -> SharedToken | None:
        """Return the token in the store, after it may have lost it: ours, unless there is one that lives longer.

        None if it was dropped meanwhile.
        """
        current = await self.current(key)
        if current is None and await self.replaced(key):
            return None
        if current is not None and (current.version == mine.version or current.seconds >= mine.seconds - 1):
            return current
        return await self._publish(key, mine, _version(current))

    async def forget(self, key: TokenKey, version: str, *, doubtful: bool) -> bool:
        """Drop this version for all processes; return True if another token is worth a try.

        `doubtful`: we have not seen it work. If it came as a replacement and no process has, it is replaced again only
        after a pause, which is twice as long each time.
        """
        again = doubtful and await self._store.get(f"{PROVEN}:{version}") is None
        if again and await self.pause(key):
            current = await self.current(key)
            return current is None or current.version != version
        await self.note_replaced(key, again=again)
        await self._store.drop(_store_key(key), version)
        return True

    async def replaced(self, key: TokenKey) -> bool:
        """Return True if a token of this key was dropped just now, so that the one there is replaces it."""
        return await self._store.get(f"{REPLACED}:{key.name}") is not None

    async def pause(self, key: TokenKey) -> float:
        """Return the seconds until a replacement that never worked is replaced again; 0 if it is now."""
        kept = await self._store.get(f"{REPLACED}:{key.name}")
        return 0.0 if kept is None else max(0.0, kept.seconds - REPLACEMENT_SECONDS)

    async def note_replaced(self, key: TokenKey, *, again: bool = False) -> None:
        """Remember that a token of this key was dropped; `again`: one that had come as a replacement and never worked.

        A replacement that dies too is not replaced again for a second, then two, four, … at most LONGEST_PAUSE.
        """
        name = f"{REPLACED}:{key.name}"
        kept = await self._store.get(name) if again else None
        pause = FIRST_PAUSE if kept is None else min(2 * float(kept.value), LONGEST_PAUSE)
        await self._store.put(name, str(pause).encode(), pause + REPLACEMENT_SECONDS)

    async def prove(self, version: str) -> None:
        """Remember that this version has worked."""
        await self._store.put(f"{PROVEN}:{version}", b"", REPLACEMENT_SECONDS)

    async def _lock(self, key: TokenKey) -> Swapped:
        return await self._store.swap(f"{FETCHING}:{key.name}", "", b"", LEASE_SECONDS)

    async def _locked(self, key: TokenKey, lock: Swapped, fetch: Fetch, mine: SharedToken | None) -> SharedToken:
        """Look a second time as the holder of the lock, then fetch the token that follows `mine`."""
        try:
            current = await self.current(key)
            if current is not None and (mine is None or current.version != mine.version):
                return current
            await self._check_refusal(key)
            return await self._fetch(key, fetch, mine, _version(current))
        finally:
            with suppress(StoreAway):  # the lock ends by itself
                await self._store.drop(f"{FETCHING}:{key.name}", lock.kept.version)

    async def _fetch(self, key: TokenKey, fetch: Fetch, mine: SharedToken | None, seen: str) -> SharedToken:
        """Fetch a token that follows ours, and put it into the store instead of the version seen."""
        started = self._clock()
        outcome, trouble = "failed", Trouble()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                token = await (self._budget.spend(key, fetch) if key.secret_parameter else fetch())
            took = self._clock() - started
            if mine is not None and mine.value == token.value and mine.seconds > took:
                # The same token again does not live longer, whatever the answer says, and asking again before its end
                # brings it again.
                outcome = "same"
                fetched = SharedToken(token.value, mine.seconds - took, mine.age + took, 0.0)
            else:
                outcome = "fetched"
                fetched = SharedToken(token.value, token.expires_in, 0.0, lead(token.expires_in))
            return await self._publish(key, fetched, seen)
        except TokenRefused as refused:
            outcome, trouble = "refused", _trouble(refused)
            with suppress(StoreAway):
                await self._store.put(f"{REFUSED}:{key.name}", _refusal_record(refused), REFUSAL_SECONDS)
            raise
        except (EsbError, TimeoutError) as error:
            trouble = _trouble(error)
            raise
        finally:
            self._observer.emit(TokenFetched(key.platform, key.account, outcome, self._clock() - started, *trouble))

    async def _publish(self, key: TokenKey, token: SharedToken, seen: str) -> SharedToken:
        """Put a token into the store; return the other's if a process was quicker after our lock had ended."""
        record = json_codec.encode({"value": token.value, "lead": token.lead, "life": token.age + token.seconds})
        swapped = await self._store.swap(_store_key(key), seen, record, token.seconds)
        return _shared(swapped.kept)

    async def _check_refusal(self, key: TokenKey) -> None:
        kept = await self._store.get(f"{REFUSED}:{key.name}")
        if kept is not None:
            text, data = json_codec.decode(kept.value)
            raise RefusalHeard(text, data)


class Trouble(NamedTuple):
    """The errcode, errmsg and hint of a fetch that brought no token; see TokenFetched."""

    errcode: int | str | None = None
    errmsg: str = ""
    hint: str = ""


def _trouble(error: EsbError | TimeoutError) -> Trouble:
    if isinstance(error, TimeoutError):
        return Trouble(errmsg=str(too_slow(FETCH_SECONDS)))
    data = error.data if isinstance(error.data, dict) else {}
    errcode = data.get("errcode")
    said = error.reason if isinstance(error, UpstreamError) else data.get("errmsg") or error
    return Trouble(errcode if isinstance(errcode, int | str) else None, str(said), str(data.get("hint") or ""))


def lead(seconds: float) -> float:
    """Return the seconds before its end at which a token of this life is refreshed: random, to spread processes."""
    return min(300.0, seconds / 10) * random.uniform(0.8, 1.0)  # noqa: S311 - jitter, not a secret


def _store_key(key: TokenKey) -> str:
    return f"{TOKEN}:{key.name}"


def _version(known: SharedToken | None) -> str:
    return "" if known is None else known.version


def _shared(kept: Kept) -> SharedToken:
    record: dict[str, Any] = json_codec.decode(kept.value)
    age = max(0.0, record["life"] - kept.seconds)
    return SharedToken(record["value"], kept.seconds, age, record["lead"], kept.version)


def _refusal_record(refused: TokenRefused) -> bytes:
    """Return a refusal as the other processes read it. Texts in it are English from now on."""
    try:
        return json_codec.encode([str(refused), refused.data], str)
    except TypeError:
        return json_codec.encode([str(refused), None])
