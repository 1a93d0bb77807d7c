"""The parts of deliveries that last as long as the process: what accepts, sends, records and tells of them.

Built only where there is a database; their libraries are extras, and imported only then.
"""

from typing import TYPE_CHECKING

from esb.config import Config, DeliveriesConfig, seconds_of
from esb.core.clock import Clock
from esb.gateway.own_routes import Components
from esb.incoming.own_paths import OwnPath

if TYPE_CHECKING:
    from esb.database.engine import Database


class ProcessDeliveries:
    """The parts that accept, send, record and tell of deliveries. A reload may begin or end some of them."""

    def __init__(self, database: "Database", clock: Clock) -> None:
        from esb.delivery.ledger import Ledger

        self.ledger = Ledger(database, clock)

    def own_paths(self, config: Config, components: Components) -> list[OwnPath]:
        """Return the gateway's own paths, for a generation of this config and these components."""
        if config.deliveries is None and config.ledger is None:
            return []
        from esb.delivery.delivery_paths import DeliveryPaths

        expires = seconds_of((config.deliveries or DeliveriesConfig()).expires)
        return DeliveryPaths(self.ledger, expires).paths()


def build_deliveries(database: "Database | None", clock: Clock) -> ProcessDeliveries | None:
    """Return the parts of deliveries; None without a database."""
    return None if database is None else ProcessDeliveries(database, clock)
