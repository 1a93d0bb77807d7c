"""Recalls: the messages of a delivery are taken back, by the components that have sent them."""

from collections.abc import Callable, Sequence
from typing import Any

from esb.contracts.component import Component
from esb.core.call import Call, Options
from esb.core.errors import EsbError, RequestError, template
from esb.core.nobodys_call import nobodys_call
from esb.database.delivery_answer import View
from esb.database.delivery_changes import Hindrance
from esb.database.writer import Actor
from esb.delivery.hindrances import hindered
from esb.delivery.ledger import Ledger

SECONDS = 30.0
"""The time that all requests of an operator's recall have together, as one that an app asks for."""
ComponentOf = Callable[[str, Options], Component[Any, Any] | None]
"""Returns the component of this name, in the environment that is asked for; None if there is none."""
CANNOT = template("The messages of the delivery cannot be taken back")
TOO_LATE = template("The messages of the delivery were sent too long ago to be taken back")


async def recall(
    ledger: Ledger, component_of: ComponentOf, call: Call, view: View, operator: Actor | None = None
) -> int:
    """Take back all messages of this delivery that can be, in the environment of its call; return how many.

    The history has it of an `operator`. EsbError if one is not, after all others were tried: RequestError where none
    can be.
    """
    main, identity = view["delivery"]["component"], view["delivery"]["id"]
    names = dict.fromkeys(each.get("component", main) for each in view["receivers"])
    left, now, test_env = await ledger.messages_left(identity)
    options = Options(test_env=test_env)
    able = [found for name in names if (found := component_of(name, options)) is not None and found.recall_seconds]
    if not able or not left:
        raise RequestError(CANNOT)
    seconds = max(component.recall_seconds for component in able)
    in_time = [each.msgid for each in left if now <= each.sent + seconds * 1000]
    if not in_time:
        raise RequestError(TOO_LATE)
    taken, refused = [], None
    try:
        for msgid in in_time:
            error = await _refusal(able, call, msgid)
            if error is None:
                taken.append(msgid)
            refused = refused or error
    finally:
        if taken:
            await ledger.note_recalled(identity, taken, view["delivery"]["app"], operator)
    if refused is not None:
        raise refused
    return len(taken)


async def recall_for_operator(ledger: Ledger, component_of: ComponentOf, identity: str, operator: Actor) -> int:
    """Do the same for an operator, who takes back those of any app. NotFound, too."""
    view = await ledger.delivery(identity)
    if view is None:
        raise hindered(Hindrance.UNKNOWN)
    call = nobodys_call(view["delivery"]["component"], SECONDS)
    return await recall(ledger, component_of, call, view, operator)


async def _refusal(able: Sequence[Component[Any, Any]], call: Call, msgid: str) -> EsbError | None:
    """Return why none of these components takes a message back, as the last one says; None if one does."""
    refusal = None
    for component in able:
        try:
            await component.recall(call, msgid)
        except EsbError as error:
            refusal = error
        else:
            return None
    return refusal
