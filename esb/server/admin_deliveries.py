"""The operations on deliveries, as `esb delivery` has them: those of all apps."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from esb.config import DeliveriesConfig, seconds_of
from esb.core import json_codec, json_values
from esb.core.clock import SystemClock, utc_text
from esb.core.delivery_states import DeliveryState
from esb.core.messages import template
from esb.database.registry_errors import Missing, NotAcceptable
from esb.server.admin_bodies import Ago, Body
from esb.server.admin_registry import AdminRegistry
from esb.server.operations import CONFLICT, UNAVAILABLE, Answer, Operation, OperatorRequest
from esb.server.process_status import Processes
from esb.server.recalls import RecallWanted

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.delivery_changes import Hindrance
    from esb.delivery.ledger import Ledger

MOST_HOLDS = 500
"""Holds that are told: apps with secrets of their own may have more of them than anybody reads."""
NO_RECALL = template("no process says whether the messages are taken back: look again, and try it once more")
_STATES = {state.word: state for state in DeliveryState}


def _state(value: Any) -> DeliveryState:
    if value not in _STATES:
        raise ValueError(f"expected one of {', '.join(_STATES)}")
    return _STATES[value]


def _waiting(value: Any) -> DeliveryState:
    if value not in ("queued", "held"):
        raise ValueError("expected queued or held")
    return _STATES[value]


class DeliveriesWanted(Body):
    """The deliveries that are wanted: all that is given has to fit."""

    app: str | None = None
    component: str | None = None
    state: Annotated[DeliveryState, PlainValidator(_state)] | None = None
    failure: str | None = Field(None, alias="class")
    receiver: str | None = None
    request_id: str | None = None
    msgid: str | None = None
    since: Ago | None = None
    until: Ago | None = None
    cursor: str | None = None
    most: int = Field(50, ge=1, le=1000, alias="limit")


class Redrive(Body):
    """To whom a dead delivery is sent again."""

    receivers: Literal["failed", "unknown"] = "failed"


class Cancelled(Body):
    """The deliveries that are ended: all that wait and fit. With `dry_run` they are only counted."""

    app: str | None = None
    component: str | None = None
    state: Annotated[DeliveryState, PlainValidator(_waiting)] | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if self.app is None and self.component is None and self.state is None:
            raise ValueError(template("which ones: name an app, a component or a state"))
        return self


class Forgotten(Body):
    """A receiver that is forgotten: a name as callers gave it, or an address."""

    receiver: str = Field(min_length=1)


class Held(Body):
    """A component of which nothing is sent for now, and why."""

    component: str = Field(min_length=1)
    reason: str = "held"


class Released(Body):
    """A component that is sent again."""

    component: str = Field(min_length=1)


def delivery_operations(registry: AdminRegistry, processes: Processes) -> list[Operation]:
    """Return the operations on deliveries."""
    handlers = _Handlers(registry, processes)
    one = "/-/deliveries/{id}"
    return [
        Operation("GET", "/-/deliveries", handlers.list),
        Operation("GET", "/-/deliveries/holds", handlers.holds),
        Operation("GET", "/-/deliveries/states", handlers.states),
        Operation("GET", one, handlers.show),
        Operation("POST", f"{one}/cancel", handlers.cancel),
        Operation("POST", f"{one}/redrive", handlers.redrive),
        Operation("POST", f"{one}/recall", handlers.recall),
        Operation("POST", "/-/deliveries/cancel", handlers.cancel_all),
        Operation("POST", "/-/deliveries/forget", handlers.forget),
        Operation("POST", "/-/deliveries/hold", handlers.hold),
        Operation("POST", "/-/deliveries/release", handlers.release),
    ]


class _Handlers:
    """The handlers of the requests about deliveries."""

    def __init__(self, registry: AdminRegistry, processes: Processes) -> None:
        self._registry = registry
        self._processes = processes

    async def list(self, asked: OperatorRequest) -> Answer:
        from esb.database.delivery_views import BadCursor, Wanted

        wanted = asked.read(DeliveriesWanted)
        try:
            page = await (await self._ledger()).page(Wanted(**wanted.model_dump()))
        except BadCursor:
            raise NotAcceptable("cursor: no page has told this one") from None
        return Answer({"deliveries": page.deliveries, "cursor": page.cursor})

    async def holds(self, asked: OperatorRequest) -> Answer:
        """Answer what is held: by nobody's name, where the gateway holds it since it cannot be sent."""
        asked.read(Body)
        found = await (await self._ledger()).holds(MOST_HOLDS)
        held = [
            {
                "component": each.credential.partition("/")[0],
                "credential": each.credential,
                "since": utc_text(each.since / 1000),
                "by": each.actor or None,
                "reason": each.reason,
            }
            for each in found
        ]
        return Answer({"holds": held})

    async def states(self, asked: OperatorRequest) -> Answer:
        """Answer how many deliveries each state has, and when the first of them was due, or has ended."""
        from esb.database.delivery_counts import MOST

        asked.read(Body)
        counts = await (await self._ledger()).counts()
        told = {
            count.state.word: {
                "number": count.number,
                "first": None if count.first is None else utc_text(count.first / 1000),
            }
            for count in counts
        }
        return Answer({"states": told, "most": MOST})

    async def show(self, asked: OperatorRequest) -> Answer:
        ledger, identity = await self._ledger(), asked.variables["id"]
        found = await ledger.delivery(identity)
        if found is None:
            raise Missing("there is no delivery {identity}", identity=identity)
        view = {
            **found,
            "attempts": await ledger.attempts(identity),
            "callbacks": await ledger.callbacks(identity),
        }
        return Answer(json_codec.decode(json_codec.encode(view, json_values.plain)))

    async def cancel(self, asked: OperatorRequest) -> Answer:
        ledger = await self._ledger()
        return await self._changed(asked, await ledger.cancel(asked.variables["id"]))

    async def redrive(self, asked: OperatorRequest) -> Answer:
        from esb.delivery.ledger import MISSED

        wanted, ledger = asked.read(Redrive), await self._ledger()
        seconds = seconds_of((self._registry.config().deliveries or DeliveriesConfig()).expires)
        hindrance = await ledger.redrive(asked.variables["id"], MISSED[wanted.receivers], seconds)
        return await self._changed(asked, hindrance)

    async def recall(self, asked: OperatorRequest) -> Answer:
        """Answer the delivery and how many of its messages are taken back, or why one is not."""
        await self._registry.database()  # a refusal of its own where there is none
        done = await self._processes.recall(RecallWanted(asked.variables["id"], asked.actor))
        if done is None:
            return Answer({"error": NO_RECALL}, UNAVAILABLE)
        if done.refusal is not None:
            return Answer({"error": str(done.refusal)}, done.status, done.refusal.render)
        shown = await self.show(asked)
        return Answer({**shown.value, "recalled": done.number})

    async def cancel_all(self, asked: OperatorRequest) -> Answer:
        from esb.database.delivery_changes import Selection

        wanted, ledger = asked.read(Cancelled), await self._ledger()
        which = Selection(wanted.app, wanted.component, wanted.state)
        if wanted.dry_run:
            return Answer({"waiting": await ledger.waiting(which)})
        return Answer({"cancelled": await ledger.cancel_all(which)})

    async def forget(self, asked: OperatorRequest) -> Answer:
        wanted, ledger = asked.read(Forgotten), await self._ledger()
        forgotten, waiting = await ledger.forget(wanted.receiver)
        return Answer({"forgotten": forgotten, "waiting": waiting})

    async def hold(self, asked: OperatorRequest) -> Answer:
        wanted, ledger = asked.read(Held), await self._ledger()
        declared = [stanza.name for stanza in self._registry.config().components]
        return Answer({"is_new": await ledger.hold(wanted.component, asked.actor.name, wanted.reason, declared)})

    async def release(self, asked: OperatorRequest) -> Answer:
        wanted, ledger = asked.read(Released), await self._ledger()
        return Answer({"was_held": await ledger.release(wanted.component)})

    async def _changed(self, asked: OperatorRequest, hindrance: "Hindrance | None") -> Answer:
        """Answer the delivery as it is now, or why it could not be changed."""
        if hindrance is None:
            return await self.show(asked)
        from esb.database.delivery_changes import Hindrance
        from esb.delivery.hindrances import hindered

        status = 404 if hindrance is Hindrance.UNKNOWN else CONFLICT
        return Answer({"error": str(hindered(hindrance))}, status)

    async def _ledger(self) -> "Ledger":
        database = await self._registry.database()
        from esb.delivery.ledger import Ledger

        return Ledger(database, SystemClock())
