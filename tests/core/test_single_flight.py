"""Questions shared by who asks them at once, answers remembered, and many questions side by side."""

import asyncio
import gc
import traceback

import pytest

from esb.core.errors import AuthenticationError, EsbError, UpstreamError
from esb.core.single_flight import Lookup, SingleFlight, fan_out
from tests.support.clock import Clock
from tests.support.loop_time import turns


class Question:
    """A question that a test answers when it likes; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = 0
        self.may_answer = asyncio.Event()
        self.answer = "answer"
        self.error: Exception | None = None

    async def __call__(self) -> str:
        self.asked += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
def question() -> Question:
    return Question()


@pytest.fixture
def flight() -> SingleFlight[str, str]:
    return SingleFlight()


async def test_who_asks_while_the_question_is_under_way_shares_the_answer(
    flight: SingleFlight[str, str], question: Question
) -> None:
    tasks = [asyncio.ensure_future(flight.run("key", question)) for _ in range(100)]
    await turns()
    question.may_answer.set()
    assert await asyncio.gather(*tasks) == ["answer"] * 100
    assert question.asked == 1


async def test_after_the_answer_the_question_is_asked_anew(flight: SingleFlight[str, str], question: Question) -> None:
    question.may_answer.set()
    for _ in range(3):
        await flight.run("key", question)
    assert question.asked == 3


async def test_different_keys_are_different_questions(flight: SingleFlight[str, str]) -> None:
    first, second = Question(), Question()
    second.answer = "another"
    first.may_answer.set()
    second.may_answer.set()
    assert list(await asyncio.gather(flight.run("a", first), flight.run("b", second))) == ["answer", "another"]


async def test_who_leaves_takes_nobody_along(flight: SingleFlight[str, str], question: Question) -> None:
    leaving, staying = (asyncio.ensure_future(flight.run("key", question)) for _ in range(2))
    await turns()
    leaving.cancel()
    await turns()
    question.may_answer.set()
    assert await staying == "answer"
    assert leaving.cancelled()
    assert (question.asked, question.cancelled) == (1, 0)


async def test_the_question_goes_on_when_all_have_left(flight: SingleFlight[str, str], question: Question) -> None:
    leaving = asyncio.ensure_future(flight.run("key", question))
    await turns()
    leaving.cancel()
    await turns()
    joining = asyncio.ensure_future(flight.run("key", question))
    question.may_answer.set()
    assert await joining == "answer"
    assert question.asked == 1


async def test_an_error_reaches_all_who_wait_and_is_not_kept(
    flight: SingleFlight[str, str], question: Question
) -> None:
    question.error = EsbError("no")
    question.may_answer.set()
    tasks = [asyncio.ensure_future(flight.run("key", question)) for _ in range(3)]
    assert await asyncio.gather(*tasks, return_exceptions=True) == [question.error] * 3
    question.error = None
    assert await flight.run("key", question) == "answer"


async def test_an_error_that_nobody_waits_for_is_no_complaint_of_the_loop(
    flight: SingleFlight[str, str], question: Question
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    question.error = EsbError("no")
    question.may_answer.set()
    flight.start("key", question)
    await turns()
    gc.collect()
    assert complaints == []


async def test_closing_cancels_what_is_under_way(flight: SingleFlight[str, str], question: Question) -> None:
    task = flight.start("key", question)
    await turns()
    await flight.close()
    assert task.cancelled()
    assert question.cancelled == 1
    await flight.close()


# Lookup


@pytest.fixture
def lookup(clock: Clock) -> Lookup[str, str]:
    return Lookup(ttl=60, refusal=AuthenticationError, refusal_ttl=5, clock=clock, size=10)


@pytest.fixture
def ready(question: Question) -> Question:
    question.may_answer.set()
    return question


async def test_an_answer_is_remembered_for_its_time(lookup: Lookup[str, str], ready: Question, clock: Clock) -> None:
    for seconds, asked in [(0, 1), (59, 1), (1, 2)]:
        clock.advance(seconds)
        assert await lookup.get("key", ready) == "answer"
        assert ready.asked == asked


async def test_a_refusal_is_remembered_for_a_shorter_time(
    lookup: Lookup[str, str], ready: Question, clock: Clock
) -> None:
    ready.error = AuthenticationError("no")
    for seconds, asked in [(0, 1), (4, 1), (1, 2)]:
        clock.advance(seconds)
        with pytest.raises(AuthenticationError):
            await lookup.get("key", ready)
        assert ready.asked == asked


async def test_another_failure_is_not_remembered(lookup: Lookup[str, str], ready: Question) -> None:
    ready.error = UpstreamError("BK_LOGIN", "is_login", "down")
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await lookup.get("key", ready)
    assert ready.asked == 2
    ready.error = None
    assert await lookup.get("key", ready) == "answer"


async def test_a_remembered_refusal_does_not_grow_with_every_time_it_is_told(
    lookup: Lookup[str, str], ready: Question
) -> None:
    ready.error = AuthenticationError("no")
    lengths = []
    for _ in range(20):
        with pytest.raises(AuthenticationError) as caught:
            await lookup.get("key", ready)
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert lengths[1] == lengths[-1]


async def test_the_memory_is_bounded(lookup: Lookup[str, str], ready: Question) -> None:
    for number in range(25):
        await lookup.get(f"key {number}", ready)
    await lookup.get("key 24", ready)
    assert ready.asked == 25
    await lookup.get("key 0", ready)
    assert ready.asked == 26


async def test_a_lookup_is_asked_once_by_many(lookup: Lookup[str, str], question: Question) -> None:
    tasks = [asyncio.ensure_future(lookup.get("key", question)) for _ in range(50)]
    await turns()
    tasks[0].cancel()
    question.may_answer.set()
    assert await asyncio.gather(*tasks[1:]) == ["answer"] * 49
    assert question.asked == 1


async def test_closing_a_lookup_ends_its_questions(lookup: Lookup[str, str], question: Question) -> None:
    task = asyncio.ensure_future(lookup.get("key", question))
    await turns()
    await lookup.close()
    await asyncio.gather(task, return_exceptions=True)
    assert question.cancelled == 1


# fan_out


class Crowd:
    """Answers each item with its square, and knows how many are inside at once."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.finished: list[int] = []

    async def __call__(self, item: int) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await turns(1 + item % 3)
        finally:
            self.inside -= 1
        self.finished.append(item)
        return item * item


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 100])
async def test_answers_come_in_the_order_of_the_items(number: int) -> None:
    crowd = Crowd()
    assert await fan_out(crowd, range(number), 4) == [item * item for item in range(number)]
    assert crowd.most == min(number, 4)


async def test_the_first_error_ends_all_the_others_and_comes_as_it_is() -> None:
    crowd = Crowd()

    async def ask(item: int) -> int:
        if item == 5:
            raise EsbError("no")
        return await crowd(item)

    with pytest.raises(EsbError, match="no") as caught:
        await fan_out(ask, range(100), 4)
    assert caught.value.__cause__ is None
    assert crowd.inside == 0
    assert len(crowd.finished) < 10


async def test_cancelling_ends_all_of_them() -> None:
    crowd = Crowd()
    task = asyncio.ensure_future(fan_out(crowd, range(100), 4))
    await turns(6)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert crowd.inside == 0
