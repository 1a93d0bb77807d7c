"""The links before one component, as the config says: for those who explain what becomes of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from esb.config import ComponentStanza, Stanza
from esb.contracts.middleware import Middleware
from esb.incoming.dispatch import Endpoint
from esb.incoming.routing import Route


@dataclass(frozen=True, slots=True)
class Links:
    """The middlewares before one component, outermost first, each with its stanza; and the endpoint behind them."""

    stanza: ComponentStanza
    route: Route
    chain: Sequence[tuple[Stanza, Middleware[Any]]]
    endpoint: Endpoint
