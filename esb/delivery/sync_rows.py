"""The rows of a synchronous call in the ledger: what became of each receiver, as its caller was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from esb.channels.outcome import DeliveryReport
from esb.core.call import RunReceiver
from esb.core.delivery_states import MISSED, DeliveryState, ReceiverState
from esb.core.errors import GatewayError
from esb.core.uuid7 import uuid7
from esb.database.deliveries import LONGEST_CLASS, RECEIVER_DIGEST, TEST_ENVIRONMENT
from esb.database.keys import DatabaseKeys
from esb.database.sync_writes import SyncRows
from esb.delivery import content, receivers
from esb.delivery.content import DeliveryContent
from esb.delivery.fates import ACCEPTED, Fate, Sendings, fates, msgids_of
from esb.delivery.receivers import Receiver

MISSING = Fate(ReceiverState.FAILED, "receiver")
"""The fate of somebody who could not be addressed."""
_CUT_OFF = GatewayError("the call was cut off")


@dataclass(slots=True)
class EndedCall:
    """A call that sent something, once it has ended; `error` is what it was answered with, None for success.

    `at`: milliseconds since 1970. `sent`: a message may have left. `content` is kept until `purge`; None is not.
    `size`: its receivers, and one.
    """

    app: str
    username: str
    component: str
    request_id: str
    test_env: bool
    at: int
    sendings: Sendings = field(repr=False)
    error: BaseException | None = field(repr=False)
    sent: bool
    content: DeliveryContent | None = field(repr=False)
    purge: int
    size: int


def rows_of(keys: DatabaseKeys, call: EndedCall) -> SyncRows:
    """Return the rows of a call, with everything personal sealed."""
    alone = _reached_alone(call)
    if alone is not None:  # as most are: in a third of the time
        return _rows(keys, call, DeliveryState.DONE, "", [alone], [ACCEPTED])
    found = receivers.found_in(call.component, call.sendings)
    reached = _fates(call, found)
    missed = any(fate.state in MISSED for fate in reached)
    failure = next((fate.failure for fate in reached if fate.failure), "")
    told = [
        receiver._replace(errmsg=fate.errmsg) if fate.errmsg else receiver
        for receiver, fate in zip(found, reached, strict=True)
    ]
    return _rows(keys, call, DeliveryState.DEAD if missed else DeliveryState.DONE, failure, told, reached)


def _rows(
    keys: DatabaseKeys,
    call: EndedCall,
    state: DeliveryState,
    failure: str,
    told: Sequence[Receiver],
    reached: Sequence[Fate],
) -> SyncRows:
    at = call.at
    identity = uuid7(at)
    delivery = {
        "id": identity,
        "app": call.app,
        "username": call.username,
        "component": call.component,
        "request_id": call.request_id,
        "synchronous": 1,
        "idem": None,
        "content_digest": None,
        "state": int(state),  # of an enum, SQLite looks for adapters
        "priority": 0,
        "due": at,
        "lease": 0,
        "owner": "",
        "fence": 0,
        "started": 0,
        "redrives": 0,
        "attempts": 1,
        "created": at,
        "expires": at,
        "failure": failure[:LONGEST_CLASS],
        "credential": f"{call.component}/{TEST_ENVIRONMENT}" if call.test_env else call.component,
        "lane": None,
        "callback": "",
        "receivers": receivers.sealed(keys, identity, told),
    }
    recipients = [
        _recipient(keys, identity, number, receiver, fate, at)
        for number, (receiver, fate) in enumerate(zip(told, reached, strict=True))
    ]
    messages = [{"msgid": msgid, "delivery": identity, "sent": at} for msgid in msgids_of(call.sendings)]
    kept = () if call.content is None else [_content(keys, identity, call.content, call.purge)]
    return SyncRows(delivery, recipients, messages, kept)


def _fates(call: EndedCall, found: Sequence[Receiver]) -> list[Fate]:
    """Return the fate of each receiver, in their order; one that could go better later has failed for this caller."""
    addressed = {
        number: RunReceiver(each.component, each.name, each.address, each.looked_up, is_open=True)
        for number, each in enumerate(found)
        if not each.errmsg
    }
    error = call.error if isinstance(call.error, Exception) or call.error is None else _CUT_OFF
    told: Mapping[int, Fate] = fates(addressed, call.sendings, error, sent=call.sent)
    both = (told.get(number, MISSING) for number in range(len(found)))
    return [fate._replace(state=ReceiverState.FAILED) if fate.state is None else fate for fate in both]


def _reached_alone(call: EndedCall) -> Receiver | None:
    """Return the receiver of a message to just one, whom it has reached; None of any other call."""
    if call.error is not None or len(call.sendings) != 1:
        return None
    ((component, report),) = call.sendings
    if not isinstance(report, DeliveryReport):
        return None
    outcome, receiver = report.outcome, receivers.alone_in(component, report.audience)
    if receiver is None or outcome.failed or outcome.unknown or outcome.held:
        return None
    return receiver if outcome.accepted == (receiver.address,) else None


def _recipient(
    keys: DatabaseKeys, identity: str, number: int, receiver: Receiver, fate: Fate, at: int
) -> dict[str, Any]:
    name, address = receiver.name, receiver.address
    return {
        "delivery": identity,
        "number": number,
        "digest": keys.digest_of("receiver", name)[:RECEIVER_DIGEST] if name else None,
        "address_digest": keys.digest_of("receiver", address)[:RECEIVER_DIGEST] if address not in ("", name) else None,
        "state": None if fate.state is None else int(fate.state),
        "failure": fate.failure,
        "errcode": fate.errcode,
        "updated": at,
    }


def _content(keys: DatabaseKeys, identity: str, kept: DeliveryContent, purge: int) -> dict[str, Any]:
    return {
        "delivery": identity,
        "sealed": keys.seal_at(f"content/{identity}", content.packed(kept)),
        "purge": purge,
    }
