"""One token for many processes: caches that share a store stand for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from esb.core.errors import Limited, Message, UpstreamError
from esb.core.events import Event, Observer
from esb.outgoing.tokens.cache import TokenCache
from esb.outgoing.tokens.failure_budget import FAILURES_PER_MINUTE
from esb.outgoing.tokens.key import RefusalHeard, TokenKey, TokenRefused
from esb.outgoing.tokens.shared import LEASE_SECONDS, SharedToken, SharedTokens, lead
from esb.store.keyspaces import AHEAD, FAILURES, FETCHING, REFUSED, TOKEN
from esb.store.memory import MemoryStore
from esb.store.protocol import Kept, Store, StoreAway, Swapped
from tests.support.access_tokens import IN_EVERY_STORE, KEY, LIFE, Upstream, at_hand, borrowed, outcomes, redis_stores
from tests.support.clock import Clock
from tests.support.loop_time import turns
from tests.support.wire import until

PLAIN = TokenKey("mp", "wx0000000000000001", "digest", "plain", exclusive=True)


class PatientClock(Clock):
    """While somebody waits, the others get on."""

    async def sleep(self, seconds: float) -> None:
        ends = self.now + seconds
        await turns(20)
        self.now = max(self.now, ends)


class Shared(MemoryStore):
    """A store that two lives share; `away`: nobody gets an answer of it."""

    shared = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 1000)
        self.away = False
        self.asked = 0

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in {"add", "put", "get", "swap", "drop", "reserve", "take", "give_back"}:
            self.asked += 1
            if self.away:
                raise StoreAway("store", name, "there is no connection", sent=False)
        return found

    def lose_all(self) -> None:
        """As after a restart of its server."""
        for key in list(self._values):
            self._values.drop(key)
        for heard in self._listeners:
            heard("", "")


class Overtaken(Shared):
    """A store in which another process gets on just before a lock is given out."""

    def __init__(self, clock: Clock, meanwhile: Callable[[SharedTokens], Awaitable[object]]) -> None:
        super().__init__(clock)
        self._meanwhile = meanwhile
        self._other = SharedTokens(self, clock, Observer())

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        if key.startswith(f"{FETCHING}:"):
            await self._meanwhile(self._other)
        return await super().swap(key, seen, value, seconds)


class Processes:
    """Four processes, and one upstream for all of them."""

    def __init__(self, clock: Clock, stores: Sequence[Store]) -> None:
        self.clock = clock
        self.upstream = Upstream()
        self.events: list[Event] = []
        self.caches = [TokenCache(store, Observer([self.events.append]), clock) for store in stores]

    async def get(self, *numbers: int, key: TokenKey = KEY) -> list[str]:
        """Return the tokens that these processes get, one after the other."""
        return [await self.caches[number].get(key, self.upstream) for number in numbers or range(4)]

    async def get_at_once(self, times: int = 1, key: TokenKey = KEY) -> set[str]:
        asking = [cache.get(key, self.upstream) for cache in self.caches for _ in range(times)]
        return set(await asyncio.gather(*asking))

    async def confirm(self, token: str, key: TokenKey = KEY) -> None:
        for cache in self.caches:
            cache.confirm(key, token)
        await turns()


@pytest.fixture
def clock() -> Clock:
    return PatientClock()


@pytest.fixture
def shared(clock: Clock) -> Shared:
    return Shared(clock)


@pytest.fixture
async def store(request: pytest.FixtureRequest, shared: Shared) -> AsyncIterator[Sequence[Store]]:
    """A store as each of the processes sees it; that of `shared`, if the test does not say otherwise."""
    if getattr(request, "param", "memory") == "memory":
        yield [shared] * 4
        return
    async with redis_stores(request.getfixturevalue("redis"), 4) as stores:
        yield stores


@pytest.fixture
async def processes(clock: Clock, store: Sequence[Store]) -> AsyncIterator[Processes]:
    made = Processes(clock, store)
    async with AsyncExitStack() as stack:
        for cache in made.caches:
            await cache.open()
            stack.push_async_callback(cache.close)
        yield made


KEYS = pytest.mark.parametrize("key", [KEY, PLAIN], ids=["token of which there is one", "token that a fetch kills"])


# One fetch


@IN_EVERY_STORE
@KEYS
async def test_however_many_processes_ask_one_fetches(processes: Processes, key: TokenKey) -> None:
    assert await processes.get_at_once(500, key) == {"token 1"}
    assert processes.upstream.fetched == 1
    assert outcomes(processes.events) == ["fetched"]


async def test_a_warm_token_asks_the_store_nothing(processes: Processes, shared: Shared) -> None:
    await processes.get()
    await processes.get()
    asked = shared.asked
    await processes.get_at_once(100)
    assert shared.asked == asked


async def test_a_token_that_all_share_is_at_hand_until_some_change_may_have_been_missed(
    processes: Processes, shared: Shared
) -> None:
    await processes.get(0)  # its own change is heard, too
    assert [at_hand(cache) for cache in processes.caches] == ["token 1", None, None, None]
    shared.lose_all()
    assert at_hand(processes.caches[0]) is None
    await processes.get(0)
    assert at_hand(processes.caches[0]) == "token 1"
    await processes.get(1)
    await processes.caches[1].forget(KEY, "token 1")
    assert at_hand(processes.caches[0]) is None


async def test_that_a_token_works_is_told_to_all_once(processes: Processes, shared: Shared) -> None:
    await processes.get(0)
    await processes.confirm("token 1")
    asked = shared.asked
    await processes.confirm("token 1")
    assert shared.asked == asked


async def test_a_change_that_is_known_already_costs_no_look(processes: Processes, shared: Shared) -> None:
    await processes.get(0)
    kept = processes.caches[0].at_hand(KEY)
    assert kept is not None
    shared._listeners[0](f"{TOKEN}:{KEY.name}", kept.version)
    assert processes.caches[0].at_hand(KEY) is kept


async def test_a_token_that_changes_while_it_is_asked_for_is_not_at_hand(
    processes: Processes, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    await processes.get(0)
    read = shared.get

    async def get(key: str, *, strict: bool = False) -> Kept | None:
        kept = await read(key, strict=strict)
        shared._listeners[1](f"{TOKEN}:{changed.name}", "")
        return kept

    monkeypatch.setattr(shared, "get", get)
    changed = KEY
    assert await processes.get(1) == ["token 1"]
    assert at_hand(processes.caches[1]) is None
    changed = borrowed(1)
    assert await processes.get(1) == ["token 1"]
    assert at_hand(processes.caches[1]) == "token 1"


@IN_EVERY_STORE
async def test_what_a_process_left_for_all_is_at_hand_at_once(processes: Processes) -> None:
    for number in (1, 2, 3):
        assert await processes.get(0) == [f"token {number}"]
        assert at_hand(processes.caches[0]) == f"token {number}"
        processes.caches[0].confirm(KEY, f"token {number}")
        await turns()
        assert await processes.caches[0].forget(KEY, f"token {number}")


async def test_who_joined_a_refresh_of_a_token_that_is_gone_gets_the_next_one(
    processes: Processes, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    await processes.get(0, 1)
    kept = processes.caches[0].at_hand(KEY)
    assert kept is not None
    await shared.swap(f"{AHEAD}:{KEY.name}:{kept.version}", "", b"", LIFE)  # another process is on it
    swap, answering = shared.swap, asyncio.Event()

    joined: list[asyncio.Future[list[str]]] = []

    async def slow_swap(key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        await answering.wait()
        if key.startswith(f"{AHEAD}:"):
            joined.append(asyncio.ensure_future(processes.get(0)))  # it comes when the refresh has just ended
        return await swap(key, seen, value, seconds)

    monkeypatch.setattr(shared, "swap", slow_swap)
    processes.clock.advance(LIFE - 200)
    assert await processes.get(0) == ["token 1"]
    await turns()
    await processes.caches[1].forget(KEY, "token 1")
    joined.append(asyncio.ensure_future(processes.get(0)))
    await turns()
    answering.set()
    await until(lambda: len(joined) == 2)
    assert await asyncio.gather(*joined) == [["token 2"]] * 2


async def test_a_token_that_a_fetch_kills_is_never_at_hand(processes: Processes) -> None:
    await processes.get(0, key=PLAIN)
    assert at_hand(processes.caches[0], PLAIN) is None


async def test_a_token_that_a_fetch_kills_is_never_used_without_a_look(processes: Processes, shared: Shared) -> None:
    await processes.get(key=PLAIN)
    asked = shared.asked
    await processes.get(0, key=PLAIN)
    assert shared.asked == asked + 1


async def test_who_died_while_fetching_holds_the_others_up_for_its_lease(processes: Processes, shared: Shared) -> None:
    await shared.swap(f"{FETCHING}:{KEY.name}", "", b"", LEASE_SECONDS)
    before = processes.clock.now
    assert await processes.get_at_once() == {"token 1"}
    assert 20 <= processes.clock.now - before < 20.5


async def test_a_fetch_that_outlived_its_lock_does_not_replace_a_younger_token(processes: Processes) -> None:
    processes.upstream.open.clear()
    slow = asyncio.ensure_future(processes.caches[0].get(PLAIN, processes.upstream))
    await turns()
    processes.clock.advance(LEASE_SECONDS)
    quick = Upstream()
    quick.same = "younger"
    assert await processes.caches[1].get(PLAIN, quick) == "younger"
    processes.upstream.open.set()
    assert await slow == "younger"


@IN_EVERY_STORE
async def test_an_error_lets_the_next_try(processes: Processes) -> None:
    processes.upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    with pytest.raises(UpstreamError):
        await processes.get(0)
    processes.upstream.error = None
    assert await processes.get(1) == ["token 2"]


# Expiry


@KEYS
async def test_an_expired_token_is_fetched_once_by_all(processes: Processes, key: TokenKey) -> None:
    for number in range(1, 11):
        assert await processes.get_at_once(20, key) == {f"token {number}"}
        processes.clock.advance(LIFE)
    assert processes.upstream.fetched == 10


@KEYS
async def test_one_process_refreshes_ahead_and_all_get_the_new_token(processes: Processes, key: TokenKey) -> None:
    await processes.get(key=key)
    processes.clock.advance(LIFE - 200)
    processes.upstream.open.clear()
    for _ in range(5):
        assert await processes.get(key=key) == ["token 1"] * 4  # nobody waits
        await turns()
    processes.upstream.open.set()
    await turns(20)
    assert await processes.get(key=key) == ["token 2"] * 4
    assert processes.upstream.fetched == 2


async def test_a_refresh_that_fails_is_tried_again_by_one_process_in_30_seconds(processes: Processes) -> None:
    await processes.get()
    processes.upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    processes.clock.advance(LIFE - 200)
    for seconds, fetched in [(0, 2), (29, 2), (1, 3)]:
        processes.clock.advance(seconds)
        for number in range(4):
            assert await processes.get(number) == ["token 1"]
            await turns()
        assert processes.upstream.fetched == fetched


async def test_the_same_token_again_is_asked_for_by_nobody_until_it_has_expired(processes: Processes) -> None:
    processes.upstream.same = "token"
    await processes.get()
    processes.clock.advance(LIFE - 200)
    for _ in range(19):
        assert await processes.get() == ["token"] * 4
        await turns(20)
        processes.clock.advance(10)
    assert processes.upstream.fetched == 2
    processes.upstream.same = "fresh"
    processes.clock.advance(10)
    assert await processes.get() == ["fresh"] * 4


# Forgetting


@KEYS
async def test_a_dead_token_is_dropped_by_all_and_fetched_once(processes: Processes, key: TokenKey) -> None:
    await processes.get(key=key)
    told = await asyncio.gather(*(cache.forget(key, "token 1") for cache in processes.caches for _ in range(50)))
    assert set(told) == {True}
    assert await processes.get_at_once(50, key) == {"token 2"}
    assert processes.upstream.fetched == 2


@IN_EVERY_STORE
async def test_what_one_forgets_no_other_uses_again(processes: Processes) -> None:
    await processes.get()
    await processes.caches[0].forget(KEY, "token 1")
    await until(lambda: at_hand(processes.caches[3]) is None)
    assert await processes.get(3) == ["token 2"]


async def test_a_late_failure_at_another_process_does_not_throw_the_fresh_token_away(processes: Processes) -> None:
    await processes.get()
    await processes.caches[0].forget(KEY, "token 1")
    await processes.get()
    assert await processes.caches[3].forget(KEY, "token 1")
    assert await processes.get() == ["token 2"] * 4


async def test_a_replacement_that_works_nowhere_is_not_replaced_by_any(processes: Processes) -> None:
    await processes.get()
    await processes.caches[0].forget(KEY, "token 1")
    await processes.get()
    assert [await cache.forget(KEY, "token 2") for cache in processes.caches] == [False] * 4
    assert processes.upstream.fetched == 2
    processes.clock.advance(1)
    assert await processes.caches[1].forget(KEY, "token 2")


async def test_each_replacement_that_works_nowhere_is_replaced_after_a_pause_twice_as_long(
    processes: Processes,
) -> None:
    pauses: list[float] = []
    await processes.get()
    assert await processes.caches[0].pause(KEY) == 0
    for number in range(1, 9):
        told = [await cache.forget(KEY, f"token {number}") for cache in processes.caches]
        assert told.count(True) >= 1  # it is another's token by then for those who ask late
        await processes.get()
        pauses.append(round(await processes.caches[number % 4].pause(KEY), 6))
        processes.clock.advance(pauses[-1])
        assert [await cache.pause(KEY) for cache in processes.caches] == [0] * 4
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    processes.caches[2].confirm(KEY, "token 9")
    await turns()
    assert await processes.caches[2].forget(KEY, "token 9")
    assert round(await processes.caches[0].pause(KEY), 6) == 1


async def test_a_replacement_that_worked_anywhere_may_be_replaced_at_once(processes: Processes) -> None:
    for number in range(1, 11):
        token = f"token {number}"
        assert await processes.get() == [token] * 4
        processes.caches[number % 4].confirm(KEY, token)
        await turns()
        assert await processes.caches[(number + 1) % 4].forget(KEY, token)
    assert processes.upstream.fetched == 10


@KEYS
async def test_a_replacement_that_worked_may_be_replaced_though_we_heard_late_of_the_one_before(
    processes: Processes, shared: Shared, key: TokenKey
) -> None:
    late = shared._listeners.pop(0)
    await processes.get(0, key=key)
    assert await processes.caches[0].forget(key, "token 1")
    assert await processes.get(0, key=key) == ["token 2"]
    processes.caches[0].confirm(key, "token 2")
    await turns()
    late(f"{TOKEN}:{key.name}", "")  # the first token is dropped: our copy of the second one goes, with what we know
    assert await processes.get(0, key=key) == ["token 2"]
    assert await processes.caches[0].forget(key, "token 2")
    assert await processes.get(0, key=key) == ["token 3"]


async def test_the_age_of_a_token_is_that_of_its_fetch_wherever_it_was(processes: Processes) -> None:
    await processes.get(0)
    processes.clock.advance(40)
    await processes.get(1)
    assert processes.caches[1].age(KEY, "token 1") == pytest.approx(40)


# Refusals


async def test_a_refused_secret_is_asked_about_once_a_minute_by_all(processes: Processes) -> None:
    processes.upstream.error = TokenRefused("{errmsg}", {"errcode": 40001, "errmsg": "no"}, errmsg="no {really}")
    for seconds, fetched in [(0, 1), (59, 1), (1, 2)]:
        processes.clock.advance(seconds)
        for cache in processes.caches:
            with pytest.raises(TokenRefused) as refused:
                await cache.get(KEY, processes.upstream)
            assert refused.value.data == {"errcode": 40001, "errmsg": "no"}
            assert str(refused.value) == "no {really}"
        assert processes.upstream.fetched == fetched


@IN_EVERY_STORE
async def test_wrong_secrets_of_callers_are_counted_for_all(processes: Processes) -> None:
    processes.upstream.error = TokenRefused("invalid credential")
    told = await _errors(processes, range(100))
    assert processes.upstream.fetched == FAILURES_PER_MINUTE
    assert sum(isinstance(error, Limited) for error in told) == 100 - FAILURES_PER_MINUTE


@IN_EVERY_STORE
async def test_good_secrets_of_callers_use_up_nothing(processes: Processes) -> None:
    assert await _errors(processes, range(100)) == []
    processes.upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    await _errors(processes, range(100, 200))
    assert processes.upstream.fetched == 200


async def _errors(processes: Processes, numbers: Sequence[int]) -> list[BaseException]:
    asking = [processes.caches[number % 4].get(borrowed(number), processes.upstream) for number in numbers]
    results = await asyncio.gather(*asking, return_exceptions=True)
    return [result for result in results if isinstance(result, BaseException)]


# The store away


async def test_without_the_store_a_token_of_which_there_is_one_goes_on(processes: Processes, shared: Shared) -> None:
    await processes.get(0)
    shared.away = True
    assert await processes.get(0) == ["token 1"]
    assert await processes.get(1) == ["token 2"]  # its own
    assert await processes.caches[0].forget(KEY, "token 1")
    assert await processes.get(0) == ["token 3"]


async def test_without_the_store_a_refused_secret_is_asked_about_once_a_minute_by_each(
    processes: Processes, shared: Shared
) -> None:
    shared.away = True
    processes.upstream.error = TokenRefused("invalid credential")
    for seconds, fetched in [(0, 4), (59, 4), (1, 8)]:
        processes.clock.advance(seconds)
        for cache in processes.caches:
            with pytest.raises(TokenRefused):
                await cache.get(KEY, processes.upstream)
        assert processes.upstream.fetched == fetched


async def test_without_the_store_a_refresh_whose_secret_is_refused_is_not_tried_again_for_a_minute(
    processes: Processes, shared: Shared
) -> None:
    await processes.get(0)
    shared.away = True
    processes.upstream.error = TokenRefused("invalid credential")
    processes.clock.advance(LIFE - 200)
    for seconds, fetched in [(0, 2), (30, 2), (29, 2), (1, 3)]:
        processes.clock.advance(seconds)
        assert await processes.get(0) == ["token 1"]
        await turns()
        assert processes.upstream.fetched == fetched


async def test_without_the_store_each_counts_the_wrong_secrets_of_callers(processes: Processes, shared: Shared) -> None:
    shared.away = True
    processes.upstream.error = TokenRefused("invalid credential")
    told = await _errors(processes, range(200))
    assert processes.upstream.fetched == 4 * FAILURES_PER_MINUTE
    assert sum(isinstance(error, Limited) for error in told) == 200 - 4 * FAILURES_PER_MINUTE


async def test_without_the_store_a_replacement_that_never_worked_is_not_replaced(
    processes: Processes, shared: Shared
) -> None:
    await processes.get(0)
    await processes.caches[0].forget(KEY, "token 1")
    assert await processes.get(0) == ["token 2"]
    shared.away = True
    assert not await processes.caches[0].forget(KEY, "token 2")
    assert round(await processes.caches[0].pause(KEY), 6) == 1
    processes.clock.advance(1)
    assert await processes.caches[0].forget(KEY, "token 2")
    assert await processes.get(0) == ["token 3"]
    assert not await processes.caches[0].forget(KEY, "token 3")
    processes.caches[0].confirm(KEY, "token 3")
    assert await processes.caches[0].forget(KEY, "token 3")


async def test_a_replacement_that_worked_has_worked_though_another_offered_it_anew_and_the_store_is_away(
    processes: Processes, shared: Shared
) -> None:
    await processes.get(0)
    await processes.caches[0].forget(KEY, "token 1")
    assert await processes.get(0, 1) == ["token 2"] * 2
    processes.caches[0].confirm(KEY, "token 2")
    for key in list(shared._values):
        shared._values.drop(key)
    listeners, shared._listeners = shared._listeners, []
    for number in (1, 0):  # one after the other hears of the store again, and no change before
        listeners[number]("", "")
        await processes.get(number)
    shared.away = True
    assert await processes.caches[0].forget(KEY, "token 2")


async def test_a_token_that_was_dropped_is_not_used_again_though_the_store_is_away(
    processes: Processes, shared: Shared
) -> None:
    await processes.get(0)
    listeners, shared._listeners = shared._listeners, []  # nobody hears of the end of the token
    others = SharedTokens(shared, processes.clock, Observer())
    known = await others.current(KEY)
    assert known is not None
    await shared.drop(f"{TOKEN}:{KEY.name}", known.version)
    await shared.put(f"{TOKEN}:another", b"", 60)
    listeners[0]("", "")
    await others.note_replaced(KEY)
    processes.upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    for shared.away in (False, True):
        with pytest.raises(UpstreamError, match="down"):
            await processes.get(0)


async def test_another_token_has_not_worked_because_the_one_before_had(processes: Processes, shared: Shared) -> None:
    await processes.get(0)
    processes.caches[0].confirm(KEY, "token 1")
    listeners, shared._listeners = shared._listeners, []  # nobody hears of what follows
    others = SharedTokens(shared, processes.clock, Observer())
    known = await others.current(KEY)
    assert known is not None
    assert await others.forget(KEY, known.version, doubtful=False)
    assert await processes.get(1) == ["token 2"]
    listeners[0]("", "")
    assert await processes.get(0) == ["token 2"]
    assert not await processes.caches[0].forget(KEY, "token 2")


async def test_without_the_store_a_token_is_refreshed_ahead_by_each(processes: Processes, shared: Shared) -> None:
    await processes.get()
    shared.away = True
    processes.clock.advance(LIFE - 200)
    assert await processes.get() == ["token 1"] * 4
    await turns()
    assert await processes.get() == [f"token {number}" for number in (2, 3, 4, 5)]


async def test_without_the_store_a_token_that_a_fetch_kills_is_refused(processes: Processes, shared: Shared) -> None:
    await processes.get(0, key=PLAIN)
    shared.away = True
    for number in (0, 1):
        with pytest.raises(StoreAway) as error:
            await processes.get(number, key=PLAIN)
        assert (error.value.code, error.value.system, error.value.sent) == (1306201, "store", False)
    assert processes.upstream.fetched == 1
    shared.away = False
    assert await processes.get(key=PLAIN) == ["token 1"] * 4


async def test_when_the_store_has_lost_all_nobody_fetches(processes: Processes, shared: Shared) -> None:
    for key in (KEY, PLAIN):
        await processes.get(key=key)
    shared.lose_all()
    assert [await processes.get(key=key) for key in (KEY, PLAIN)] == [["token 1"] * 4, ["token 2"] * 4]
    assert processes.upstream.fetched == 2


async def test_a_token_dropped_while_we_heard_nothing_is_not_used(processes: Processes, shared: Shared) -> None:
    await processes.get()
    deaf = shared._listeners.pop()
    await processes.caches[0].forget(KEY, "token 1")
    deaf("", "")  # it hears again
    assert await processes.get(3) == ["token 2"]


async def test_a_token_that_came_when_the_store_was_back_already_is_offered_to_all(
    processes: Processes, shared: Shared
) -> None:
    shared.away = True
    processes.upstream.open.clear()
    fetching = asyncio.ensure_future(processes.get(0))
    await turns()
    shared.away = False
    for heard in shared._listeners:
        heard("", "")
    processes.upstream.open.set()
    assert await fetching == ["token 1"]
    assert await processes.get() == ["token 1"] * 4
    assert processes.upstream.fetched == 1


async def test_the_longer_life_wins_when_the_store_is_back(processes: Processes, shared: Shared) -> None:
    await processes.get()
    shared.away = True
    processes.clock.advance(100)
    await processes.caches[2].forget(KEY, "token 1")
    assert await processes.get(2) == ["token 2"]
    shared.away = False
    for heard in shared._listeners:
        heard("", "")
    assert await processes.get(2, 0, 1, 3) == ["token 2"] * 4


async def published(other: SharedTokens) -> None:
    await other.offer(KEY, SharedToken("theirs", LIFE, 0.0, 300.0))


async def test_whoever_waits_in_vain_for_the_others_is_told_that_nothing_was_sent(shared: Shared, clock: Clock) -> None:
    await shared.swap(f"{FETCHING}:{KEY.name}", "", b"", LIFE)
    upstream = Upstream()
    with pytest.raises(UpstreamError, match="no other process brought a token") as caught:
        await SharedTokens(shared, clock, Observer()).obtain(KEY, upstream)
    assert (caught.value.system, caught.value.interface, caught.value.sent) == ("store", "token", False)
    assert upstream.fetched == 0


async def test_a_refusal_is_heard_though_another_process_has_the_lock(shared: Shared, clock: Clock) -> None:
    tokens, upstream = SharedTokens(shared, clock, Observer()), Upstream()
    upstream.error = TokenRefused("no")
    with pytest.raises(TokenRefused):
        await tokens.fetch(KEY, upstream, None)
    await shared.swap(f"{FETCHING}:{KEY.name}", "", b"", LIFE)
    with pytest.raises(RefusalHeard):
        await tokens.obtain(KEY, upstream)
    assert upstream.fetched == 1


async def test_a_token_that_comes_before_the_lock_is_had_saves_the_fetch(clock: Clock) -> None:
    store, upstream = Overtaken(clock, published), Upstream()
    found = await SharedTokens(store, clock, Observer()).obtain(KEY, upstream)
    assert (found.value, upstream.fetched) == ("theirs", 0)
    assert await store.get(f"{FETCHING}:{KEY.name}") is None


async def test_a_token_that_follows_ours_before_the_lock_is_had_saves_the_refresh(clock: Clock) -> None:
    store, upstream = Overtaken(clock, published), Upstream()
    tokens = SharedTokens(store, clock, Observer())
    upstream.life = LIFE / 2
    mine = await tokens.fetch(KEY, upstream, None)
    found = await tokens.refresh(KEY, upstream, mine)
    assert found is not None
    assert (found.value, upstream.fetched) == ("theirs", 1)


async def test_a_refusal_that_comes_before_the_lock_is_had_saves_the_fetch(clock: Clock) -> None:
    async def refused(other: SharedTokens) -> None:
        wrong = Upstream()
        wrong.error = TokenRefused("no")
        with pytest.raises(TokenRefused):
            await other.fetch(KEY, wrong, None)

    store, upstream = Overtaken(clock, refused), Upstream()
    with pytest.raises(RefusalHeard):
        await SharedTokens(store, clock, Observer()).obtain(KEY, upstream)
    assert upstream.fetched == 0
    assert await store.get(f"{FETCHING}:{KEY.name}") is None


class Fading(Shared):
    """A store that is away for some operations on one keyspace."""

    def __init__(self, clock: Clock, operation: str, keyspace: str) -> None:
        super().__init__(clock)
        self._fades = (operation, keyspace)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        self._check("put", key)
        await super().put(key, value, seconds)

    async def drop(self, key: str, version: str) -> bool:
        self._check("drop", key)
        return await super().drop(key, version)

    async def give_back(self, key: str) -> None:
        self._check("give_back", key)
        await super().give_back(key)

    def _check(self, operation: str, key: str) -> None:
        if (operation, key.partition(":")[0]) == self._fades:
            raise StoreAway("store", operation, "away", sent=False)


@pytest.mark.parametrize("fades", [("put", REFUSED), ("drop", FETCHING), ("give_back", FAILURES)])
async def test_a_store_that_fades_while_a_token_is_fetched_spoils_neither_token_nor_refusal(
    clock: Clock, fades: tuple[str, str]
) -> None:
    tokens, upstream = SharedTokens(Fading(clock, *fades), clock, Observer()), Upstream()
    assert (await tokens.obtain(borrowed(1), upstream)).value == "token 1"
    upstream.error = TokenRefused("no")
    with pytest.raises(TokenRefused):
        await tokens.obtain(borrowed(2), upstream)


@pytest.mark.parametrize(
    ("longer_by", "kept"), [(-100.0, "theirs"), (0.0, "theirs"), (1.0, "theirs"), (1.5, "ours"), (100.0, "ours")]
)
async def test_of_two_tokens_the_one_that_lives_a_second_longer_is_offered_to_all(
    shared: Shared, clock: Clock, longer_by: float, kept: str
) -> None:
    tokens = SharedTokens(shared, clock, Observer())
    known = await tokens.obtain(KEY, Upstream())
    mine = SharedToken("ours", known.seconds + longer_by, 0.0, known.lead)
    values = {"theirs": known.value, "ours": "ours"}
    for found in (await tokens.offer(KEY, mine), await tokens.current(KEY)):
        assert found is not None
        assert found.value == values[kept]
        assert (found.version == known.version) is (kept == "theirs")


async def test_a_token_that_all_know_is_not_offered_anew_whatever_our_clock_says(shared: Shared, clock: Clock) -> None:
    tokens = SharedTokens(shared, clock, Observer())
    known = await tokens.obtain(KEY, Upstream())
    assert await tokens.offer(KEY, replace(known, seconds=known.seconds + 100)) == known
    assert await tokens.current(KEY) == known


async def test_a_token_that_was_dropped_is_not_offered_again(shared: Shared, clock: Clock) -> None:
    tokens = SharedTokens(shared, clock, Observer())
    known = await tokens.obtain(KEY, Upstream())
    assert await tokens.forget(KEY, known.version, doubtful=False)
    assert await tokens.offer(KEY, known) is None
    assert await tokens.current(KEY) is None


async def test_a_replacement_that_another_process_dropped_already_is_worth_another_try(
    shared: Shared, clock: Clock
) -> None:
    tokens = SharedTokens(shared, clock, Observer())
    await tokens.note_replaced(KEY)
    known = await tokens.obtain(KEY, Upstream())
    assert not await tokens.forget(KEY, known.version, doubtful=True)
    await shared.drop(f"{TOKEN}:{KEY.name}", known.version)
    assert await tokens.forget(KEY, known.version, doubtful=True)


@pytest.mark.parametrize(
    ("seconds", "least", "most"), [(7200.0, 240.0, 300.0), (3000.0, 240.0, 300.0), (100.0, 8.0, 10.0)]
)
def test_a_token_is_refreshed_a_tenth_of_its_life_ahead_and_no_two_at_once(
    seconds: float, least: float, most: float
) -> None:
    leads = [lead(seconds) for _ in range(200)]
    assert least <= min(leads) < max(leads) <= most
    assert max(leads) - min(leads) > (most - least) / 2


@pytest.mark.parametrize(
    ("data", "heard"),
    [({"a": 1}, {"a": 1}), ({"a": Message("{b} c", {"b": 1})}, {"a": "1 c"}), ({frozenset(): 1}, None), (None, None)],
)
async def test_a_refusal_is_heard_with_its_data_if_that_can_be_written(
    shared: Shared, clock: Clock, data: Any, heard: Any
) -> None:
    tokens, upstream = SharedTokens(shared, clock, Observer()), Upstream()
    upstream.error = TokenRefused("{word} secret", data, word="wrong")
    with pytest.raises(TokenRefused, match="wrong secret"):
        await tokens.obtain(KEY, upstream)
    with pytest.raises(RefusalHeard, match="wrong secret") as caught:
        await tokens.obtain(KEY, upstream)
    assert (caught.value.data, upstream.fetched) == (heard, 1)


async def test_the_same_token_again_ages_and_lives_no_longer(shared: Shared, clock: Clock) -> None:
    tokens, upstream = SharedTokens(shared, clock, Observer()), Upstream()
    upstream.same = "same"
    mine = await tokens.obtain(KEY, upstream)
    assert (mine.seconds, mine.age) == (LIFE, 0.0)
    clock.advance(1000)
    known = await tokens.current(KEY)
    assert known is not None
    assert (known.seconds, known.age) == (LIFE - 1000, 1000.0)
    again = await tokens.refresh(KEY, upstream, known)
    assert again is not None
    assert (again.value, again.seconds, again.age, again.lead) == ("same", LIFE - 1000, 1000.0, 0.0)
    assert again.version != known.version


def test_keys_that_are_not_the_same_have_different_names() -> None:
    keys = [
        *(KEY, PLAIN, borrowed(1), borrowed(2)),
        TokenKey("a:b", "c", "d"),
        TokenKey("a", "b:c", "d"),
        TokenKey("a%3Ab", "c", "d"),
        TokenKey("a", "b", "c", "d"),
        TokenKey("a", "b", "c", "", "d"),
    ]
    assert len({key.name for key in keys}) == len(keys)
