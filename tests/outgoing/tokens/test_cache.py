"""The life of an access token: fetched, refreshed ahead, thrown away; and secrets that are not tried again."""

import asyncio
import gc
import math
import traceback
from collections.abc import AsyncIterator

import pytest

from esb.core.errors import EsbError, Limited, UpstreamError
from esb.core.events import Event, Observer, TokenFetched
from esb.outgoing.tokens.cache import TokenCache
from esb.outgoing.tokens.failure_budget import FAILURES_PER_APP, FAILURES_PER_MINUTE
from esb.outgoing.tokens.key import Token, TokenKey, TokenRefused
from esb.store.memory import MemoryStore
from esb.store.protocol import Store
from tests.support.access_tokens import IN_EVERY_STORE, KEY, LIFE, Upstream, at_hand, borrowed, outcomes, redis_stores
from tests.support.clock import Clock
from tests.support.loop_time import turns


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
async def store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Store]:
    """A store in memory, if the test does not say otherwise."""
    if getattr(request, "param", "memory") == "memory":
        yield MemoryStore(clock, 1000)
        return
    async with redis_stores(request.getfixturevalue("redis"), 1) as stores:
        yield stores[0]


@pytest.fixture
async def cache(store: Store, clock: Clock, events: list[Event]) -> AsyncIterator[TokenCache]:
    made = TokenCache(store, Observer([events.append]), clock, size=100)
    await made.open()
    yield made
    await made.close()


# Fetching


@IN_EVERY_STORE
async def test_a_token_is_fetched_once_and_then_remembered(cache: TokenCache, upstream: Upstream) -> None:
    assert [await cache.get(KEY, upstream) for _ in range(5)] == ["token 1"] * 5
    assert upstream.fetched == 1


async def test_a_token_is_at_hand_while_there_is_nothing_to_be_done_about_it(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    assert at_hand(cache) is None
    await cache.get(KEY, upstream)
    assert at_hand(cache) == "token 1"
    clock.advance(LIFE - 301)
    assert at_hand(cache) == "token 1"
    clock.advance(62)
    assert at_hand(cache) is None  # somebody has to refresh it
    assert await cache.get(KEY, upstream) == "token 1"
    await turns()
    assert at_hand(cache) == "token 2"
    await cache.forget(KEY, "token 2")
    assert at_hand(cache) is None


async def test_a_token_is_not_at_hand_after_its_end(cache: TokenCache, upstream: Upstream, clock: Clock) -> None:
    await cache.get(KEY, upstream)
    upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    clock.advance(LIFE - 1)
    await cache.get(KEY, upstream)
    await turns()
    assert at_hand(cache) == "token 1"  # it was tried to refresh it
    clock.advance(1)
    assert at_hand(cache) is None


async def test_what_is_at_hand_is_used_and_does_not_go_first(store: Store, upstream: Upstream, clock: Clock) -> None:
    cache = TokenCache(store, Observer(), clock, size=2)
    for number in (1, 2):
        await cache.get(borrowed(number), upstream)
    assert at_hand(cache, borrowed(1)) == "token 1"
    await cache.get(borrowed(3), upstream)
    assert [at_hand(cache, borrowed(number)) for number in (1, 2, 3)] == ["token 1", None, "token 3"]
    await cache.close()


@IN_EVERY_STORE
async def test_however_many_ask_at_once_one_token_is_fetched(cache: TokenCache, upstream: Upstream) -> None:
    upstream.open.clear()
    tasks = [asyncio.ensure_future(cache.get(KEY, upstream)) for _ in range(1000)]
    await turns()
    upstream.open.set()
    assert set(await asyncio.gather(*tasks)) == {"token 1"}
    assert upstream.fetched == 1


@IN_EVERY_STORE
async def test_the_fetch_goes_on_when_who_asked_first_leaves(cache: TokenCache, upstream: Upstream) -> None:
    upstream.open.clear()
    leaving, staying = (asyncio.ensure_future(cache.get(KEY, upstream)) for _ in range(2))
    await turns()
    leaving.cancel()
    await turns()
    upstream.open.set()
    assert await staying == "token 1"
    assert leaving.cancelled()


@IN_EVERY_STORE
async def test_a_token_fetched_for_somebody_who_left_serves_the_next(cache: TokenCache, upstream: Upstream) -> None:
    upstream.open.clear()
    leaving = asyncio.ensure_future(cache.get(KEY, upstream))
    await turns()
    leaving.cancel()
    upstream.open.set()
    await turns()
    assert await cache.get(KEY, upstream) == "token 1"
    assert upstream.fetched == 1


@pytest.mark.parametrize(
    "other",
    [
        TokenKey("mp", "ww0000000000000001", "digest"),
        TokenKey("qy", "ww0000000000000002", "digest"),
        TokenKey("qy", "ww0000000000000001", "another"),
        TokenKey("qy", "ww0000000000000001", "digest", "plain"),
        TokenKey("qy", "ww0000000000000001", "digest", secret_parameter="wx_qy_corpsecret"),
    ],
)
@IN_EVERY_STORE
async def test_every_part_of_the_key_tells_tokens_apart(cache: TokenCache, upstream: Upstream, other: TokenKey) -> None:
    assert await cache.get(KEY, upstream) == "token 1"
    assert await cache.get(other, upstream) == "token 2"
    assert await cache.get(KEY, upstream) == "token 1"


async def test_neither_key_nor_token_shows_a_secret() -> None:
    assert "digest" not in repr(KEY)
    assert "token 1" not in repr(Token("token 1", LIFE))


# Expiry


async def test_an_expired_token_is_fetched_anew(cache: TokenCache, upstream: Upstream, clock: Clock) -> None:
    await cache.get(KEY, upstream)
    clock.advance(LIFE)
    assert await cache.get(KEY, upstream) == "token 2"


async def test_shortly_before_it_dies_a_token_is_refreshed_behind_the_back_of_who_asks(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.get(KEY, upstream)
    clock.advance(LIFE - 301)
    assert await cache.get(KEY, upstream) == "token 1"
    await turns()
    assert upstream.fetched == 1
    clock.advance(100)
    upstream.open.clear()
    assert [await cache.get(KEY, upstream) for _ in range(10)] == ["token 1"] * 10  # nobody waits
    await turns()
    assert upstream.fetched == 2
    upstream.open.set()
    await turns()
    assert await cache.get(KEY, upstream) == "token 2"
    assert upstream.fetched == 2


async def test_a_token_that_follows_another_lives_its_own_life(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.get(KEY, upstream)
    clock.advance(LIFE - 200)
    await cache.get(KEY, upstream)
    await turns()
    clock.advance(LIFE - 301)
    assert at_hand(cache) == "token 2"


async def test_a_short_life_is_refreshed_in_its_last_tenth(cache: TokenCache, upstream: Upstream, clock: Clock) -> None:
    upstream.life = 100
    await cache.get(KEY, upstream)
    for seconds, fetched in [(89, 1), (4, 2)]:
        clock.advance(seconds)
        await cache.get(KEY, upstream)
        await turns()
        assert upstream.fetched == fetched


async def test_the_same_token_again_is_not_asked_for_until_it_has_expired(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    upstream.same = "token"
    await cache.get(KEY, upstream)
    clock.advance(LIFE - 200)
    for _ in range(19):  # until 10 s before its end
        upstream.life = LIFE  # as if it lived longer, which it does not
        assert await cache.get(KEY, upstream) == "token"
        await turns()
        clock.advance(10)
    assert upstream.fetched == 2
    assert cache.age(KEY, "token") == LIFE - 10
    upstream.same = "fresh"
    clock.advance(10)
    assert await cache.get(KEY, upstream) == "fresh"
    assert upstream.fetched == 3


async def test_the_same_token_again_does_not_live_longer_though_the_store_forgot_it(
    clock: Clock, upstream: Upstream
) -> None:
    store = MemoryStore(clock, 1000)
    cache = TokenCache(store, Observer(), clock)
    upstream.same = "token"
    await cache.get(KEY, upstream)
    for key in list(store._values):
        store._values.drop(key)
    clock.advance(LIFE - 200)
    await cache.get(KEY, upstream)
    await turns()
    assert upstream.fetched == 2
    upstream.same = "fresh"
    clock.advance(200)
    assert await cache.get(KEY, upstream) == "fresh"
    await cache.close()


async def test_the_same_token_again_lives_anew_if_it_ended_while_it_was_asked_for(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    upstream.same = "token"
    await cache.get(KEY, upstream)
    clock.advance(LIFE - 1)
    upstream.open.clear()
    await cache.get(KEY, upstream)
    await turns()
    clock.advance(1)
    upstream.open.set()
    assert await cache.get(KEY, upstream) == "token"
    assert at_hand(cache) == "token"
    assert cache.age(KEY, "token") == 0


async def test_a_refresh_that_fails_leaves_the_token_and_is_tried_again_after_a_while(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.get(KEY, upstream)
    upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    clock.advance(LIFE - 200)
    for seconds, fetched in [(0, 2), (29, 2), (1, 3), (30, 4)]:
        clock.advance(seconds)
        assert await cache.get(KEY, upstream) == "token 1"
        await turns()
        assert upstream.fetched == fetched


async def test_a_refresh_whose_secret_is_refused_is_not_tried_again_for_a_minute(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    await cache.get(KEY, upstream)
    upstream.error = TokenRefused("invalid credential")
    clock.advance(LIFE - 200)
    for seconds, fetched in [(0, 2), (30, 2), (29, 2), (1, 3)]:
        clock.advance(seconds)
        assert await cache.get(KEY, upstream) == "token 1"
        await turns()
        assert upstream.fetched == fetched


async def test_an_error_of_a_refresh_is_no_complaint_of_the_loop(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    await cache.get(KEY, upstream)
    upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    clock.advance(LIFE - 1)
    await cache.get(KEY, upstream)
    await turns()
    gc.collect()
    assert complaints == []


# Forgetting


@IN_EVERY_STORE
async def test_a_token_that_failed_is_thrown_away(cache: TokenCache, upstream: Upstream) -> None:
    await cache.forget(KEY, await cache.get(KEY, upstream))
    assert await cache.get(KEY, upstream) == "token 2"


@IN_EVERY_STORE
async def test_a_late_failure_does_not_throw_the_fresh_token_away(cache: TokenCache, upstream: Upstream) -> None:
    stale = await cache.get(KEY, upstream)
    await cache.forget(KEY, stale)
    await cache.get(KEY, upstream)
    await cache.forget(KEY, stale)
    assert await cache.get(KEY, upstream) == "token 2"
    await cache.forget(borrowed(1), "token 2")
    assert upstream.fetched == 2


@IN_EVERY_STORE
async def test_200_failures_of_one_token_fetch_one_more(cache: TokenCache, upstream: Upstream) -> None:
    stale = await cache.get(KEY, upstream)

    async def send(number: int) -> str:
        await turns(number % 7)
        await cache.forget(KEY, stale)
        return await cache.get(KEY, upstream)

    assert set(await asyncio.gather(*(send(number) for number in range(200)))) == {"token 2"}
    assert upstream.fetched == 2


async def test_a_token_that_comes_back_after_it_was_thrown_away_is_not_thrown_away_again_at_once(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    upstream.same = "token"
    for _ in range(100):
        await cache.forget(KEY, await cache.get(KEY, upstream))
    assert upstream.fetched == 2
    clock.advance(30)
    await cache.forget(KEY, await cache.get(KEY, upstream))
    upstream.same = "fresh"
    assert await cache.get(KEY, upstream) == "fresh"


async def test_a_late_success_of_a_former_token_proves_nothing_of_its_replacement(
    cache: TokenCache, upstream: Upstream
) -> None:
    former = await cache.get(KEY, upstream)
    await cache.forget(KEY, former)
    replacement = await cache.get(KEY, upstream)
    cache.confirm(KEY, former)
    assert not await cache.forget(KEY, replacement)
    cache.confirm(KEY, replacement)
    assert await cache.forget(KEY, replacement)


async def test_only_the_token_at_hand_has_an_age(cache: TokenCache, upstream: Upstream, clock: Clock) -> None:
    assert cache.age(KEY, "token 1") == math.inf
    await cache.get(KEY, upstream)
    clock.advance(5)
    assert [cache.age(KEY, value) for value in ("token 1", "token 0")] == [5, math.inf]


# Failures


@IN_EVERY_STORE
async def test_a_failed_fetch_is_not_remembered(cache: TokenCache, upstream: Upstream) -> None:
    upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await cache.get(KEY, upstream)
    upstream.error = None
    assert await cache.get(KEY, upstream) == "token 4"


async def test_a_refused_secret_is_asked_about_once_in_60_seconds(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    upstream.error = TokenRefused("invalid credential")
    for seconds, fetched in [(0, 1), (59, 1), (1, 2)]:
        clock.advance(seconds)
        results = await asyncio.gather(*(cache.get(KEY, upstream) for _ in range(50)), return_exceptions=True)
        assert results == [upstream.error] * 50
        assert upstream.fetched == fetched


@IN_EVERY_STORE
async def test_a_remembered_refusal_does_not_grow_with_every_time_it_is_told(
    cache: TokenCache, upstream: Upstream
) -> None:
    upstream.error = TokenRefused("invalid credential")
    lengths = []
    for _ in range(20):
        with pytest.raises(TokenRefused) as caught:
            await cache.get(KEY, upstream)
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert lengths[1] == lengths[-1]


@IN_EVERY_STORE
async def test_a_refused_secret_does_not_shut_out_another_of_the_account(cache: TokenCache, upstream: Upstream) -> None:
    upstream.error = TokenRefused("invalid credential")
    with pytest.raises(TokenRefused):
        await cache.get(borrowed(1), upstream)
    upstream.error = None
    assert await cache.get(borrowed(2), upstream) == "token 2"


# Secrets that callers send


async def test_of_500_wrong_secrets_at_once_20_are_tried_and_the_rest_is_told_when_to_come_again(
    cache: TokenCache, upstream: Upstream
) -> None:
    upstream.error = TokenRefused("invalid credential")
    results = await asyncio.gather(*(cache.get(borrowed(n), upstream) for n in range(500)), return_exceptions=True)
    limited = [result for result in results if isinstance(result, Limited)]
    assert upstream.fetched == FAILURES_PER_MINUTE == 20
    assert len(limited) == 480
    assert {error.retry_after for error in limited} == {60.0}
    assert limited[0].data == {"retry_after": 60.0}
    assert "please check wx_qy_corpsecret and try again later" in str(limited[0])


async def test_wrong_secrets_one_after_another_are_counted_by_the_minute(
    cache: TokenCache, upstream: Upstream, clock: Clock
) -> None:
    upstream.error = TokenRefused("invalid credential")
    for number in range(20):
        with pytest.raises(TokenRefused):
            await cache.get(borrowed(number), upstream)
        clock.advance(2)
    clock.advance(0.06)
    with pytest.raises(Limited) as caught:
        await cache.get(borrowed(20), upstream)
    assert caught.value.retry_after == 19.9  # the first one was 40.06 s ago
    clock.advance(20)
    with pytest.raises(TokenRefused):
        await cache.get(borrowed(22), upstream)
    with pytest.raises(Limited):
        await cache.get(borrowed(24), upstream)


@IN_EVERY_STORE
async def test_the_configured_secret_is_never_shut_out_by_wrong_ones(cache: TokenCache, upstream: Upstream) -> None:
    wrong = Upstream()
    wrong.error = TokenRefused("invalid credential")
    wrong.open.clear()
    trying = [asyncio.ensure_future(cache.get(borrowed(number), wrong)) for number in range(100)]
    await turns()
    assert await cache.get(KEY, upstream) == "token 1"  # while they are under way
    wrong.open.set()
    await asyncio.gather(*trying, return_exceptions=True)
    await cache.forget(KEY, "token 1")
    assert await cache.get(KEY, upstream) == "token 2"  # and when they have used up the minute


@IN_EVERY_STORE
async def test_one_app_with_wrong_secrets_shuts_out_itself_and_no_other(cache: TokenCache, upstream: Upstream) -> None:
    wrong = Upstream()
    wrong.error = TokenRefused("invalid credential")
    tries = (cache.get(borrowed(number, app="flood"), wrong) for number in range(100))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert wrong.fetched == FAILURES_PER_APP == 10
    assert sum(isinstance(result, Limited) for result in results) == 90
    assert await cache.get(borrowed(100, app="honest"), upstream) == "token 1"
    with pytest.raises(TokenRefused):
        await cache.get(borrowed(101, app="honest"), wrong)
    with pytest.raises(Limited):
        await cache.get(borrowed(102, app="flood"), upstream)


@IN_EVERY_STORE
async def test_no_account_that_a_caller_names_is_the_share_of_an_app(cache: TokenCache, upstream: Upstream) -> None:
    wrong = Upstream()
    wrong.error = TokenRefused("invalid credential")
    tries = (cache.get(borrowed(number, f"{KEY.account}:honest", "flood"), wrong) for number in range(100))
    await asyncio.gather(*tries, return_exceptions=True)
    assert wrong.fetched == FAILURES_PER_APP
    assert await cache.get(borrowed(100, app="honest"), upstream) == "token 1"


@IN_EVERY_STORE
async def test_the_apps_together_have_no_more_than_the_account_has(cache: TokenCache, upstream: Upstream) -> None:
    upstream.error = TokenRefused("invalid credential")
    tries = (cache.get(borrowed(number, app=str(number % 7)), upstream) for number in range(100))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert upstream.fetched == FAILURES_PER_MINUTE
    assert sum(isinstance(result, Limited) for result in results) == 80


@IN_EVERY_STORE
async def test_another_account_is_not_shut_out(cache: TokenCache, upstream: Upstream) -> None:
    wrong = Upstream()
    wrong.error = TokenRefused("invalid credential")
    await asyncio.gather(*(cache.get(borrowed(n), wrong) for n in range(30)), return_exceptions=True)
    assert await cache.get(borrowed(1, "ww0000000000000002"), upstream) == "token 1"


@IN_EVERY_STORE
async def test_good_secrets_are_not_counted_and_wait_their_turn(cache: TokenCache, upstream: Upstream) -> None:
    results = await asyncio.gather(*(cache.get(borrowed(number), upstream) for number in range(60)))
    assert len(set(results)) == 60
    assert upstream.most == 20  # any of those under way might turn out wrong


@IN_EVERY_STORE
async def test_failures_that_say_nothing_of_the_secret_are_not_counted(cache: TokenCache, upstream: Upstream) -> None:
    upstream.error = UpstreamError("weixin_qy", "get_token", "down")
    await asyncio.gather(*(cache.get(borrowed(n), upstream) for n in range(30)), return_exceptions=True)
    upstream.error = None
    assert await cache.get(borrowed(31), upstream) == "token 31"


@IN_EVERY_STORE
async def test_who_waits_for_the_budget_and_leaves_takes_nothing_along(cache: TokenCache, upstream: Upstream) -> None:
    upstream.open.clear()
    tasks = [asyncio.ensure_future(cache.get(borrowed(number), upstream)) for number in range(30)]
    await turns()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    upstream.open.set()
    assert await asyncio.wait_for(cache.get(borrowed(99), upstream), 30)


# Bounds and end


async def test_the_copies_are_bounded_and_keep_what_is_used(cache: TokenCache, upstream: Upstream) -> None:
    corporations = [TokenKey("qy", f"corp {number}", "digest") for number in range(250)]
    for key in corporations:
        await cache.get(key, upstream)
        await cache.get(KEY, upstream)
    assert upstream.fetched == 251
    assert sum(at_hand(cache, key) is not None for key in corporations) == 99
    assert at_hand(cache) == "token 2"


async def test_a_token_that_is_copied_no_more_is_found_in_the_store(cache: TokenCache, upstream: Upstream) -> None:
    for number in range(250):
        await cache.get(TokenKey("qy", f"corp {number}", "digest"), upstream)
    assert await cache.get(TokenKey("qy", "corp 0", "digest"), upstream) == "token 1"
    assert upstream.fetched == 250


async def test_closing_cancels_a_fetch_under_way(cache: TokenCache, upstream: Upstream, events: list[Event]) -> None:
    upstream.open.clear()
    waiting = asyncio.ensure_future(cache.get(KEY, upstream))
    await turns()
    await cache.close()
    assert upstream.inside == 0
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert outcomes(events) == ["failed"]


class Slow(MemoryStore):
    """A store that keeps whoever writes waiting, and then fails."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 100)
        self.fails = asyncio.Event()

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        await self.fails.wait()
        raise RuntimeError


async def test_closing_waits_until_all_know_that_a_token_works_and_bears_it_if_they_never_do(
    clock: Clock, upstream: Upstream
) -> None:
    store = Slow(clock)
    cache = TokenCache(store, Observer(), clock)
    cache.confirm(KEY, await cache.get(KEY, upstream))
    closing = asyncio.ensure_future(cache.close())
    await turns()
    assert not closing.done()
    store.fails.set()
    await closing


async def test_every_fetch_is_told_with_how_it_ended(
    cache: TokenCache, upstream: Upstream, clock: Clock, events: list[Event]
) -> None:
    await cache.get(KEY, upstream)
    upstream.same = "token 1"
    clock.advance(LIFE - 100)
    await cache.get(KEY, upstream)
    await turns()
    clock.advance(100)
    for error in (EsbError("busy"), TokenRefused("invalid credential")):
        upstream.error = error
        with pytest.raises(EsbError):
            await cache.get(KEY, upstream)
    assert outcomes(events) == ["fetched", "same", "failed", "refused"]
    told = [event for event in events if isinstance(event, TokenFetched)]
    assert {(event.platform, event.account, event.seconds) for event in told} == {("qy", "ww0000000000000001", 0.0)}
    assert "digest" not in repr(events)
    assert "token 1" not in repr(events)


async def test_a_report_that_is_made_leaves_nothing_behind(cache: TokenCache, upstream: Upstream) -> None:
    cache.confirm(KEY, await cache.get(KEY, upstream))
    await turns()
    reports = [each for each in gc.get_objects() if type(each) is asyncio.Task and "_without_store" in repr(each)]
    assert reports == []
