"""The contract of what takes calls that are sent later, and its refusal where nothing takes them."""

from collections.abc import Awaitable, Callable, Mapping, Set
from typing import Any, Protocol

from esb.config import DeliveriesConfig
from esb.contracts.component import Component, Envelope, Repetition
from esb.contracts.middleware import Handler
from esb.core.call import Call
from esb.core.errors import RequestError

SentAtOnce = Callable[[], Awaitable[Envelope | None]]
"""Function that waits for a call at once with the same key, and returns its answer; None if it sent nothing."""


class Acceptance(Protocol):
    """Accepts the calls of one component. `own`: the names of its own parameters."""

    own: Set[str]

    def __call__(
        self,
        call: Call,
        handler: Handler,
        *,
        preferred: bool,
        repetition: Repetition | None = None,
        sent: SentAtOnce,
    ) -> Awaitable[Any]:
        """Accept a call, and return its answer's data; `handler` rehearses it. EsbError for what is wrong with it.

        `preferred`: it is asked for by the header Prefer, which the answer tells. `repetition`: the key of a call that
        brings none. `sent` is asked if a call at once has the key meanwhile: its answer is returned, if it has sent.
        """
        ...

    def accepted(self, call: Call, repetition: Repetition | None = None) -> Awaitable[Mapping[str, Any] | None]:
        """Return the data that tells of what was accepted under the key of a call; None if nothing was.

        `repetition`: the key of a call that brings none. RequestError if that was another call.
        """
        ...


AcceptanceOf = Callable[[Component[Any, Any], DeliveriesConfig | None], Acceptance]
"""Function that returns the acceptance of a component, by the key `deliveries`."""


def own_parameters(component: Component[Any, Any]) -> Set[str]:
    """Return the names of a component's own parameters, as callers spell them."""
    return {info.alias or name for name, info in component.params_type.model_fields.items()}


class NoAcceptance:
    """Refuses all asynchronous calls."""

    def __init__(self, component: Component[Any, Any], config: DeliveriesConfig | None) -> None:
        self.own = own_parameters(component)

    async def __call__(self, *asked: Any, **more: Any) -> Any:
        """RequestError: there is nothing that sends later."""
        raise RequestError(
            "Parameters error, this gateway sends no message later: please leave out async, deliver_at and the request"
            " header Prefer"
        )

    async def accepted(self, call: Call, repetition: Repetition | None = None) -> None:
        """Nothing is known here of what was accepted."""
