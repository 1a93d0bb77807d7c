"""Events, and those who listen."""

from dataclasses import fields
from typing import get_args

import pytest

from esb.core import events
from esb.core.events import CallFinished, Crashed, Event, Observer

CRASH = Crashed("0" * 32, "/a/b/", "ValueError", ("plugin.py:1 handle",))


def test_each_listener_is_told_each_event_in_order() -> None:
    told: list[tuple[str, Event]] = []
    observer = Observer([lambda event: told.append(("first", event)), lambda event: told.append(("second", event))])
    observer.emit(CRASH)
    assert told == [("first", CRASH), ("second", CRASH)]


def test_without_listeners_nothing_happens() -> None:
    Observer().emit(CRASH)


def test_a_listener_that_fails_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []

    def full_disk(event: Event) -> None:
        raise OSError("no space left on device")

    Observer([full_disk, told.append]).emit(CRASH)
    assert told == [CRASH]
    assert "a listener failed" in caplog.text


@pytest.mark.parametrize("event", get_args(Event))
def test_no_event_has_room_for_parameters_urls_or_secrets(event: type) -> None:
    names = {field.name for field in fields(event)}
    assert not names & {"args", "params", "body", "url", "query", "headers", "token", "secret", "error", "message"}
    assert event.__doc__


def test_events_are_frozen() -> None:
    with pytest.raises(AttributeError):
        CRASH.kind = "other"  # type: ignore[misc]  # that it cannot be assigned is the point
    assert CallFinished.__module__ == events.__name__
