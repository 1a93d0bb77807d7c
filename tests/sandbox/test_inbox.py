"""The inbox: what is found in it, and what those hear who watch it."""

import pytest

from esb.sandbox import inbox
from esb.sandbox.inbox import Inbox, Message
from esb.sandbox.wire import Call

CALL = Call("POST", "/cgi-bin/webhook/send", {}, b"{}", "127.0.0.1")


@pytest.fixture
def box() -> Inbox:
    return Inbox()


def add(box: Inbox, number: int = 1) -> list[Message]:
    return [box.add(CALL, 0, "robot", "bot-key", "", ["bot-key"]) for _ in range(number)]


def test_messages_are_found_by_their_ids_also_when_older_ones_are_gone(
    box: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "KEPT", 3)
    add(box, 5)
    assert [message and message.id for message in map(box.find, range(7))] == [None, None, None, 3, 4, 5, None]
    assert [message.id for message in box.after(3)] == [4, 5]
    assert [message.id for message in box.after(1)] == [3, 4, 5]
    assert [message.id for message in box.before(5)] == [4, 3]
    assert [message.id for message in box.before(99)] == [5, 4, 3]
    assert (len(box), box.last_id) == (3, 5)


def test_an_empty_inbox_has_nothing_before_or_after(box: Inbox) -> None:
    add(box, 2)
    box.empty()
    assert (list(box.after(0)), list(box.before(9)), box.find(1), len(box)) == ([], [], None, 0)
    [third] = add(box)
    assert (third.id, box.find(3)) == (3, third)


def test_changes_are_told_once_each_in_their_order(box: Inbox) -> None:
    beginning = box.position
    first, second = add(box, 2)
    seen = box.position
    [third] = add(box)
    box.recall(first)
    box.recall(third)

    assert box.changed_since(seen) == [third, first]
    assert box.changed_since(beginning) == [first, second, third]
    assert box.changed_since(box.position) == []


def test_whoever_missed_too_much_is_told_so(box: Inbox) -> None:
    beginning = box.position
    add(box)
    then = box.position
    add(box, inbox.CHANGES)

    assert box.changed_since(beginning) is None
    assert len(box.changed_since(then) or ()) == inbox.CHANGES


def test_whoever_saw_what_is_no_more_is_told_so(box: Inbox) -> None:
    add(box)
    before = box.position
    box.empty()

    assert box.changed_since(before) is None
    assert box.changed_since(box.position) == []
    for elsewhere in (Inbox().position, "", "-1", f"{box.position}0", box.position.replace("-", "-x")):
        assert box.changed_since(elsewhere) is None
