"""Terms of an asynchronous call: when it is sent, until when it is tried, its callback and its priority."""

from typing import Any

import pytest

from esb.core.call import App
from esb.core.errors import RequestError
from esb.delivery.terms import Terms, When, is_asynchronous, terms_of
from tests.support.calls import make_call

NOW = 1_796_000_000.0  # 2026-11-30T00:53:20Z
DAY = 86_400_000


async def terms(**args: Any) -> Terms:
    app = App("shop", callbacks={"done": "https://shop.example.com/done"})
    return terms_of(make_call(args=args, app=app), frozenset(), 24 * 3600, NOW)


async def test_left_out_it_is_sent_at_once_and_tried_as_long_as_the_configuration_says() -> None:
    for nothing in ({}, {"deliver_at": "", "expires": None, "callback": "", "priority": ""}):
        assert await terms(**nothing) == Terms(When(0, is_span=True), When(DAY, is_span=True), "", 5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("10m", When(600_000, is_span=True)),
        (" 2h ", When(7_200_000, is_span=True)),
        ("2026-12-01T00:00:00Z", When(1_796_083_200_000, is_span=False)),
        ("2026-12-01t08:00:00.25+08:00", When(1_796_083_200_000, is_span=False)),
        ("2026-11-01T00:00:00Z", When(1_793_491_200_000, is_span=False)),
    ],
)
async def test_it_may_be_sent_at_a_moment_or_after_a_time(given: str, expected: When) -> None:
    assert (await terms(deliver_at=given)).due == expected


async def test_the_time_for_which_it_is_tried_begins_when_it_is_due() -> None:
    found = await terms(deliver_at="1d", expires="30m")
    assert found.expires.after(found.due.after(0)) == DAY + 1_800_000
    assert (await terms(deliver_at="1d", expires="2026-12-03T00:00:00Z")).expires.after(7) == 1_796_256_000_000


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("deliver_at", "2026-12-01"),
        ("deliver_at", "2026-12-01T00:00:00"),
        ("deliver_at", "2026-13-01T00:00:00Z"),
        ("deliver_at", "tomorrow"),
        ("deliver_at", 1_796_083_200),
        ("deliver_at", True),
        ("deliver_at", ["1h"]),
        ("deliver_at", "367d"),
        ("deliver_at", "9999-12-31T23:59:59Z"),
        ("expires", "0s"),
        ("expires", "-1h"),
        ("expires", "3600"),
        ("expires", "2026-11-30T00:53:20Z"),
        ("expires", "367d"),
        ("expires", {}),
        ("callback", "https://shop.example.com/done"),
        ("callback", "other"),
        ("callback", 1),
        ("callback", ["done"]),
        ("priority", "urgent"),
        ("priority", 10),
        ("priority", -1),
        ("priority", 1.5),
        ("priority", True),
        ("priority", ["high"]),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(name: str, given: Any) -> None:
    with pytest.raises(RequestError, match=rf"\[{name}\] must be ") as refused:
        await terms(**{name: given})
    assert refused.value.data == {"field": name}


async def test_it_must_not_end_before_it_begins() -> None:
    with pytest.raises(RequestError):
        await terms(deliver_at="2h", expires="2026-11-30T02:00:00Z")


async def test_a_callback_is_one_of_the_apps_own() -> None:
    assert (await terms(callback="done")).callback == "done"
    with pytest.raises(RequestError) as refused:
        await terms(callback="don")
    assert str(refused.value).endswith("declared for the app: done")
    with pytest.raises(RequestError, match="there is none"):
        terms_of(make_call(args={"callback": "done"}), frozenset(), 60, NOW)


@pytest.mark.parametrize(("given", "number"), [("low", 0), ("Normal", 5), (" HIGH", 9), (0, 0), ("7", 7)])
async def test_a_priority_is_a_word_or_a_digit(given: Any, number: int) -> None:
    assert (await terms(priority=given)).priority == number


async def test_a_parameter_that_the_component_has_itself_says_nothing_of_it() -> None:
    own = frozenset({"priority", "expires"})
    found = terms_of(make_call(args={"priority": "mine", "expires": "never"}), own, 60, NOW)
    assert (found.priority, found.expires) == (5, When(60_000, is_span=True))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, False),
        ({"async": False}, False),
        ({"async": "0"}, False),
        ({"async": "true"}, True),
        ({"async": 1}, True),
        ({"deliver_at": ""}, False),
        ({"deliver_at": "1h"}, True),
        ({"expires": "1h", "callback": "done", "priority": 1}, False),
    ],
)
def test_a_call_is_asynchronous_if_it_says_so_or_when_it_is_to_be_sent(args: dict[str, Any], expected: bool) -> None:
    assert is_asynchronous(args, frozenset()) is expected
    assert not is_asynchronous(args, frozenset({"async", "deliver_at"}))
