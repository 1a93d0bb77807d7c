"""The links before one component, as the config says: for those who explain what becomes of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from esb.config import ComponentStanza, Stanza
from esb.contracts.component import Component
from esb.contracts.middleware import Middleware
from esb.core.call import Options
from esb.core.errors import EsbError
from esb.incoming.dispatch import Endpoint
from esb.incoming.routing import Route


@dataclass(frozen=True, slots=True)
class Links:
    """The middlewares before one component, outermost first, each with its stanza; and the endpoint behind them."""

    stanza: ComponentStanza
    route: Route
    chain: Sequence[tuple[Stanza, Middleware[Any]]]
    endpoint: Endpoint


def component_of(links: Sequence[Links], name: str, options: Options) -> Component[Any, Any] | None:
    """Return the component of this name, in the environment that is asked for; None if there is none."""
    for each in links:
        if each.stanza.name == name:
            try:
                return each.endpoint.chosen(options)
            except EsbError:
                return None
    return None
