"""The log of a call, for what a plugin has to tell: each line has the request id, and no secret that is known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any, Literal
from uuid import UUID

from esb.core.errors import EsbError
from esb.core.events import Observer, PluginLogged
from esb.core.redaction import REDACTED, redacted, sounds_secret

LONGEST_TEXT = 1000
"""Characters of a text in a line. Longer ones are cut: a line is for people."""
LONGEST_NAME = 64
MOST = 50
"""Fields of a line, and items of a list or mapping in it."""
DEEPEST = 2
"""Levels of lists and mappings in a field."""
AS_TEXT = (str, EsbError, date, datetime, time, timedelta, Decimal, PurePath, UUID, Enum)
"""Types whose text tells their value. Of other objects only the type is told: their texts may hold anything."""
Level = Literal["debug", "info", "warning", "error"]


class CallLogs:
    """The logs of all calls that one configuration answers: its secrets are taken out of every line."""

    def __init__(self, observer: Observer, secrets: Callable[[], Iterable[str]]) -> None:
        """`secrets` returns those of the configuration. It is asked once, by the first line that is written."""
        self._observer = observer
        self._find = secrets
        self._secrets: frozenset[str] | None = None

    @property
    def shows_debug(self) -> bool:
        """True if lines of level debug are written: where an author looks on."""
        return self._observer.has_author

    def write(self, line: PluginLogged) -> None:
        self._observer.emit(line)

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets of the configuration."""
        if self._secrets is None:
            self._secrets = frozenset(self._find())
        return self._secrets


UNHEARD = CallLogs(Observer(), tuple)
"""The logs of calls that no gateway answers, such as those that a unit test makes."""


class CallLog:
    """The log of one call: `call.log.info("delivered", msgid=42)`.

    Each line has the event `plugin`, the call's request id and component, the text, and the fields that are given by
    name. Known secrets are taken out of texts and fields: those of the caller and of the configuration. What stands
    under a name that sounds like a secret, a mail address or a phone number is hidden. A text has 1000 characters at
    most. Lists and mappings are told; of other objects only the type. Anything else is written as it is, so what a
    caller sent belongs there only if it may be read. Lines of level debug are written by `esb dev` and in tests only.
    """

    __slots__ = ("_component", "_id", "_logs", "_secrets")

    def __init__(self, logs: CallLogs, call_id: str, component: str, secrets: Iterable[str]) -> None:
        self._logs = logs
        self._id = call_id
        self._component = component
        self._secrets = secrets

    def debug(self, text: str, /, **fields: Any) -> None:
        """Write a line that helps to find a bug: by `esb dev` and in tests only."""
        if self._logs.shows_debug:
            self._write("debug", text, fields)

    def info(self, text: str, /, **fields: Any) -> None:
        """Write a line about something ordinary that is worth knowing."""
        self._write("info", text, fields)

    def warning(self, text: str, /, **fields: Any) -> None:
        """Write a line about something that is not as it should be, and does no harm yet."""
        self._write("warning", text, fields)

    def error(self, text: str, /, **fields: Any) -> None:
        """Write a line about something that an operator has to mend."""
        self._write("error", text, fields)

    def _write(self, level: Level, text: str, fields: Mapping[str, Any]) -> None:
        secrets = self._logs.secrets.union(self._secrets)
        told = dict(_told_items(fields, secrets, DEEPEST))
        self._logs.write(PluginLogged(self._id, self._component, level, _text(text, secrets), told))


def _told_items(fields: Mapping[Any, Any], secrets: frozenset[str], levels: int) -> Iterator[tuple[str, Any]]:
    for name, value in islice(fields.items(), MOST):
        plain = isinstance(name, str) and name.isidentifier() and len(name) <= LONGEST_NAME
        key = _text(name, secrets) if plain else "…"
        yield key, REDACTED if value and sounds_secret(str(name)) else _told(value, secrets, levels)


def _told(value: Any, secrets: frozenset[str], levels: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, AS_TEXT):
        return _text(str(value), secrets)
    if levels and isinstance(value, Mapping):
        return dict(_told_items(value, secrets, levels - 1))
    if levels and isinstance(value, list | tuple | set | frozenset):
        return [_told(item, secrets, levels - 1) for item in islice(value, MOST)]
    return f"<{type(value).__name__}>"


def _text(text: str, secrets: frozenset[str]) -> str:
    """Return a text without these secrets, cut, in characters that can be written."""
    found = redacted(str(text), secrets)
    cut = found if len(found) <= LONGEST_TEXT else f"{found[:LONGEST_TEXT]}…"
    return cut if cut.isascii() else cut.encode(errors="replace").decode()
