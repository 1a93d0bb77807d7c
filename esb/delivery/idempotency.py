"""Idempotency: a repeated call with the same Idempotency-Key (header or parameter) gets the first one's answer.

It stands innermost in the chain of every component that sends, behind authentication, so that a key is one app's own;
another user of the app cannot use it, and so sees no answer that is not its own.
An answer is remembered only if a message may have left; otherwise the repetition is a first try. A caller who leaves
does not end its call: most who come back with the same key have given up waiting for the first answer.

The first call claims its key, and no other process makes it too. Should this process die, nobody does: what became of
the call is unknown then, until the time of its key is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from esb.contracts.component import Envelope, Repetition
from esb.contracts.middleware import Handler
from esb.core.call import ORDINARY, Call
from esb.core.errors import EsbError, first_esb_error
from esb.core.events import Observer
from esb.core.gateway_parameters import ASKING
from esb.delivery import replay
from esb.delivery.acceptance import Acceptance
from esb.delivery.asked_options import with_asked_options
from esb.delivery.awaited_answer import awaited_answer
from esb.delivery.call_digests import Identity, content_of, entry_of, identity_of, require_same
from esb.delivery.key_claims import KeyClaims
from esb.incoming.in_flight import InFlight
from esb.store.kept_keys import Held, Wanted
from esb.store.protocol import StoreAway

REMEMBERED_SECONDS = 24 * 3600.0
LAST_SECONDS = 1.0
"""The seconds that a call gets beyond its deadline; then it is ended, and those that send report what they did."""
CLAIM_SECONDS = 5.0
"""The seconds that a claim lives longer than its call: a busy process may be late to keep the answer."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """The end of a first call: its answer or error, and the bytes kept for repetitions, if a message may have left."""

    answer: Any = None
    error: Exception | None = None
    kept: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Running:
    """A first call under way, until its deadline. `content`: the digest that its repetitions must share."""

    content: str
    task: asyncio.Task[_Ended]
    deadline: float


class Idempotency:
    """A middleware for components that send. One for the process: a repetition may come after a reload."""

    def __init__(
        self,
        claims: KeyClaims,
        observer: Observer,
        *,
        calls: InFlight | None = None,
        running: dict[str, _Running] | None = None,
        by_header: bool = False,
        acceptance: Acceptance | None = None,
    ) -> None:
        """`calls` counts those with a key to their end; `running` holds them, by entry of the store.

        `by_header`: a key comes by header alone, since parameters are another system's, and so is the query.
        `acceptance` takes the calls that are sent later.
        """
        self._claims = claims
        self._observer = observer
        self._calls = InFlight() if calls is None else calls
        self._running = {} if running is None else running
        self._by_header = by_header
        self._acceptance = acceptance

    def sending(
        self, acceptance: Acceptance, repetition: Callable[[Call], Repetition | None] | None = None
    ) -> "Idempotency":
        """Return a middleware with the same memory for a component whose calls that are sent later `acceptance` takes.

        By `repetition`, it knows repetitions without a key, too.
        """
        if repetition is not None:
            return _Recognising(self._claims, self._observer, self._calls, self._running, acceptance, repetition)
        return Idempotency(
            self._claims, self._observer, calls=self._calls, running=self._running, acceptance=acceptance
        )

    def counting(self, calls: InFlight, *, by_header: bool = False) -> "Idempotency":
        """Return a middleware with the same memory that counts its calls with a key in `calls`, each to its end.

        A call whose caller has left is counted too, until it ends.
        """
        return Idempotency(self._claims, self._observer, calls=calls, running=self._running, by_header=by_header)

    @property
    def under_way(self) -> set[asyncio.Task[Any]]:
        """The calls with a key that have not ended, whether or not their callers still wait."""
        return {running.task for running in self._running.values()}

    async def close(self) -> None:
        """End the calls that are still under way."""
        tasks = self.under_way
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._claims.close()

    def __call__(self, call: Call, handler: Handler) -> Awaitable[Any]:
        if call.options is ORDINARY and (self._by_header or call.args.keys().isdisjoint(ASKING)):
            return handler(call)  # nearly always, and without a coroutine in between; bench: send
        return self._asked(call, handler)

    async def _asked(self, call: Call, handler: Handler) -> Any:
        """Answer a call that asks something of the gateway itself."""
        preferred, acceptance = call.options.respond_async, self._acceptance
        if not self._by_header:
            call = with_asked_options(call, acceptance)
        key = call.options.idempotency_key
        if call.options.respond_async and acceptance is not None:
            return await self._later(acceptance, call, handler, preferred=preferred)
        if not key or call.options.dry_run:
            return await handler(call)
        content = content_of(call, by_header=self._by_header)
        first = handler if acceptance is None else _unless_accepted(acceptance, handler)
        return await self._once(entry_of(call, key), content, REMEMBERED_SECONDS, call, first)

    async def _later(
        self,
        acceptance: Acceptance,
        call: Call,
        handler: Handler,
        *,
        preferred: bool,
        repetition: Repetition | None = None,
    ) -> Any:
        """Accept a call that is to be sent later, or answer as the one with its key that was made at once."""
        identity = identity_of(call, repetition)
        sent = partial(self._sent_before, call, identity)
        answer = await sent()
        if answer is not None:
            return answer
        return await acceptance(call, handler, preferred=preferred, repetition=repetition, sent=sent)

    async def _sent_before(self, call: Call, identity: Identity | None) -> Envelope | None:
        """Return the answer of a call with this key that was not to be sent later; None if none is known."""
        if identity is None:
            return None
        keys = self._claims.keys
        try:
            found = await keys.find(identity.entry)
        except StoreAway:  # a delivery is found by its key all the same
            return None
        return await awaited_answer(keys, identity.entry, identity.content, found, call)

    async def _once(self, entry: str, content: str, kept_seconds: float, call: Call, handler: Handler) -> Any:
        """Answer a call, or the first one of which it is a repetition; its answer is kept for so many seconds."""
        lease = call.seconds_left + LAST_SECONDS + CLAIM_SECONDS
        while True:
            running = self._running.get(entry)
            if running is not None:
                require_same(running.content, content)
                ended = await self._end(running, call)
                if ended.kept is not None:
                    return replay.restored(ended.kept)
                continue
            claimed = await self._claims.claim(Wanted(entry, content, lease, kept_seconds), call)
            if isinstance(claimed, Held):
                if entry not in self._running:
                    return await self._first(claimed, call, handler)
                await self._claims.release(claimed)  # another call in this process was quicker
            elif entry not in self._running:
                answer = await awaited_answer(self._claims.keys, entry, content, claimed, call)
                if answer is not None:
                    return answer

    async def _first(self, held: Held, call: Call, handler: Handler) -> Any:
        if held.unprotected is not None:
            self._claims.unprotected.note(call, held.unprotected)
        task = asyncio.create_task(self._ended(held, call, handler))
        running = self._running[held.wanted.entry] = _Running(held.wanted.content, task, call.deadline)
        try:
            ended = await self._end(running, call)
        except asyncio.CancelledError:
            task.add_done_callback(partial(self._report_crash, call))
            raise
        if ended.error is not None:
            raise ended.error
        return ended.answer

    async def _end(self, running: _Running, call: Call) -> _Ended:
        """Wait for the end of a first call; UpstreamError if this call's time is over long before."""
        try:
            return await asyncio.shield(running.task)
        except asyncio.CancelledError:
            if call.seconds_left > 0:
                raise
            if running.deadline > call.deadline:
                raise replay.cut_off(call) from None
        return await asyncio.shield(running.task)  # its time is over too: it has LAST_SECONDS to say what it did

    async def _ended(self, held: Held, call: Call, handler: Handler) -> _Ended:
        envelope = replay.failed(replay.cut_off(call))
        answer: Any = None
        failure: Exception | None = None
        try:
            async with asyncio.timeout_at(call.deadline + LAST_SECONDS) as scope:
                with self._calls:
                    answer = await handler(call)
            envelope = replay.answered(answer)
        except EsbError as error:
            failure, envelope = error, replay.failed(error)
        except Exception as error:  # noqa: BLE001 - a bug that comes after a message is no reason to send it again
            failure, found = error, first_esb_error(error)
            if not scope.expired():
                envelope = replay.crashed() if found is None else replay.failed(found)
        finally:
            kept = await self._settle(held, envelope if call.record.sent else None)
            # Here, and not when the task is done: whoever finds a call under way must have something to wait for.
            del self._running[held.wanted.entry]
        return _Ended(answer, failure, kept)

    async def _settle(self, held: Held, envelope: Mapping[str, Any] | None) -> bytes | None:
        """Put the answer in the place of the claim. None: nothing was sent, and the next with this key is the first.

        What keeps the keys may be away: it tells so itself, and those who wait in this process are told the answer.
        """
        if envelope is None:
            await self._claims.release(held)
            return None
        try:
            answer = replay.encoded(envelope)
        except (TypeError, ValueError):  # an answer that cannot be written is a crash for its caller, too
            answer = replay.encoded(replay.crashed())
        with suppress(EsbError):
            await self._claims.keys.settle(held, answer)
        return answer

    def _report_crash(self, call: Call, task: asyncio.Task[_Ended]) -> None:
        """Report a bug that no caller is left to hear of."""
        error = None if task.cancelled() else task.result().error
        if error is not None and first_esb_error(error) is None:
            self._observer.crashed(call.id, call.path, error)


def _unless_accepted(acceptance: Acceptance, handler: Handler, repetition: Repetition | None = None) -> Handler:
    """Return a handler for calls with a key: it makes none that was accepted under its key, to be sent later."""

    async def handled(call: Call) -> Any:
        accepted = await acceptance.accepted(call, repetition)
        return await handler(call) if accepted is None else accepted

    return handled


class _Recognising(Idempotency):
    """A middleware for a component that says itself what a repetition is."""

    def __init__(
        self,
        claims: KeyClaims,
        observer: Observer,
        calls: InFlight,
        running: dict[str, _Running],
        acceptance: Acceptance,
        repetition: Callable[[Call], Repetition | None],
    ) -> None:
        super().__init__(claims, observer, calls=calls, running=running, acceptance=acceptance)
        self._accept = acceptance
        self._repetition = repetition

    def __call__(self, call: Call, handler: Handler) -> Awaitable[Any]:
        asked = with_asked_options(call, self._accept)
        return self._recognised(asked, handler, preferred=call.options.respond_async)

    async def _recognised(self, call: Call, handler: Handler, *, preferred: bool) -> Any:
        options = call.options
        repetition = None if options.idempotency_key or options.dry_run else self._repetition(call)
        if options.respond_async:
            return await self._later(self._accept, call, handler, preferred=preferred, repetition=repetition)
        identity = None if repetition is None else identity_of(call, repetition)
        if repetition is None or identity is None:
            return await self._asked(call, handler)
        first = _unless_accepted(self._accept, handler, repetition)
        return await self._once(identity.entry, identity.content, repetition.seconds, call, first)
