"""Deliveries over the admin listener, as `esb delivery` has them: those of all apps."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from aiohttp import web
from pydantic import Field, PlainValidator, model_validator

from esb.config import DeliveriesConfig, seconds_of
from esb.core import json_codec, json_values
from esb.core.clock import SystemClock
from esb.core.delivery_states import DeliveryState
from esb.database.registry_errors import Missing, NotAcceptable
from esb.server.admin_bodies import Ago, Body
from esb.server.admin_registry import AdminRegistry, answer, answering, asked

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.delivery_changes import Hindrance
    from esb.delivery.ledger import Ledger

CONFLICT = 409
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
            raise ValueError("which ones: name an app, a component or a state")
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


def add_deliveries(app: web.Application, registry: AdminRegistry) -> None:
    """Add the paths of deliveries to the admin listener's application."""
    handlers = _Handlers(registry)
    one = "/-/deliveries/{id}"
    app.add_routes(
        [
            web.get("/-/deliveries", answering(handlers.list)),
            web.get(one, answering(handlers.show)),
            web.post(f"{one}/cancel", answering(handlers.cancel)),
            web.post(f"{one}/redrive", answering(handlers.redrive)),
            web.post("/-/deliveries/cancel", answering(handlers.cancel_all)),
            web.post("/-/deliveries/forget", answering(handlers.forget)),
            web.post("/-/deliveries/hold", answering(handlers.hold)),
            web.post("/-/deliveries/release", answering(handlers.release)),
        ]
    )


class _Handlers:
    """The handlers of the requests about deliveries."""

    def __init__(self, registry: AdminRegistry) -> None:
        self._registry = registry

    async def list(self, request: web.Request) -> web.Response:
        from esb.database.delivery_views import BadCursor, Wanted

        wanted = await asked(request, DeliveriesWanted)
        try:
            page = await (await self._ledger()).page(Wanted(**wanted.model_dump()))
        except BadCursor:
            raise NotAcceptable("cursor: no page has told this one") from None
        return answer({"deliveries": page.deliveries, "cursor": page.cursor})

    async def show(self, request: web.Request) -> web.Response:
        ledger, identity = await self._ledger(), request.match_info["id"]
        found = await ledger.delivery(identity)
        if found is None:
            raise Missing(f"there is no delivery {identity}")
        attempts = await ledger.attempts(identity)
        return answer(json_codec.decode(json_codec.encode({**found, "attempts": attempts}, json_values.plain)))

    async def cancel(self, request: web.Request) -> web.Response:
        ledger = await self._ledger()
        return await self._changed(request, await ledger.cancel(request.match_info["id"]))

    async def redrive(self, request: web.Request) -> web.Response:
        from esb.delivery.ledger import MISSED

        wanted, ledger = await asked(request, Redrive), await self._ledger()
        seconds = seconds_of((self._registry.config().deliveries or DeliveriesConfig()).expires)
        hindrance = await ledger.redrive(request.match_info["id"], MISSED[wanted.receivers], seconds)
        return await self._changed(request, hindrance)

    async def cancel_all(self, request: web.Request) -> web.Response:
        from esb.database.delivery_changes import Selection

        wanted, ledger = await asked(request, Cancelled), await self._ledger()
        which = Selection(wanted.app, wanted.component, wanted.state)
        if wanted.dry_run:
            return answer({"waiting": await ledger.waiting(which)})
        return answer({"cancelled": await ledger.cancel_all(which)})

    async def forget(self, request: web.Request) -> web.Response:
        wanted, ledger = await asked(request, Forgotten), await self._ledger()
        forgotten, waiting = await ledger.forget(wanted.receiver)
        return answer({"forgotten": forgotten, "waiting": waiting})

    async def hold(self, request: web.Request) -> web.Response:
        wanted, ledger = await asked(request, Held), await self._ledger()
        declared = [stanza.name for stanza in self._registry.config().components]
        actor = self._registry.actor(request).name
        return answer({"is_new": await ledger.hold(wanted.component, actor, wanted.reason, declared)})

    async def release(self, request: web.Request) -> web.Response:
        wanted, ledger = await asked(request, Released), await self._ledger()
        return answer({"was_held": await ledger.release(wanted.component)})

    async def _changed(self, request: web.Request, hindrance: "Hindrance | None") -> web.Response:
        """Answer the delivery as it is now, or why it could not be changed."""
        if hindrance is None:
            return await self.show(request)
        from esb.database.delivery_changes import Hindrance
        from esb.delivery.delivery_paths import hindered

        status = 404 if hindrance is Hindrance.UNKNOWN else CONFLICT
        return answer({"error": str(hindered(hindrance))}, status)

    async def _ledger(self) -> "Ledger":
        database = await self._registry.database()
        from esb.delivery.ledger import Ledger

        return Ledger(database, SystemClock())
