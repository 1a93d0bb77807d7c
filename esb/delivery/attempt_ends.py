"""The end of an attempt: what its receivers' fates make of a delivery, and when it goes on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from esb.config import LedgerConfig, seconds_of
from esb.core.delivery_states import MISSED, DeliveryState, ReceiverState
from esb.database.attempts import AttemptEnd, NewHold, Parking, ReceiverEnd
from esb.database.claims import Claim
from esb.delivery.fates import Fate
from esb.delivery.receivers import Receiver
from esb.delivery.retries import pause

LANE_WIDTH = 20
"""Deliveries of one lane that get the same window at least: as many as platforms that count by receiver take."""
MOST_LANES = 10_000
"""Lanes of which it is known how many deliveries they took lately."""
DEFAULT_KEEPING = LedgerConfig()
_DAYS = 86_400_000


class Reached(NamedTuple):
    """The upshot of an attempt: the fates of receivers by number, the ids of messages, and what is to be held."""

    fates: Mapping[int, Fate]
    msgids: Sequence[str] = ()
    hold: NewHold | None = None


class AttemptEnds:
    """Decides what becomes of deliveries. It remembers how many each lane took since it last had no turn."""

    def __init__(self) -> None:
        self._lanes: Counter[bytes] = Counter()

    def end(self, claim: Claim, reached: Reached, now: int, ledger: LedgerConfig | None) -> AttemptEnd:
        """Return the end of an attempt at this moment, in milliseconds since 1970. Its `sealed` is still to be set."""
        fates = {number: _settled(fate, claim) for number, fate in reached.fates.items()}
        again = [fate for fate in fates.values() if fate.state is None]
        attempts = claim.attempts + any(fate.failure != "quota" for fate in fates.values())
        failure = next((fate.failure for fate in [*again, *fates.values()] if fate.failure), "")
        due, state = now, DeliveryState.QUEUED
        hold = reached.hold if again else None
        if hold is not None:
            state, attempts, failure = DeliveryState.HELD, claim.attempts, "config"
        elif again:
            due += int(1000 * max(pause(each.failure, attempts, each.retry_after) for each in again))
        if again and due >= claim.expires:
            fates = {number: _expired(fate, claim) for number, fate in fates.items()}
            again, due = [], now
        if not again:
            states = {*claim.states.values(), *(fate.state for fate in fates.values())}
            state = DeliveryState.DEAD if MISSED & states else DeliveryState.DONE
            failure = failure or claim.missed
        begun = [claim.at for fate in again if fate.begun]
        return AttemptEnd(
            claim=claim,
            state=state,
            due=due,
            attempts=attempts,
            started=claim.started or min(begun, default=0) if again else 0,
            failure=failure,
            ended=now,
            receivers=[_receiver_end(number, fate) for number, fate in fates.items()],
            sealed=None,
            msgids=reached.msgids,
            purge=now + kept_for(ledger or DEFAULT_KEEPING, state),
            hold=hold,
            releases=claim.tries if _works(fates) else "",
            parking=self._parking(claim, fates, due if again else None),
        )

    def _parking(self, claim: Claim, fates: Mapping[int, Fate], due: int | None) -> Parking | None:
        """Return when the lane of a delivery has a turn again, that was given none; None if it was."""
        lane = claim.lane
        if lane is None:
            return None
        if due is not None and all(fate.failure == "quota" for fate in fates.values() if fate.state is None):
            return Parking(due, max(LANE_WIDTH, self._lanes.pop(lane, 0)))
        if len(self._lanes) >= MOST_LANES:
            self._lanes.clear()
        self._lanes[lane] += 1
        return None


def kept_for(ledger: LedgerConfig, state: DeliveryState) -> int:
    """Return the milliseconds for which a content is kept after its delivery has ended in this state.

    That of a dead one is kept until it is done, as long as it is known what became of it: it may be sent again.
    """
    if ledger.content == "none":
        return 0
    if ledger.content == "until_done":
        return seconds_of(ledger.rows) * 1000 if state is DeliveryState.DEAD else 0
    return int(ledger.content[:-1]) * _DAYS


def told(everybody: Sequence[Receiver], fates: Mapping[int, Fate]) -> list[Receiver]:
    """Return all receivers, with what is known now of why they were not reached."""
    return [
        each._replace(errmsg=fates[number].errmsg) if number in fates else each for number, each in enumerate(everybody)
    ]


def _settled(fate: Fate, claim: Claim) -> Fate:
    """Return a fate as it is kept. Who may have been reached before, and was not now, is still in doubt."""
    if claim.started and fate.state is ReceiverState.FAILED:
        return fate._replace(state=ReceiverState.UNKNOWN)
    return fate


def _expired(fate: Fate, claim: Claim) -> Fate:
    """Return the fate of somebody for whom there is no time left for another attempt."""
    if fate.state is not None:
        return fate
    return fate._replace(state=ReceiverState.UNKNOWN if claim.started else ReceiverState.EXPIRED)


def _works(fates: Mapping[int, Fate]) -> bool:
    """Return True if a platform has let the credential in: it took a message, or refused it or its receiver."""
    return any(
        fate.state in {ReceiverState.ACCEPTED, ReceiverState.HELD} or fate.failure in {"receiver", "message", "quota"}
        for fate in fates.values()
    )


def _receiver_end(number: int, fate: Fate) -> ReceiverEnd:
    state = ReceiverState.QUEUED if fate.state is None else fate.state
    return ReceiverEnd(number, state, fate.failure, fate.errcode)
