"""Fates: what an attempt has made of each receiver of a delivery, by the reports of its sendings and its error."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from esb.channels.outcome import DeliveryReport, Failure, stopped_class
from esb.core.call import RunReceiver
from esb.core.delivery_states import ReceiverState
from esb.core.errors import Inactive, Limited, Message, UpstreamError, first_esb_error
from esb.database.deliveries import LONGEST_CLASS, LONGEST_ERRCODE, LONGEST_MSGID
from esb.delivery.retries import LATER
from esb.delivery.terms import LONGEST_DAYS


class Fate(NamedTuple):
    """The fate of a receiver: its final state, or None if another attempt may do better, after so many seconds.

    `failure`: the class of what went wrong, "" for nothing, with the platform's code and text. `begun`: it has got a
    part of the message already.
    """

    state: ReceiverState | None
    failure: str = ""
    errcode: str = ""
    errmsg: Message | str = ""
    retry_after: float | None = None
    begun: bool = False


ACCEPTED = Fate(ReceiverState.ACCEPTED)
HELD = Fate(ReceiverState.HELD)
UNKNOWN = Fate(ReceiverState.UNKNOWN, "unknown")
_GRAVITY = (ReceiverState.ACCEPTED, ReceiverState.HELD, None, ReceiverState.FAILED, ReceiverState.UNKNOWN)
Sendings = Sequence[tuple[str, Any]]
"""The sendings of a call, as its record has them: component, and DeliveryReport."""


def fates(
    receivers: Mapping[int, RunReceiver], sendings: Sendings, error: Exception | None, *, sent: bool
) -> dict[int, Fate]:
    """Return the fate of each of these receivers, by number.

    `error`: what ended the call, None if it was answered; `sent`: a message may have left. A sending that is not told
    of was stopped by the error; or its component tells of none, and then the answer stands for it.
    """
    told: dict[tuple[str, str], Fate] = {}
    reporting = set()
    for component, report in sendings:
        if isinstance(report, DeliveryReport):
            reporting.add(component)
            for address, fate in _reported(report):
                place = component, address
                told[place] = max(told.get(place, ACCEPTED), fate, key=_gravity)
    found = {
        number: told[receiver.component, receiver.address]
        for number, receiver in receivers.items()
        if (receiver.component, receiver.address) in told
    }
    reached = {
        (receivers[number].component, receivers[number].name)
        for number, fate in found.items()
        if fate.state in {ReceiverState.ACCEPTED, ReceiverState.HELD}
    }
    for number, receiver in receivers.items():
        if number not in found:
            alone = error is None and receiver.component not in reporting
            known = alone or (receiver.component, receiver.name) in reached
            found[number] = ACCEPTED if known else UNKNOWN if error is None else fate_of(error, sent=sent)
    return found


def fate_of(error: Exception, *, sent: bool) -> Fate:
    """Return the fate of a receiver whose sending this error ended. `sent`: a message may have left before."""
    found = first_esb_error(error)
    if found is None:  # a bug, which may be mended
        return UNKNOWN if sent else Fate(None, "busy")
    if isinstance(found, UpstreamError):
        if found.sent:
            return UNKNOWN
        return _open(stopped_class(found), None, found.reason, None)
    if isinstance(found, Limited):
        return _open("quota", None, found.message, found.retry_after)
    if isinstance(found, Inactive):  # it may come back
        return Fate(None, "config", errmsg=found.message)
    data = found.data if isinstance(found.data, Mapping) else {}
    return _open(str(data.get("class") or "message"), data.get("errcode"), found.message, data.get("retry_after"))


def is_crash(error: Exception | None) -> bool:
    """Return True for an error that nobody foresaw."""
    return error is not None and first_esb_error(error) is None


def msgids_of(sendings: Sendings) -> list[str]:
    """Return the platform's ids of the messages of these sendings, each once."""
    told: dict[str, None] = {}
    for _, report in sendings:
        if isinstance(report, DeliveryReport):
            for msgid in report.outcome.msgids:
                told[msgid[:LONGEST_MSGID]] = None
    return [*told]


def _reported(report: DeliveryReport) -> Sequence[tuple[str, Fate]]:
    outcome = report.outcome
    held = frozenset(outcome.held)
    return [
        *((address, HELD if address in held else ACCEPTED) for address in outcome.accepted),
        *((failure.receiver, _failed(failure)) for failure in outcome.failed),
        *((address, UNKNOWN) for address in outcome.unknown),
    ]


def _failed(failure: Failure) -> Fate:
    fate = _open(failure.kind or "unknown", failure.errcode, failure.errmsg, failure.retry_after)
    return fate._replace(begun=failure.pages > 0)


def _open(failure: str, errcode: object, errmsg: Message | str, retry_after: object) -> Fate:
    """Return the fate of a receiver that was not reached, for this reason."""
    return Fate(
        None if failure in LATER else ReceiverState.FAILED,
        failure[:LONGEST_CLASS],
        "" if errcode is None else str(errcode)[:LONGEST_ERRCODE],
        errmsg,
        _seconds(retry_after),
    )


def _seconds(told: object) -> float | None:
    """Return the seconds that a sender or its platform has told; None if they make no sense, as others' may not."""
    return told if isinstance(told, int | float) and 0 <= told <= LONGEST_DAYS * 86_400 else None


def _gravity(fate: Fate) -> int:
    """Return how bad a fate is, of two messages for the same receiver: in doubt, failed, to be sent again, reached."""
    return _GRAVITY.index(fate.state)
