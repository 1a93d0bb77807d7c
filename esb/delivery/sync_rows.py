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


@dataclass(frozen=True, slots=True)
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
    found = receivers.found_in(call.component, call.sendings)
    reached = _fates(call, found)
    missed = any(fate.state in MISSED for fate in reached)
    identity = uuid7(call.at)
    told = [
        receiver._replace(errmsg=fate.errmsg) if fate.errmsg else receiver
        for receiver, fate in zip(found, reached, strict=True)
    ]
    delivery = {
        "id": identity,
        "app": call.app,
        "username": call.username,
        "component": call.component,
        "request_id": call.request_id,
        "synchronous": 1,
        "idem": None,
        "content_digest": None,
        "state": int(DeliveryState.DEAD if missed else DeliveryState.DONE),  # of an enum, SQLite asks for adapters
        "priority": 0,
        "due": call.at,
        "lease": 0,
        "owner": "",
        "fence": 0,
        "started": 0,
        "attempts": 1,
        "created": call.at,
        "expires": call.at,
        "failure": next((fate.failure for fate in reached if fate.failure), "")[:LONGEST_CLASS],
        "credential": f"{call.component}/{TEST_ENVIRONMENT}" if call.test_env else call.component,
        "lane": None,
        "callback": "",
        "receivers": keys.seal_at(f"receivers/{identity}", receivers.packed(told)),
    }
    return SyncRows(
        delivery,
        [
            {**_digests(keys, receiver), **_state(fate), "delivery": identity, "number": number, "updated": call.at}
            for number, (receiver, fate) in enumerate(zip(found, reached, strict=True))
        ],
        [{"msgid": msgid, "delivery": identity, "sent": call.at} for msgid in msgids_of(call.sendings)],
        [] if call.content is None else [_content(keys, identity, call.content, call.purge)],
    )


def _fates(call: EndedCall, found: Sequence[Receiver]) -> list[Fate]:
    """Return the fate of each receiver, in their order; one that could go better later has failed for this caller."""
    if _has_reached_all(call, found):
        return [ACCEPTED]
    addressed = {
        number: RunReceiver(each.component, each.name, each.address, each.looked_up, is_open=True)
        for number, each in enumerate(found)
        if not each.errmsg
    }
    error = call.error if isinstance(call.error, Exception) or call.error is None else _CUT_OFF
    told: Mapping[int, Fate] = fates(addressed, call.sendings, error, sent=call.sent)
    both = (told.get(number, MISSING) for number in range(len(found)))
    return [fate._replace(state=ReceiverState.FAILED) if fate.state is None else fate for fate in both]


def _has_reached_all(call: EndedCall, found: Sequence[Receiver]) -> bool:
    """Return True for a message to one receiver that the platform has taken, as most are: that is told at once."""
    if call.error is not None or len(call.sendings) != 1 or len(found) != 1:
        return False
    report = call.sendings[0][1]
    return isinstance(report, DeliveryReport) and (
        report.outcome.accepted == report.outcome.receivers == (found[0].address,) and not report.outcome.held
    )


def _digests(keys: DatabaseKeys, receiver: Receiver) -> dict[str, Any]:
    name, address = receiver.name, receiver.address
    return {
        "digest": keys.digest_of("receiver", name)[:RECEIVER_DIGEST] if name else None,
        "address_digest": keys.digest_of("receiver", address)[:RECEIVER_DIGEST] if address not in ("", name) else None,
    }


def _state(fate: Fate) -> dict[str, Any]:
    return {"state": None if fate.state is None else int(fate.state), "failure": fate.failure, "errcode": fate.errcode}


def _content(keys: DatabaseKeys, identity: str, kept: DeliveryContent, purge: int) -> dict[str, Any]:
    return {
        "delivery": identity,
        "sealed": keys.seal_at(f"content/{identity}", content.packed(kept)),
        "purge": purge,
    }
