"""Counters, windows and memories, and that none of them grows without end."""

import pytest

from esb.sandbox import inbox, state
from esb.sandbox.inbox import Inbox, Message
from esb.sandbox.seed import default_seed
from esb.sandbox.state import DailyCount, Recent, State, Window, beijing_day
from esb.sandbox.wire import Call
from tests.support.clock import Clock

MIDNIGHT = 1_800_028_800.0  # 2027-01-16 00:00:00 in Beijing
CALL = Call("POST", "/cgi-bin/webhook/send", {}, b"{}", "127.0.0.1")


def message(box: Inbox) -> Message:
    return box.add(CALL, 0, "robot", "bot-key", "", ["bot-key"])


def test_the_day_changes_at_midnight_in_beijing() -> None:
    assert beijing_day(MIDNIGHT - 1) + 1 == beijing_day(MIDNIGHT)
    assert beijing_day(MIDNIGHT) == beijing_day(MIDNIGHT + 86399)


def test_a_daily_count_forgets_yesterday() -> None:
    count = DailyCount()
    count.add(MIDNIGHT - 2, 3)
    count.add(MIDNIGHT - 1)
    assert count.today(MIDNIGHT - 1) == 4

    assert count.today(MIDNIGHT) == 0
    count.add(MIDNIGHT)
    assert count.today(MIDNIGHT) == 1


def test_a_window_counts_what_is_younger_than_its_length() -> None:
    window = Window(60)
    for at in (0, 30, 59):
        window.add(at)

    assert [window.count(now) for now in (59, 60, 89, 90, 119)] == [3, 2, 2, 1, 0]


def test_a_recent_message_is_known_until_its_instant() -> None:
    recent, first = Recent(), message(Inbox())
    recent.remember("key", first, 600)

    assert recent.find("key", 599) is first
    assert recent.find("key", 600) is None
    assert recent.find("other", 0) is None


def test_the_oldest_recent_message_is_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "REMEMBERED", 2)
    recent, box = Recent(), Inbox()
    messages = {key: message(box) for key in "abc"}
    for key in "abc":
        recent.remember(key, messages[key], 10)

    assert [recent.find(key, 0) for key in "abc"] == [None, messages["b"], messages["c"]]


def test_remembering_a_key_again_forgets_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "REMEMBERED", 2)
    recent, first = Recent(), message(Inbox())
    for key in "abb":
        recent.remember(key, first, 10)

    assert recent.find("a", 0) is first


def test_the_inbox_keeps_the_last_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEPT", 3)
    box = Inbox()
    for _ in range(5):
        message(box)

    assert [kept.id for kept in box] == [3, 4, 5]


def test_the_inbox_keeps_the_last_messages_of_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEPT_BYTES", 3 * len(CALL.body))
    box = Inbox()
    for _ in range(5):
        message(box)
    assert [kept.id for kept in box] == [3, 4, 5]

    box.empty()
    for _ in range(2):
        message(box)
    assert [kept.id for kept in box] == [6, 7]


def test_a_state_has_its_own_clock_on_top_of_the_given_one() -> None:
    clock = Clock()
    world = State(default_seed(), clock.since_1970)
    world.advanced_s += 10
    clock.now += 5

    assert world.now() == world.seeded_at + 15


def test_every_default_seed_is_another_one() -> None:
    first, second = default_seed(), default_seed()

    assert first.mp.keys() == second.mp.keys()
    assert next(iter(first.mp.values())) is not next(iter(second.mp.values()))
