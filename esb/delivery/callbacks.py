"""Callbacks: what became of a delivery is told to its app, at the address that the app has declared, by a webhook.

Each event is tried until its receiver takes it, at growing distances; the database holds when. It comes at least once.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from esb.contracts.services import Apps
from esb.core.clock import Clock
from esb.core.delivery_events import CallbackOutcome, CallbackTried
from esb.core.delivery_states import DeliveryState
from esb.core.errors import EsbError
from esb.core.events import Observer
from esb.core.nobodys_call import nobodys_call
from esb.database.callback_queue import CallbackKey, CallbackQueue, FinishedEvent, TakenEvent
from esb.database.engine import DatabaseAway
from esb.delivery.webhook_signature import signed_headers
from esb.outgoing.client import Answer, Outgoing, Target
from esb.outgoing.retry_after import retry_after

PAUSES = (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Seconds after each failed attempt; there is none after the last: then it is told no more. Svix has the same."""
JITTER = 0.1
"""The part by which each of them is longer or shorter, so that those which failed together do not come together."""
ATTEMPT_SECONDS = 15.0
"""The time that a receiver has to answer."""
DIRECTORY_SECONDS = 10.0
"""The time that the directory of apps has, which knows the address and the secrets."""
AT_ONCE = 50
"""Callbacks of one process under way at once."""
OF_ONE = 5
"""Those among them at one address: one that hangs keeps no other waiting."""
LOOKING_SECONDS = 5.0
"""The time after which the database is looked at, though nobody has woken: another process writes events too."""
CONTENDED_SECONDS = 0.5
"""The time after which it is looked at again if others have taken what was due."""
CALLBACK = Target("ESB", "callback", sends=False)
GONE = 410
ABORTED = "abort-message"
"""Value of the answer's header webhook-delivery with which a receiver wants to hear of this event no more."""


@dataclass(frozen=True, slots=True)
class _Result:
    """The end of an attempt. `seconds` that the receiver asks for until the next one; `gone_at`: it is gone there."""

    outcome: CallbackOutcome
    why: str = ""
    seconds: float = 0.0
    gone_at: str = ""


class Callbacks:
    """A teller of events to callbacks, from `open` to `close`.

    `apps` returns the directory of apps that counts now: it knows the addresses of callbacks, and the secrets that
    sign.
    """

    def __init__(
        self, queue: CallbackQueue, http: Outgoing, apps: Callable[[], Apps], clock: Clock, observer: Observer
    ) -> None:
        self._queue = queue
        self._http = http
        self._apps = apps
        self._clock = clock
        self._observer = observer
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._attempts: set[asyncio.Task[None]] = set()
        self._under_way: Counter[CallbackKey] = Counter()

    def open(self) -> None:
        """Begin to look for events."""
        self._looking = asyncio.create_task(self._look())

    def wake(self) -> None:
        """Look now: events were written."""
        self._woken.set()

    def stop(self) -> set[asyncio.Task[None]]:
        """Begin no more attempts, and return those under way."""
        if self._looking is not None:
            self._looking.cancel()
        return set(self._attempts)

    async def close(self) -> None:
        """End, and give back what has not been told, for other processes to tell."""
        ending = self.stop()
        for attempt in ending:
            attempt.cancel()
        if self._looking is not None:
            ending.add(self._looking)
        await asyncio.gather(*ending, return_exceptions=True)
        with suppress(DatabaseAway):
            await self._queue.release()

    async def begin_due(self) -> float:
        """Begin an attempt for each event that is due, as far as there is room; return the seconds to wait then.

        DatabaseAway.
        """
        while (free := AT_ONCE - len(self._attempts)) > 0:
            room = {key: OF_ONE - number for key, number in self._under_way.items()}
            seconds = await self._queue.seconds_until_due([key for key, left in room.items() if left <= 0])
            if seconds is None or seconds > 0:
                return LOOKING_SECONDS if seconds is None else min(seconds, LOOKING_SECONDS)
            taken = await self._queue.take(free, room, OF_ONE)
            if not taken:
                return CONTENDED_SECONDS
            for event in taken:
                self._under_way[event.key] += 1
                self._attempts.add(asyncio.create_task(self._tell(event)))
        return LOOKING_SECONDS  # and at once when an attempt ends

    async def _look(self) -> None:
        while True:
            self._woken.clear()
            try:
                seconds = await self.begin_due()
            except DatabaseAway:
                seconds = LOOKING_SECONDS  # the database itself tells it
            except Exception as error:  # noqa: BLE001 - the rim of a task that nobody waits for
                self._observer.crashed("", "looking for callbacks", error)
                seconds = LOOKING_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), seconds)

    async def _tell(self, event: TakenEvent) -> None:
        """Carry out one attempt to the end. One that is cut off, or whose end cannot be written, comes again later."""
        try:
            try:
                result = await self._attempted(event)
            except Exception as error:  # noqa: BLE001 - the rim: such as a directory that somebody else wrote
                self._observer.crashed("", "calling back", error)
                result = _failed(event, "crashed")
            with suppress(DatabaseAway):
                await self._finish(event, result)
        finally:
            self._attempts.discard(asyncio.current_task())
            self._under_way[event.key] -= 1
            if not self._under_way[event.key]:
                del self._under_way[event.key]
            self.wake()

    async def _finish(self, event: TakenEvent, result: _Result) -> None:
        outcome = result.outcome
        if result.gone_at:
            await self._queue.switch_off(event, result.gone_at, result.why)
        elif outcome == "retried":
            pause = PAUSES[event.attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing is secret
            await self._queue.finish(FinishedEvent(event, DeliveryState.QUEUED, max(pause, result.seconds)))
        else:
            state = DeliveryState.DONE if outcome == "told" else DeliveryState.DEAD
            await self._queue.finish(FinishedEvent(event, state))
        app, callback = event.key
        tried = CallbackTried(app, callback, event.delivery, event.event, outcome, event.attempts + 1, result.why)
        self._observer.emit(tried)

    async def _attempted(self, event: TakenEvent) -> _Result:
        if event.body is None:
            return _Result("given up", "none of the keys opens it")
        try:
            url, secrets = await self._address(event.key)
            if event.off == self._queue.address_of(url):
                return _Result("given up", "its callback is switched off")
            now = int(self._clock.since_1970())
            headers = {"Content-Type": "application/json", **signed_headers(event.id, now, event.body, secrets)}
            answer = await self._http.request(
                None, CALLBACK, "POST", url, body=event.body, headers=headers, timeout=ATTEMPT_SECONDS, guarded=True
            )
        except _NotTold as error:
            return _failed(event, str(error))
        except EsbError as error:
            reason = getattr(error, "reason", None)
            return _failed(event, str(error if reason is None else reason))
        return _judged(event, answer, url)

    async def _address(self, key: CallbackKey) -> tuple[str, Sequence[bytes]]:
        """Return the URL of a callback, and the secrets of its app. EsbError, or _NotTold, if they cannot be had."""
        app, callback = key
        call = nobodys_call("esb.callback", DIRECTORY_SECONDS)
        rights = await self._apps().rights(call, app)
        url = rights.callbacks.get(callback)
        if url is None:
            raise _NotTold("the app has no callback of this name")
        secrets = await self._apps().secrets(call, app)
        if not secrets:
            raise _NotTold("the app has no secret that counts now")
        return url, secrets


class _NotTold(Exception):
    """The reason why an event cannot be told now."""


def _judged(event: TakenEvent, answer: Answer, url: str) -> _Result:
    """Return what an answer means: only those of 2xx are a yes."""
    if 200 <= answer.status < 300:
        return _Result("told")
    why = f"status {answer.status}"
    if answer.status == GONE:
        return _Result("switched off", why, gone_at=url)
    if answer.headers.get("webhook-delivery", "") == ABORTED:
        return _Result("given up", f"{why}, {ABORTED}")
    return _failed(event, why, retry_after(answer.headers.get("Retry-After")) or 0.0)


def _failed(event: TakenEvent, why: str, seconds: float = 0.0) -> _Result:
    return _Result("retried" if event.attempts < len(PAUSES) else "given up", why, seconds)
