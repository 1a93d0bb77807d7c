"""Tracebacks of crashed plugins for their authors. Their texts quote values: never for a log of production."""

import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

from esb.core.errors import PluginMistake
from esb.core.events import Crashed

HOUSE = str(Path(__file__).parents[1])
STDLIB, INSTALLED = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")


def of_plugin(event: Crashed, error: BaseException) -> str:
    """Return what crashed, and its traceback from the first frame of a plugin on; without one, from the beginning.

    A PluginMistake that no plugin's frame raised has none: its text says what is wrong. Control characters are escaped.
    """
    request = f" (request {event.call_id})" if event.call_id else ""
    head = f"a plugin crashed: {event.doing}{request}\n"
    start = _first_of_a_plugin(error.__traceback__)
    if start is None and isinstance(error, PluginMistake):
        return f"{head}{_printable(str(error))}\n"
    text = "".join(traceback.format_exception(type(error), error, start or error.__traceback__))
    return head + _printable(text)


def _first_of_a_plugin(frame: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame on that is neither of the gateway nor of Python; None without any."""
    while frame is not None and _is_not_a_plugin(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    return frame


def _is_not_a_plugin(file: str) -> bool:
    if file.startswith(("<", HOUSE)):
        return True
    return file.startswith(STDLIB) and not file.startswith(INSTALLED)


def _printable(text: str) -> str:
    """Escape control characters: what a caller sent must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
