"""One token for many processes: caches that share a store stand for them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from esb.core.errors import Limited, UpstreamError
from esb.core.events import Event, Observer
from esb.outgoing.tokens.cache import TokenCache, TokenKey, TokenRefused
from esb.outgoing.tokens.key import FAILURES_PER_MINUTE
from esb.outgoing.tokens.shared import LEASE_SECONDS, PLACE, FleetTokens
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from tests.support.access_tokens import KEY, LIFE, Upstream, at_hand, borrowed, outcomes
from tests.support.clock import Clock
from tests.support.loop_time import turns

PLAIN = TokenKey("mp", "wx0000000000000001", "digest", "plain", exclusive=True)


class PatientClock(Clock):
    """While somebody waits, the others get on."""

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        await turns(20)
        self.now = max(self.now, until)


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
        self._values.clear()
        for heard in self._listeners:
            heard("", "")


class Fleet:
    """Four processes, and one upstream for all of them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = Shared(clock)
        self.upstream = Upstream()
        self.events: list[Event] = []
        observer = Observer([self.events.append])
        self.caches = [TokenCache(observer, clock, fleet=FleetTokens(self.store, clock, observer)) for _ in range(4)]

    async def get(self, *numbers: int, key: TokenKey = KEY) -> list[str]:
        """What these processes get, one after the other."""
        return [await self.caches[number].get(key, self.upstream) for number in numbers or range(4)]

    async def get_at_once(self, times: int = 1, key: TokenKey = KEY) -> set[str]:
        asking = [cache.get(key, self.upstream) for cache in self.caches for _ in range(times)]
        return set(await asyncio.gather(*asking))

    async def confirm(self, token: str, key: TokenKey = KEY) -> None:
        for cache in self.caches:
            cache.confirm(key, token)
        await turns()


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    made = Fleet(PatientClock())
    async with AsyncExitStack() as stack:
        for cache in made.caches:
            await cache.open()
            stack.push_async_callback(cache.close)
        yield made


KEYS = pytest.mark.parametrize("key", [KEY, PLAIN], ids=["token of which there is one", "token that a fetch kills"])


# One fetch


@KEYS
async def test_the_whole_fleet_fetches_once(fleet: Fleet, key: TokenKey) -> None:
    assert await fleet.get_at_once(500, key) == {"token 1"}
    assert fleet.upstream.fetched == 1
    assert outcomes(fleet.events) == ["fetched"]


async def test_a_warm_token_asks_the_store_nothing(fleet: Fleet) -> None:
    await fleet.get()
    await fleet.get()
    asked = fleet.store.asked
    await fleet.get_at_once(100)
    assert fleet.store.asked == asked


async def test_a_token_that_all_share_is_at_hand_until_some_change_may_have_been_missed(fleet: Fleet) -> None:
    await fleet.get(0, 0)  # its own change is heard, too
    assert [at_hand(cache) for cache in fleet.caches] == ["token 1", None, None, None]
    fleet.store.lose_all()
    assert at_hand(fleet.caches[0]) is None
    await fleet.get(0, 0)
    assert at_hand(fleet.caches[0]) == "token 1"
    await fleet.get(1)
    await fleet.caches[1].forget(KEY, "token 1")
    assert at_hand(fleet.caches[0]) is None


async def test_a_token_that_a_fetch_kills_is_never_at_hand(fleet: Fleet) -> None:
    await fleet.get(0, key=PLAIN)
    assert at_hand(fleet.caches[0], PLAIN) is None


async def test_a_token_that_a_fetch_kills_is_never_used_without_a_look(fleet: Fleet) -> None:
    await fleet.get(key=PLAIN)
    asked = fleet.store.asked
    await fleet.get(0, key=PLAIN)
    assert fleet.store.asked == asked + 1


async def test_who_died_while_fetching_holds_the_others_up_for_its_lease(fleet: Fleet) -> None:
    await fleet.store.swap(f"fetching:{KEY.name}", "", b"", LEASE_SECONDS)
    before = fleet.clock.now
    assert await fleet.get_at_once() == {"token 1"}
    assert LEASE_SECONDS <= fleet.clock.now - before < LEASE_SECONDS + 1


async def test_a_fetch_that_outlived_its_lock_does_not_replace_a_younger_token(fleet: Fleet) -> None:
    fleet.upstream.open.clear()
    slow = asyncio.ensure_future(fleet.caches[0].get(PLAIN, fleet.upstream))
    await turns()
    fleet.clock.advance(LEASE_SECONDS)
    quick = Upstream()
    quick.same = "younger"
    assert await fleet.caches[1].get(PLAIN, quick) == "younger"
    fleet.upstream.open.set()
    assert await slow == "younger"


async def test_an_error_lets_the_next_try(fleet: Fleet) -> None:
    fleet.upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    with pytest.raises(UpstreamError):
        await fleet.get(0)
    fleet.upstream.error = None
    assert await fleet.get(1) == ["token 2"]


# Expiry


@KEYS
async def test_an_expired_token_is_fetched_once_by_all(fleet: Fleet, key: TokenKey) -> None:
    for number in range(1, 11):
        assert await fleet.get_at_once(20, key) == {f"token {number}"}
        fleet.clock.advance(LIFE)
    assert fleet.upstream.fetched == 10


@KEYS
async def test_one_process_refreshes_ahead_and_all_get_the_new_token(fleet: Fleet, key: TokenKey) -> None:
    await fleet.get(key=key)
    fleet.clock.advance(LIFE - 200)
    fleet.upstream.open.clear()
    for _ in range(5):
        assert await fleet.get(key=key) == ["token 1"] * 4  # nobody waits
        await turns()
    fleet.upstream.open.set()
    await turns(20)
    assert await fleet.get(key=key) == ["token 2"] * 4
    assert fleet.upstream.fetched == 2


async def test_the_same_token_again_is_asked_for_by_nobody_until_it_has_expired(fleet: Fleet) -> None:
    fleet.upstream.same = "token"
    await fleet.get()
    fleet.clock.advance(LIFE - 200)
    for _ in range(19):
        assert await fleet.get() == ["token"] * 4
        await turns(20)
        fleet.clock.advance(10)
    assert fleet.upstream.fetched == 2
    fleet.upstream.same = "fresh"
    fleet.clock.advance(10)
    assert await fleet.get() == ["fresh"] * 4


# Forgetting


@KEYS
async def test_a_dead_token_is_dropped_by_all_and_fetched_once(fleet: Fleet, key: TokenKey) -> None:
    await fleet.get(key=key)
    told = await asyncio.gather(*(cache.forget(key, "token 1") for cache in fleet.caches for _ in range(50)))
    assert set(told) == {True}
    assert await fleet.get_at_once(50, key) == {"token 2"}
    assert fleet.upstream.fetched == 2


async def test_what_one_forgets_no_other_uses_again(fleet: Fleet) -> None:
    await fleet.get()
    await fleet.caches[0].forget(KEY, "token 1")
    assert await fleet.get(3) == ["token 2"]


async def test_a_late_failure_at_another_process_does_not_throw_the_fresh_token_away(fleet: Fleet) -> None:
    await fleet.get()
    await fleet.caches[0].forget(KEY, "token 1")
    await fleet.get()
    assert await fleet.caches[3].forget(KEY, "token 1")
    assert await fleet.get() == ["token 2"] * 4


async def test_a_replacement_that_works_nowhere_is_not_replaced_by_any(fleet: Fleet) -> None:
    await fleet.get()
    await fleet.caches[0].forget(KEY, "token 1")
    await fleet.get()
    assert [await cache.forget(KEY, "token 2") for cache in fleet.caches] == [False] * 4
    assert fleet.upstream.fetched == 2
    fleet.clock.advance(30)
    assert await fleet.caches[1].forget(KEY, "token 2")


async def test_a_replacement_that_worked_anywhere_may_be_replaced_at_once(fleet: Fleet) -> None:
    for number in range(1, 11):
        token = f"token {number}"
        assert await fleet.get() == [token] * 4
        fleet.caches[number % 4].confirm(KEY, token)
        await turns()
        assert await fleet.caches[(number + 1) % 4].forget(KEY, token)
    assert fleet.upstream.fetched == 10


@KEYS
async def test_a_replacement_that_worked_may_be_replaced_though_we_heard_late_of_the_one_before(
    fleet: Fleet, key: TokenKey
) -> None:
    late = fleet.store._listeners.pop(0)
    await fleet.get(0, key=key)
    assert await fleet.caches[0].forget(key, "token 1")
    assert await fleet.get(0, key=key) == ["token 2"]
    fleet.caches[0].confirm(key, "token 2")
    await turns()
    late(f"{PLACE}{key.name}", "")  # the first token is dropped: our copy of the second one goes, with what we know
    assert await fleet.get(0, key=key) == ["token 2"]
    assert await fleet.caches[0].forget(key, "token 2")
    assert await fleet.get(0, key=key) == ["token 3"]


async def test_the_age_of_a_token_is_that_of_its_fetch_wherever_it_was(fleet: Fleet) -> None:
    await fleet.get(0)
    fleet.clock.advance(40)
    await fleet.get(1)
    assert fleet.caches[1].age(KEY, "token 1") == pytest.approx(40)


# Refusals


async def test_a_refused_secret_is_asked_about_once_a_minute_by_all(fleet: Fleet) -> None:
    fleet.upstream.error = TokenRefused("{errmsg}", {"errcode": 40001, "errmsg": "no"}, errmsg="no {really}")
    for seconds, fetched in [(0, 1), (59, 1), (1, 2)]:
        fleet.clock.advance(seconds)
        for cache in fleet.caches:
            with pytest.raises(TokenRefused) as refused:
                await cache.get(KEY, fleet.upstream)
            assert refused.value.data == {"errcode": 40001, "errmsg": "no"}
            assert str(refused.value) == "no {really}"
        assert fleet.upstream.fetched == fetched


async def test_wrong_secrets_of_callers_are_counted_for_all(fleet: Fleet) -> None:
    fleet.upstream.error = TokenRefused("invalid credential")
    told = await _errors(fleet, range(100))
    assert fleet.upstream.fetched == FAILURES_PER_MINUTE
    assert sum(isinstance(error, Limited) for error in told) == 100 - FAILURES_PER_MINUTE


async def test_good_secrets_of_callers_use_up_nothing(fleet: Fleet) -> None:
    assert await _errors(fleet, range(100)) == []
    fleet.upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    await _errors(fleet, range(100, 200))
    assert fleet.upstream.fetched == 200


async def _errors(fleet: Fleet, numbers: Sequence[int]) -> list[BaseException]:
    asking = [fleet.caches[number % 4].get(borrowed(number), fleet.upstream) for number in numbers]
    results = await asyncio.gather(*asking, return_exceptions=True)
    return [result for result in results if isinstance(result, BaseException)]


# The store away


async def test_without_the_store_a_token_of_which_there_is_one_goes_on(fleet: Fleet) -> None:
    await fleet.get(0)
    fleet.store.away = True
    assert await fleet.get(0) == ["token 1"]
    assert await fleet.get(1) == ["token 2"]  # its own
    assert await fleet.caches[0].forget(KEY, "token 1")
    assert await fleet.get(0) == ["token 3"]


async def test_without_the_store_a_token_that_a_fetch_kills_is_refused(fleet: Fleet) -> None:
    await fleet.get(0, key=PLAIN)
    fleet.store.away = True
    for number in (0, 1):
        with pytest.raises(StoreAway) as error:
            await fleet.get(number, key=PLAIN)
        assert (error.value.code, error.value.system, error.value.sent) == (1306201, "store", False)
    assert fleet.upstream.fetched == 1
    fleet.store.away = False
    assert await fleet.get(key=PLAIN) == ["token 1"] * 4


async def test_when_the_store_has_lost_all_nobody_fetches(fleet: Fleet) -> None:
    for key in (KEY, PLAIN):
        await fleet.get(key=key)
    fleet.store.lose_all()
    assert [await fleet.get(key=key) for key in (KEY, PLAIN)] == [["token 1"] * 4, ["token 2"] * 4]
    assert fleet.upstream.fetched == 2


async def test_a_token_dropped_while_we_heard_nothing_is_not_used(fleet: Fleet) -> None:
    await fleet.get()
    deaf = fleet.store._listeners.pop()
    await fleet.caches[0].forget(KEY, "token 1")
    deaf("", "")  # it hears again
    assert await fleet.get(3) == ["token 2"]


async def test_the_longer_life_wins_when_the_store_is_back(fleet: Fleet) -> None:
    await fleet.get()
    fleet.store.away = True
    fleet.clock.advance(100)
    await fleet.caches[2].forget(KEY, "token 1")
    assert await fleet.get(2) == ["token 2"]
    fleet.store.away = False
    for heard in fleet.store._listeners:
        heard("", "")
    assert await fleet.get(2, 0, 1, 3) == ["token 2"] * 4


def test_the_name_of_a_key_says_which_it_is() -> None:
    for key in (KEY, PLAIN, borrowed(1), TokenKey("a:b", "c%3Ad", "", "e f")):
        assert TokenKey.named(key.name) == key
