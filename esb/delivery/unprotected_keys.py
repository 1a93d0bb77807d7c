"""Idempotency keys that are not protected: their answers say so, and they are counted."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from esb.core.call import Call
from esb.core.errors import Message, template
from esb.core.events import Observer
from esb.core.process_events import KeysUnprotected
from esb.incoming.parameter_warnings import warning
from esb.store.kept_keys import Unprotected

FIELD = "Idempotency-Key"
"""The name in warnings, of the parameter too: one about `idempotency_key` would read as if that were not known."""
TELLING_SECONDS = 60.0
"""The time from one event about unprotected keys to the next; the first one is told at once."""
_TEXTS: Mapping[Unprotected, Message] = {
    Unprotected.PROCESS: Message(
        template("this key is known to one process only: after a restart, or at another one, a repetition sends again")
    ),
    Unprotected.AWAY: Message(
        template(
            "what keeps keys is away, so this one is known to one process only: after a restart, or at another one, a "
            "repetition sends again"
        )
    ),
    Unprotected.FULL: Message(
        template("this app has as many keys as there is room for, so this one is not kept: a repetition sends again")
    ),
}


class UnprotectedKeys:
    """The count of unprotected keys by their reason, and the warnings about them."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._counts: Counter[Unprotected] = Counter()
        self._silent: asyncio.TimerHandle | None = None

    def note(self, call: Call, reason: Unprotected) -> None:
        """Count the key of a call; if its caller gave it one, its answer warns of it."""
        if call.options.idempotency_key:
            call.record.warnings = [*call.record.warnings, warning(FIELD, _TEXTS[reason])]
        self._counts[reason] += 1
        if self._silent is None:
            self._tell()

    def close(self) -> None:
        """Tell what was not told yet."""
        if self._silent is not None:
            self._silent.cancel()
            self._tell()
            self._silent = None

    def _tell(self) -> None:
        counts, self._counts = self._counts, Counter()
        self._silent = asyncio.get_running_loop().call_later(TELLING_SECONDS, self._tell) if counts else None
        for reason, keys in counts.items():
            self._observer.emit(KeysUnprotected(reason, keys))
