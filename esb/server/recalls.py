"""Recalls as operators ask for them: by the components of a process that answers calls now."""

from dataclasses import dataclass
from functools import partial

from esb.core.errors import EsbError, GatewayError, Message, NotFound, template
from esb.database.writer import Actor
from esb.gateway.app import Gateway
from esb.gateway.links import component_of
from esb.incoming.envelope import CRASHED

NOT_FOUND, CONFLICT, FAILED, BAD_GATEWAY, UNAVAILABLE = 404, 409, 500, 502, 503
NO_LEDGER = template("this process has no deliveries")
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
    ledger, generation = gateway.deliveries.ledger, gateway.generation
    if ledger is None:
        return Recalled(0, Message(NO_LEDGER), UNAVAILABLE)
    from esb.delivery.recalling import recall_for_operator

    try:
        with generation.calls:  # so that a reload closes none of its components meanwhile
            find = partial(component_of, generation.links)
            number = await recall_for_operator(ledger, find, wanted.identity, wanted.operator)
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
