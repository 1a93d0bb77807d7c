"""An attempt of a delivery: its call is made again, for those who still need its message."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from esb.config import Config
from esb.contracts.component import Component
from esb.core.call import DeliveryRun, Options, Record, RunReceiver
from esb.core.call_log import CallLogs
from esb.core.clock import Clock
from esb.core.deadlines import ANSWER_SECONDS
from esb.core.delivery_states import ReceiverState
from esb.core.errors import Inactive, UpstreamError
from esb.core.events import Observer
from esb.database.attempts import AttemptEnd, NewHold
from esb.database.claims import Claim
from esb.database.engine import Database
from esb.database.holds import NO_COMPONENT
from esb.delivery import content, receivers
from esb.delivery.attempt_ends import AttemptEnds, Reached, told
from esb.delivery.content import DeliveryContent
from esb.delivery.deliverer import NothingSent
from esb.delivery.fates import UNKNOWN, Fate, fates, is_crash, msgids_of
from esb.delivery.receivers import Receiver
from esb.incoming.in_flight import InFlight
from esb.incoming.routing import Routes, inactive
from esb.outgoing.client import too_slow

GenerationT = TypeVar("GenerationT", bound="Generation")
T = TypeVar("T")
_BROUGHT = re.compile(r"/[0-9a-f]{16}\Z")
"""The end of a credential that a caller has brought: a digest. See accepting."""
EXPIRED = Fate(ReceiverState.EXPIRED)
FORGOTTEN = Fate(ReceiverState.FAILED, "message")
"""The fate of those whose message is not there any more."""


class Generation(Protocol):
    """A generation, as far as an attempt uses it. An attempt keeps the one it started with."""

    config: Config
    routes: Routes
    calls: InFlight
    call_logs: CallLogs


@dataclass(slots=True)
class Course:
    """The course of a call that was made again: its record, and the error that ended it, if one did."""

    record: Record
    error: Exception | None


class Attempts(Generic[GenerationT]):
    """The attempts of one process: each begins with the generation of its moment."""

    def __init__(
        self,
        database: Database,
        current: Callable[[], GenerationT],
        component_of: Callable[[GenerationT, str, Options], Component[Any, Any] | None],
        observer: Observer,
        clock: Clock,
    ) -> None:
        """Take functions: `current` returns the generation that answers now, `component_of` a component of it."""
        self._database = database
        self._current = current
        self._component_of = component_of
        self._observer = observer
        self._clock = clock
        self._ends = AttemptEnds()

    async def __call__(self, claim: Claim) -> AttemptEnd:
        """Send a delivery to those who still need it, and return what became of it. NothingSent if it is cut off."""
        began, generation, keys = self._clock(), self._current(), self._database.keys
        everybody = _decrypted("receivers", receivers.unsealed(keys, claim.id, claim.receivers))
        if claim.expires <= claim.at:
            reached = Reached(dict.fromkeys(claim.open, UNKNOWN if claim.started else EXPIRED))
        elif claim.content is None:
            reached = Reached(dict.fromkeys(claim.open, FORGOTTEN))
        else:
            asked = content.unpacked(_decrypted("content", keys.unseal_at(f"content/{claim.id}", claim.content)))
            reached = await self._reached(claim, asked, everybody, generation)
        now = claim.at + int((self._clock() - began) * 1000)
        end = self._ends.end(claim, reached, now, generation.config.ledger)
        known = told(everybody, reached.fates)
        end.sealed = None if known == everybody else receivers.sealed(keys, claim.id, known)
        return end

    async def _reached(
        self, claim: Claim, asked: DeliveryContent, everybody: Sequence[Receiver], generation: GenerationT
    ) -> Reached:
        """Send it, and return what came of it for those who were still to get it."""
        options = Options(test_env=asked.test_env)
        known = {each.component: self._repeat_seconds(generation, each.component, options) for each in everybody}
        open_ = {
            number: everybody[number]
            for number in claim.open
            if not claim.started or claim.at < claim.started + known[everybody[number].component] * 1000
        }
        found = dict.fromkeys(claim.open, UNKNOWN)
        if not open_:
            return Reached(found)
        run = _run(claim, everybody, open_, max(known.values()))
        course = await self._course(asked, run, generation)
        if course.error is not None and is_crash(course.error):
            self._observer.crashed(claim.request_id, asked.path, course.error)
        wanted = {number: run.receivers[number] for number in open_}
        fresh = fates(wanted, course.record.sendings, course.error, sent=course.record.sent)
        if _BROUGHT.search(claim.credential) and not claim.started and not isinstance(course.error, Inactive):
            fresh = {number: _for_its_caller(fate) for number, fate in fresh.items()}
        found |= {number: _repeatable(fate, known[open_[number].component]) for number, fate in fresh.items()}
        return Reached(found, msgids_of(course.record.sendings), _hold(claim, course.error, fresh))

    async def _course(self, asked: DeliveryContent, run: DeliveryRun, generation: GenerationT) -> Course:
        """Make the call, and return how that went. NothingSent if it is cut off before anything was sent."""
        record = Record()
        record.logs = generation.call_logs
        route = generation.routes.named(asked.component)
        if route is None or not route.active:
            return Course(record, inactive())
        deadline = asyncio.get_running_loop().time() + route.timeout
        call = asked.call(asked.request_id, run, deadline=deadline, timeout=route.timeout, record=record)
        try:
            with generation.calls:
                async with asyncio.timeout_at(deadline + ANSWER_SECONDS) as scope:
                    await route.inner(call)
        except asyncio.CancelledError:
            if record.sent:
                raise
            raise NothingSent from None
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody may have been reached
            if not scope.expired():
                return Course(record, error)
            slow = too_slow(route.timeout)
            return Course(record, UpstreamError(route.system, route.component, slow, sent=record.sent, transient=True))
        return Course(record, None)

    def _repeat_seconds(self, generation: GenerationT, name: str, options: Options) -> float:
        component = self._component_of(generation, name, options)
        return 0.0 if component is None else component.repeat_seconds


def _decrypted(what: str, found: T | None) -> T:
    if found is None:
        raise LookupError(f"the {what} of a delivery can be decrypted with none of the keys")
    return found


def _run(claim: Claim, everybody: Sequence[Receiver], open_: Mapping[int, Receiver], window: float) -> DeliveryRun:
    return DeliveryRun(
        id=claim.id,
        accepted_at=claim.created / 1000,
        receivers=tuple(
            RunReceiver(each.component, each.name, each.address, each.looked_up, number in open_)
            for number, each in enumerate(everybody)
        ),
        window=window,
        in_doubt=bool(claim.started),
        redrives=claim.redrives,
    )


def _repeatable(fate: Fate, repeat_seconds: float) -> Fate:
    """Return the fate of a receiver; who has a part of the message gets it again only if that part is dropped."""
    if fate.state is None and fate.begun and not repeat_seconds:
        return fate._replace(state=ReceiverState.FAILED)
    return fate


def _for_its_caller(fate: Fate) -> Fate:
    """Return the fate where the caller has brought the secret: no operator can mend one that does not work."""
    return fate._replace(state=ReceiverState.FAILED) if fate.state is None and fate.failure == "config" else fate


def _hold(claim: Claim, error: Exception | None, found: Mapping[int, Fate]) -> NewHold | None:
    """Return what does not work, and only an operator can mend; None if there is nothing like that."""
    if isinstance(error, Inactive):
        return NewHold(claim.component, NO_COMPONENT)
    failed = [fate for fate in found.values() if fate.state is None and fate.failure == "config"]
    if not failed:
        return None
    codes = sorted({fate.errcode for fate in failed if fate.errcode})
    return NewHold(claim.credential, f"config: {', '.join(codes)}" if codes else "config")
