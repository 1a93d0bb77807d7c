"""The deliverer: claims deliveries that are due, sends each as its call again, and writes what became of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from esb.core.backoff import pauses
from esb.core.clock import Clock
from esb.core.delivery_events import CredentialHeld, DeliveryAttempted
from esb.core.events import Observer
from esb.database.attempts import AttemptEnd, Written
from esb.database.claim_writes import ClaimWrites
from esb.database.claims import Claim
from esb.database.engine import DatabaseAway

LOOK_SECONDS = 1.0
"""The longest time between two looks into the database: what is scheduled is begun so late at most, and what an engine
has forgotten to tell."""
SHORTEST_LOOK = 0.02
"""The shortest time, unless somebody wakes: what is due may be another's by now."""
EXTENDING_SECONDS = 3.0
"""The time between two extensions of leases: of those in one lease, two may fail."""
LETTING_GO_SECONDS = 60.0
"""The time after which held deliveries are looked at, although no hold has ended: they may have expired."""
CLOSING_SECONDS = 5.0
"""The time that a claim has to end which is being made when the process stops."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between two tries to write an end while the database is away."""
Attempt = Callable[[Claim], Awaitable[AttemptEnd]]
"""Sends a delivery, and returns the end of it. NothingSent: it was cut off before."""


class NothingSent(Exception):
    """An attempt was cut off before anything was sent: anybody may take the delivery at once."""


class Deliverer:
    """One that delivers, from `open` until `stop` and `close`; `event_written` hears of new events for callbacks."""

    def __init__(
        self,
        writes: ClaimWrites,
        attempt: Attempt,
        observer: Observer,
        clock: Clock,
        event_written: Callable[[], None] = lambda: None,
    ) -> None:
        self.concurrency = 1
        """Deliveries under way at once."""
        self._writes = writes
        self._attempt = attempt
        self._observer = observer
        self._clock = clock
        self._event_written = event_written
        self._woken = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._untouched: list[Claim] = []
        self._lost: set[str] = set()
        """Deliveries whose attempts have crashed here: they are in doubt once their leases are over."""
        self._astray = False
        """True if a claim may have been made that is not known here."""
        self._held: frozenset[str] | None = None
        """The credentials that were held when it last claimed; None: it has to look what is not held any more."""
        self._lets_go_at = 0.0
        self._probes = False
        self._extends_at = 0.0
        self._claiming: asyncio.Task[None] | None = None
        self._extending: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def under_way(self) -> set[asyncio.Task[None]]:
        """The deliveries that are being sent."""
        return {*self._under_way.values()}

    def wake(self) -> None:
        """Look for work now."""
        self._woken.set()

    def follow(self, concurrency: int) -> None:
        """Deliver so many at once by a configuration that is new: what did not work by the old one may do so."""
        self.concurrency = concurrency
        self._probes = True
        self.wake()

    def open(self) -> None:
        """Begin to deliver."""
        self._claiming = asyncio.create_task(self._deliver())
        self._extending = asyncio.create_task(self._extend())

    def stop(self) -> None:
        """Take nothing more; what is under way goes on."""
        self._stopping = True
        self.wake()

    async def close(self) -> None:
        """Stop, cut what is under way, and give back what was taken, so that others take it at once."""
        self.stop()
        if self._claiming is not None:
            await asyncio.wait({self._claiming}, timeout=CLOSING_SECONDS)
        tasks = [task for task in (self._claiming, self._extending, *self._under_way.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._writes.close()
        with suppress(DatabaseAway):
            await self._writes.give_back(self._untouched, all_others=True)

    async def _deliver(self) -> None:
        """Claim what is due whenever there is room, and look again when the next is due, or somebody wakes."""
        while not self._stopping:
            self._woken.clear()
            wait = LOOK_SECONDS
            try:
                wait = await self._claim()
            except DatabaseAway:
                self._astray = self._probes = True  # it tells itself that it is away; what is accepted waits
            except Exception as error:  # noqa: BLE001 - the rim of a task that must go on
                self._astray = self._probes = True
                self._observer.crashed("", "claiming deliveries", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()
        if self._untouched:
            with suppress(DatabaseAway):
                await self._writes.give_back(self._untouched)

    async def _claim(self) -> float:
        """Take as many deliveries as there is room for; return the seconds after which to look again, if not woken."""
        room = self.concurrency - len(self._under_way)
        if room <= 0:
            return LOOK_SECONDS
        keeps = [*self._under_way] if time.monotonic() >= self._extends_at else ()
        known = {*self._under_way, *self._lost, *(claim.id for claim in self._untouched)} if self._astray else None
        probes, self._probes = self._probes, False
        taken, due = await self._writes.claim(room, keeps, known, probes=probes)
        self._astray = False
        if keeps:
            self._extends_at = time.monotonic() + EXTENDING_SECONDS
        for claim in taken.claims:
            self._begin(claim)
        await self._let_go(frozenset(hold.credential for hold in taken.holds))
        return LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(SHORTEST_LOOK, (due - taken.now) / 1000))

    def _begin(self, claim: Claim) -> None:
        self._lost.discard(claim.id)
        if self._stopping:
            self._untouched.append(claim)
            return
        task = self._under_way[claim.id] = asyncio.create_task(self._carry_out(claim))
        task.add_done_callback(lambda ended: self._ended(claim, ended))

    def _ended(self, claim: Claim, task: asyncio.Task[None]) -> None:
        """Look for more as soon as there is room for a quarter again: claims are made in batches."""
        if self._under_way.get(claim.id) is task:  # not one that has lost its lease, and was claimed here again
            del self._under_way[claim.id]
        if 4 * len(self._under_way) <= 3 * self.concurrency:
            self.wake()

    async def _let_go(self, held: frozenset[str]) -> None:
        """Let deliveries wait again whose hold has ended, or whose time is over."""
        ended = self._held is None or self._held - held
        if ended or self._clock() >= self._lets_go_at:
            await self._writes.let_go()
            self._lets_go_at = self._clock() + LETTING_GO_SECONDS
            if ended:
                self.wake()
        self._held = held

    async def _carry_out(self, claim: Claim) -> None:
        try:
            end = await self._attempt(claim)
            written = await self._written(end)
        except NothingSent:
            self._untouched.append(claim)
        except Exception as error:  # noqa: BLE001 - a bug: nobody knows what was sent
            self._lost.add(claim.id)
            self._observer.crashed(claim.request_id, "delivering", error)
        else:
            self._tell(end, written)

    async def _written(self, end: AttemptEnd) -> Written:
        """Write an end, as soon as the database is there: again is no harm, it is ours only until it is written."""
        for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE, jitter=True):
            with suppress(DatabaseAway):
                return await self._writes.finish(end)
            await asyncio.sleep(pause)
        raise AssertionError("pauses have no end")

    def _tell(self, end: AttemptEnd, written: Written) -> None:
        if not written.is_ours:
            return
        self._observer.emit(_told(end))
        if written.held is not None:
            self._observer.emit(CredentialHeld(*written.held))
        if written.released:
            self._observer.emit(CredentialHeld(written.released, ""))
            self.wake()
        if written.has_event:
            self._event_written()

    async def _extend(self) -> None:
        """Keep the leases of what is under way."""
        while True:
            await asyncio.sleep(EXTENDING_SECONDS)
            if self._under_way and time.monotonic() >= self._extends_at:
                try:
                    with suppress(DatabaseAway):  # which tells itself; it is tried again before leases are over
                        await self._writes.extend([*self._under_way])
                except Exception as error:  # noqa: BLE001 - the rim of a task that must go on
                    self._observer.crashed("", "extending leases of deliveries", error)


def _told(end: AttemptEnd) -> DeliveryAttempted:
    claim = end.claim
    return DeliveryAttempted(
        id=claim.request_id,
        delivery=claim.id,
        app=claim.app,
        component=claim.component,
        state=end.state.word,
        attempts=end.attempts,
        accepted=end.accepted,
        failed=end.failed,
        unknown=end.unknown,
        failure=end.failure,
        seconds=(end.ended - claim.at) / 1000,
        waited=(claim.at - claim.due) / 1000,
    )
