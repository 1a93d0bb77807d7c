"""Deliveries over the admin listener, as `esb delivery` has them: those of all apps."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aiohttp import web
from pydantic import Field, PlainValidator

from esb.config import Config, DeliveriesConfig, seconds_of
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


def add_deliveries(app: web.Application, config: Callable[[], Config]) -> None:
    """Add the paths of deliveries to the admin listener's application."""
    registry = AdminRegistry(config)
    handlers = _Handlers(registry)
    one = "/-/deliveries/{id}"
    app.add_routes(
        [
            web.get("/-/deliveries", answering(handlers.list)),
            web.get(one, answering(handlers.show)),
            web.post(f"{one}/cancel", answering(handlers.cancel)),
            web.post(f"{one}/redrive", answering(handlers.redrive)),
        ]
    )
    app.on_cleanup.append(registry.close)


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
