"""What is written to stderr beside the log becomes lines of the log."""

import gc
import sys
import threading
import warnings

from esb.core.events import Crashed, Event, LibraryLogged
from esb.telemetry import stdlib_logs, strays


def test_what_is_printed_is_told_line_by_line() -> None:
    events: list[Event] = []
    before = sys.stderr
    with strays.reported(events.append):
        sys.stderr.writelines(["one", " ", "line", "\n"])
        sys.stderr.write("two\n\n  \nthr")
        sys.stderr.write("ee\n")
        sys.stderr.flush()
        sys.stderr.write("unfinished")
        assert sys.stderr.fileno() == before.fileno()
    assert sys.stderr is before
    assert events == [LibraryLogged("stderr", "warning", text) for text in ("one line", "two", "three")]


def test_a_line_without_end_is_cut() -> None:
    events: list[Event] = []
    with strays.reported(events.append):
        for _ in range(100):
            sys.stderr.write("x" * 1000)
        sys.stderr.write("\n")
    assert events == [LibraryLogged("stderr", "warning", "x" * strays.LONGEST_LINE)]


def test_an_error_of_a_thread_is_told_by_its_class_and_place() -> None:
    def fail() -> None:
        raise ValueError("hunter2")

    events: list[Event] = []
    with strays.reported(events.append):
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    (event,) = events
    assert isinstance(event, Crashed)
    assert (event.doing, event.kind) == ("a thread", "ValueError")
    assert event.where[-1].endswith(" fail")
    assert "hunter2" not in repr(event)


class Broken:
    def __del__(self) -> None:
        raise ValueError("hunter2")


def test_an_error_of_a_finalizer_is_told_too() -> None:
    events: list[Event] = []
    with strays.reported(events.append):
        Broken()
        gc.collect()
    (event,) = events
    assert isinstance(event, Crashed)
    assert (event.doing, event.kind) == ("a finalizer", "ValueError")


def test_a_warning_of_python_is_a_line_of_its_own() -> None:
    events: list[Event] = []
    with stdlib_logs.reported(events.append), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways\nmore of it", DeprecationWarning, stacklevel=1)
    (event,) = events
    assert isinstance(event, LibraryLogged)
    assert (event.logger, event.level) == ("py.warnings", "warning")
    assert event.text.endswith("DeprecationWarning: old ways")
