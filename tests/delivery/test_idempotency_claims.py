"""The claim of a first call: its content, its time, and its end, however the store and the call behave."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from esb.core.call import Call, Options
from esb.core.errors import EsbError, RequestError, UpstreamError
from esb.delivery.idempotency import CLAIM_SECONDS, LAST_SECONDS, Idempotency
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway, Swapped
from tests.support.calls import explode, make_call
from tests.support.clock import Clock
from tests.support.idempotency import make_idempotency
from tests.support.loop_time import movable_loop_time, turns

DAY = 24 * 3600.0
Ask = Callable[..., Awaitable[Any]]


class Failing(MemoryStore):
    """A store that notes for how long it is asked to keep, and is away as soon as a claim is made, if it is told so."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 1000)
        self.seconds: list[float] = []
        self.leases: list[float] = []
        self.is_fragile = False

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        if self.is_fragile and seen:
            raise StoreAway("store", "swap", "away", sent=False)
        self.seconds.append(seconds)
        if not seen:
            self.leases.append(json.loads(value)["lease"])
        return await super().swap(key, seen, value, seconds)

    async def drop(self, key: str, version: str) -> bool:
        if self.is_fragile:
            raise StoreAway("store", "drop", "away", sent=False)
        return await super().drop(key, version)


@pytest.fixture
def store(clock: Clock) -> Failing:
    return Failing(clock)


@pytest.fixture
def idempotency(store: Failing) -> Idempotency:
    return make_idempotency(store)


def keyed(key: str = "k", *, test_env: bool = False, dry_run: bool = False, **changes: Any) -> Call:
    return make_call(options=Options(idempotency_key=key, test_env=test_env, dry_run=dry_run), **changes)


class Handler:
    """A component that sends, unless told otherwise; `calls` is what it got."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.sends = True
        self.error: Exception | None = None

    async def __call__(self, call: Call) -> Any:
        self.calls.append(call)
        call.record.sent = self.sends
        if self.error is not None:
            raise self.error
        return {"number": len(self.calls)}


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.mark.parametrize(
    "changes",
    [{"args": {"a": 2}}, {"args": {}}, {"path_vars": {"id": "2"}}, {"path_vars": {}}, {"test_env": True}],
    ids=["argument", "no argument", "path", "no path", "environment"],
)
async def test_all_that_makes_a_call_another_one_is_compared(
    idempotency: Idempotency, handler: Handler, changes: dict[str, Any]
) -> None:
    first: dict[str, Any] = {"args": {"a": 1}, "path_vars": {"id": "1"}}
    await idempotency(keyed(**first), handler)
    await idempotency(keyed(**first), handler)
    with pytest.raises(RequestError, match="other parameters"):
        await idempotency(keyed(**{**first, **changes}), handler)
    assert len(handler.calls) == 1


async def test_other_content_is_refused_while_the_first_call_is_under_way(idempotency: Idempotency) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> str:
        begun.set()
        await go_on.wait()
        return "done"

    first = asyncio.ensure_future(idempotency(keyed(args={"a": 1}), slow))
    await begun.wait()
    with pytest.raises(RequestError, match="other parameters"):
        await idempotency(keyed(args={"a": 2}), slow)
    go_on.set()
    assert await first == "done"


@pytest.mark.parametrize("text", ["\ud800", "键", "%", ":"])
async def test_keys_and_arguments_may_hold_any_text(idempotency: Idempotency, handler: Handler, text: str) -> None:
    for _ in range(2):
        await idempotency(keyed(text, args={"a": text}), handler)
    await idempotency(keyed(f"{text}.", args={"a": text}), handler)
    assert len(handler.calls) == 2


@pytest.mark.parametrize("key", ["k" * 256, 10**255, True, ["k"], 1.5])
async def test_a_key_of_another_form_is_refused(idempotency: Idempotency, handler: Handler, key: Any) -> None:
    with pytest.raises(RequestError, match="must be a string of at most 255 characters"):
        await idempotency(make_call(args={"idempotency_key": key}), handler)
    assert handler.calls == []


@pytest.mark.parametrize(("key", "seen"), [("k" * 255, "k" * 255), (7, "7"), ("", None), (None, None), (0, None)])
async def test_a_key_is_text_for_whoever_reads_it(
    idempotency: Idempotency, handler: Handler, key: Any, seen: str | None
) -> None:
    await idempotency(make_call(args={"idempotency_key": key}), handler)
    assert handler.calls[0].options.idempotency_key == seen


async def test_the_header_wins_over_the_parameter(idempotency: Idempotency, handler: Handler) -> None:
    await idempotency(keyed("header", args={"idempotency_key": "parameter"}), handler)
    assert handler.calls[0].options.idempotency_key == "header"
    await idempotency(keyed("parameter"), handler)
    assert len(handler.calls) == 2


@pytest.mark.parametrize("by_parameter", [True, False])
async def test_a_dry_run_is_made_each_time(idempotency: Idempotency, handler: Handler, by_parameter: bool) -> None:
    for _ in range(2):
        call = keyed(args={"dry_run": "true"}) if by_parameter else keyed(dry_run=True)
        await idempotency(call, handler)
    assert [call.options.dry_run for call in handler.calls] == [True, True]


async def test_a_claim_and_an_answer_outlive_their_call_by_a_day(
    idempotency: Idempotency, store: Failing, handler: Handler, clock: Clock
) -> None:
    await idempotency(keyed(timeout=30), handler)
    assert store.seconds == [DAY, DAY]
    assert store.leases == [pytest.approx(30 + LAST_SECONDS + CLAIM_SECONDS, abs=1)]
    clock.advance(DAY - 1)
    await idempotency(keyed(), handler)
    assert len(handler.calls) == 1
    clock.advance(1)
    await idempotency(keyed(), handler)
    assert len(handler.calls) == 2


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("error", [None, EsbError("no"), ZeroDivisionError()])
async def test_a_store_that_fails_meanwhile_changes_nothing_for_the_caller(
    idempotency: Idempotency, store: Failing, handler: Handler, sends: bool, error: Exception | None
) -> None:
    store.is_fragile = True
    handler.sends, handler.error = sends, error
    if error is None:
        assert await idempotency(keyed(), handler) == {"number": 1}
    else:
        with pytest.raises(type(error)):
            await idempotency(keyed(), handler)
    assert idempotency.under_way == set()


async def test_who_waits_in_this_process_is_answered_though_the_store_has_gone(
    idempotency: Idempotency, store: Failing
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> dict[str, Any]:
        call.record.sent = True
        begun.set()
        await go_on.wait()
        return {"number": 1}

    first = asyncio.ensure_future(idempotency(keyed(), slow))
    await begun.wait()
    second = asyncio.ensure_future(idempotency(keyed(), slow))
    await asyncio.sleep(0)
    store.is_fragile = True
    go_on.set()
    assert await first == {"number": 1}
    assert (await second)["data"] == {"number": 1, "replayed": True}


async def test_a_call_has_a_moment_after_its_deadline_to_say_what_it_did(idempotency: Idempotency) -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> Any:
        begun.set()
        await ends.wait()
        return {"sent": True}

    with movable_loop_time() as advance:
        asking = asyncio.ensure_future(idempotency(keyed(timeout=20), slow))
        await begun.wait()
        advance(20 + LAST_SECONDS / 2)
        await turns()
        ends.set()
        assert await asking == {"sent": True}


async def test_of_two_at_once_the_slower_one_gets_the_answer_of_the_quicker(
    store: Failing, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = store.swap

    async def slow(*claim: Any) -> Swapped:
        swapped = await swap(*claim)
        await turns()
        return swapped

    monkeypatch.setattr(store, "swap", slow)
    idempotency = make_idempotency(store)
    first, second = await asyncio.gather(idempotency(keyed(), handler), idempotency(keyed(), handler))
    assert (first, second["data"]) == ({"number": 1}, {"number": 1, "replayed": True})


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in this process", "in another"])
async def test_whoever_waits_for_a_first_call_may_leave_and_is_told_what_is_known_when_time_is_over(
    idempotency: Idempotency, store: Failing, elsewhere: bool
) -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    async def hang(call: Call) -> Any:
        begun.set()
        await ends.wait()

    process = make_idempotency(store) if elsewhere else idempotency
    first = asyncio.ensure_future(process(keyed(timeout=100), hang))
    await begun.wait()
    with movable_loop_time() as advance:
        leaving = asyncio.ensure_future(idempotency(keyed(timeout=0.9), explode))
        late = asyncio.ensure_future(idempotency(keyed(timeout=20), explode))
        await turns()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        advance(20)
        late.cancel()
        with pytest.raises(UpstreamError, match="exceeds 20 seconds") as caught:
            await late
        assert caught.value.data == {"outcome": "unknown", "retryable": False}
    ends.set()
    await first


async def test_closing_ends_what_is_under_way(idempotency: Idempotency) -> None:
    begun = asyncio.Event()
    ended: list[str] = []

    async def endless(call: Call) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("ended")

    asking = asyncio.ensure_future(idempotency(keyed(), endless))
    await begun.wait()
    await idempotency.close()
    assert (ended, idempotency.under_way) == (["ended"], set())
    with pytest.raises(asyncio.CancelledError):
        await asking


class Slow(MemoryStore):
    """A store whose claims are made at once and heard of when `heard` is set."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, 1000)
        self.heard = asyncio.Event()

    async def swap(self, key: str, seen: str, value: bytes, seconds: float) -> Swapped:
        swapped = await super().swap(key, seen, value, seconds)
        await self.heard.wait()
        return swapped


@pytest.mark.parametrize("late", [False, True], ids=["left", "late"])
async def test_a_claim_whose_caller_leaves_before_its_call_begins_is_given_up(
    clock: Clock, handler: Handler, late: bool
) -> None:
    store = Slow(clock)
    idempotency = make_idempotency(store)
    with movable_loop_time() as advance:
        leaving = asyncio.ensure_future(idempotency(keyed(timeout=20), explode))
        await turns()
        advance(20 if late else 1)
        leaving.cancel()
        with pytest.raises(UpstreamError if late else asyncio.CancelledError):
            await leaving
        store.heard.set()
        await idempotency.close()
        assert await idempotency(keyed(), handler) == {"number": 1}
