"""The life of a process of the gateway, as its log has it: when it is ready, and when it has ended."""

import os
import time
from collections.abc import Callable
from typing import Self

from esb._version import __version__
from esb.config import Config
from esb.core.events import Observer
from esb.core.process_events import Started, Stopped


class ProcessLife:
    """`with`: from its beginning, when this process is ready, to its end. `config` returns what it serves just then."""

    def __init__(self, observer: Observer, process: str, address: str, config: Callable[[], Config]) -> None:
        self._observer = observer
        self._process = process
        self._address = address
        self._config = config
        self._began: float | None = None

    def begin(self) -> None:
        """Tell that the process is ready."""
        self._began = time.monotonic()
        self._observer.emit(Started(*self._told()))

    def end(self) -> None:
        """Tell that the process has ended, unless it never was ready."""
        if self._began is not None:
            self._observer.emit(Stopped(*self._told(), time.monotonic() - self._began))

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _told(self) -> tuple[str, str, int, str, str, str]:
        config = self._config()
        return self._process, __version__, os.getpid(), str(config.path.absolute()), config.hash, self._address
