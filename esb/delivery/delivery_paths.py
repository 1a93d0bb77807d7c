"""The paths /api/c/deliveries/…, by which an app follows its own deliveries. Another's is as good as none."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from esb.config.moment import instant_past
from esb.core.call import Call
from esb.core.delivery_states import DeliveryState
from esb.core.errors import ParameterError, RequestError
from esb.core.parameter_error import parameter_error
from esb.core.params import Label, Params, Text, problem
from esb.database.delivery_answer import View
from esb.database.delivery_changes import Hindrance
from esb.database.delivery_views import BadCursor, Wanted
from esb.database.engine import DatabaseAway
from esb.delivery.hindrances import hindered
from esb.delivery.ledger import MISSED, Ledger, ledger_away
from esb.delivery.recalling import ComponentOf, recall
from esb.incoming.own_paths import OwnPath

ParamsT = TypeVar("ParamsT", bound=Params)
GET, POST = frozenset({"GET"}), frozenset({"POST"})
SENDING_SECONDS = 2.0
"""The time after which an attempt that is under way has mostly ended."""
_STATES = {state.word: state for state in DeliveryState}


def _state(value: Any) -> DeliveryState | None:
    if value is None or value == "":
        return None
    if value not in _STATES:
        raise problem("Expected one of {states}.", states=", ".join(_STATES))
    return _STATES[value]


def _since(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        return instant_past(value if isinstance(value, str) else "", time.time())
    except ValueError:
        raise problem("Expected a time such as 2026-12-31T18:00:00+08:00, or so long ago: 7d, 12h.") from None


class ListParams(Params):
    """Which of its deliveries an app lists."""

    state: Annotated[DeliveryState | None, Label("state of the deliveries"), BeforeValidator(_state)] = None
    since: Annotated[int | None, Label("time from which on"), BeforeValidator(_since)] = None
    cursor: Annotated[Text, Label("cursor of the page before")] = ""
    limit: Annotated[int, Label("deliveries of a page"), Field(ge=1, le=200)] = 50


class RedriveParams(Params):
    """To whom of those who missed a delivery it is sent again."""

    receivers: Annotated[Literal["failed", "unknown"], Label("receivers to send to again")] = "failed"


class DeliveryPaths:
    """The handlers of these paths.

    `expires`: the seconds for which a delivery is tried that is sent again; None where nothing is sent later.
    """

    def __init__(self, ledger: Ledger, expires: float | None, component_of: ComponentOf) -> None:
        self._ledger = ledger
        self._component_of = component_of
        self._expires = expires

    def paths(self) -> list[OwnPath]:
        """Return the paths, with what answers each."""
        return [
            OwnPath("/deliveries/", "deliveries.list", GET, _answering(self._list)),
            OwnPath("/deliveries/{id}/", "deliveries.show", GET, _answering(self._show)),
            OwnPath("/deliveries/{id}/cancel/", "deliveries.cancel", POST, _answering(self._cancel)),
            OwnPath("/deliveries/{id}/redrive/", "deliveries.redrive", POST, _answering(self._redrive)),
            OwnPath("/deliveries/{id}/recall/", "deliveries.recall", POST, _answering(self._recall)),
        ]

    async def _list(self, call: Call) -> View:
        wanted = _read(ListParams, call.args)
        try:
            page = await self._ledger.page(
                Wanted(
                    app=_app(call),
                    state=wanted.state,
                    since=wanted.since,
                    cursor=wanted.cursor or None,
                    most=wanted.limit,
                )
            )
        except BadCursor:
            raise ParameterError("cursor [cursor] Must be that of the page before.") from None
        return {"deliveries": [_own(view) for view in page.deliveries], "cursor": page.cursor}

    async def _show(self, call: Call) -> View:
        found = await self._ledger.delivery(call.path_vars["id"], _app(call))
        if found is None:
            raise hindered(Hindrance.UNKNOWN)
        return {**found, "delivery": _own(found["delivery"])}

    async def _cancel(self, call: Call) -> View:
        return await self._changed(call, await self._ledger.cancel(call.path_vars["id"], _app(call)))

    async def _redrive(self, call: Call) -> View:
        missed = MISSED[_read(RedriveParams, call.args).receivers]
        if self._expires is None:  # it would wait for ever
            raise RequestError("This gateway sends no message later, so that none can be sent again")
        return await self._changed(
            call, await self._ledger.redrive(call.path_vars["id"], missed, self._expires, _app(call))
        )

    async def _recall(self, call: Call) -> View:
        found = await self._ledger.delivery(call.path_vars["id"], _app(call))
        if found is None:
            raise hindered(Hindrance.UNKNOWN)
        number = await recall(self._ledger, self._component_of, call, found)
        return {**await self._changed(call, None), "recalled": number}

    async def _changed(self, call: Call, hindrance: Hindrance | None) -> View:
        """Return the delivery as it is after a change. EsbError with it if the change could not be made."""
        found = (
            None if hindrance is Hindrance.UNKNOWN else await self._ledger.delivery(call.path_vars["id"], _app(call))
        )
        if found is None:
            raise hindered(Hindrance.UNKNOWN)
        data: View = {"delivery": _own(found["delivery"])}
        if hindrance is None:
            return data
        if hindrance is Hindrance.SENDING:
            data |= {"retryable": True, "retry_after": SENDING_SECONDS}
        raise hindered(hindrance, data)


def _answering(handler: Callable[[Call], Awaitable[View]]) -> Callable[[Call], Awaitable[View]]:
    """Return the handler with what the database refuses as an error of callers."""

    async def answered(call: Call) -> View:
        try:
            return await handler(call)
        except DatabaseAway:
            raise ledger_away() from None

    return answered


def _read(model: type[ParamsT], args: Mapping[str, Any]) -> ParamsT:
    try:
        return model.model_validate(args)
    except ValidationError as error:
        raise parameter_error(error, model) from None  # it quotes what came in


def _app(call: Call) -> str:
    return "" if call.app is None else call.app.code


def _own(view: View) -> View:
    """Return what an app reads of its delivery: it knows that it is its own."""
    return {key: value for key, value in view.items() if key != "app"}
