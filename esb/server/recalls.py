"""Recalls as operators ask for them: by the components of a process that answers calls now."""

from dataclasses import dataclass
from functools import partial

from esb.core.errors import EsbError, GatewayError, Message, NotFound
from esb.core.nobodys_call import nobodys_call
from esb.database.writer import Actor
from esb.gateway.app import Gateway
from esb.gateway.links import component_of
from esb.incoming.envelope import CRASHED

NOT_FOUND, CONFLICT, FAILED, BAD_GATEWAY, UNAVAILABLE = 404, 409, 500, 502, 503
RECALL_SECONDS = 40.0
"""Seconds for a process to say what became of a recall: its requests have 30 together, the database needs some, too."""


@dataclass(frozen=True, slots=True)
class RecallWanted:
    """A delivery whose messages somebody wants to take back. Plain data, sent from supervisor to worker."""

    identity: str
    operator: Actor


@dataclass(frozen=True, slots=True)
class Recalled:
    """The messages that were taken back; or why one of them, or all, were not, with the status that HTTP has for it."""

    number: int = 0
    refusal: Message | None = None
    status: int = 200


async def recalled(gateway: Gateway, wanted: RecallWanted) -> Recalled:
    """Take back the messages of a delivery as far as their platform lets it."""
    from esb.database.delivery_changes import Hindrance
    from esb.delivery.delivery_paths import hindered
    from esb.delivery.recalling import SECONDS, recall

    ledger, generation = gateway.deliveries.ledger, gateway.generation
    try:
        view = None if ledger is None else await ledger.delivery(wanted.identity)
        if ledger is None or view is None:
            raise hindered(Hindrance.UNKNOWN)
        call = nobodys_call(view["delivery"]["component"], SECONDS)
        with generation.calls:  # so that a reload closes none of its components meanwhile
            number = await recall(ledger, partial(component_of, generation.links), call, view, wanted.operator)
    except NotFound as error:
        return Recalled(0, error.message, NOT_FOUND)
    except EsbError as error:
        return Recalled(0, error.message, BAD_GATEWAY if error.source == "upstream" else CONFLICT)
    except GatewayError as error:  # the database is away
        return Recalled(0, Message(str(error)), UNAVAILABLE)
    except Exception as error:  # noqa: BLE001 - a bug of a plugin is no reason for a worker to end
        gateway.observer.crashed("", f"recall of {wanted.identity}", error)
        return Recalled(0, Message(CRASHED), FAILED)
    return Recalled(number)
