"""The parts of deliveries that last as long as the process: what accepts, sends, records and tells of them.

Built only where there is a database; their libraries are extras, and imported only then.
"""

from typing import TYPE_CHECKING

from esb.config import Config
from esb.gateway.own_routes import Components
from esb.incoming.own_paths import OwnPath

if TYPE_CHECKING:
    from esb.database.engine import Database


class ProcessDeliveries:
    """The parts that accept, send, record and tell of deliveries. A reload may begin or end some of them."""

    def __init__(self, database: "Database") -> None:
        from esb.delivery.delivery_paths import DeliveryPaths
        from esb.delivery.ledger import Ledger

        self._paths = DeliveryPaths(Ledger(database))

    def own_paths(self, config: Config, components: Components) -> list[OwnPath]:
        """Return the gateway's own paths, for a generation of this config and these components."""
        return [] if config.deliveries is None and config.ledger is None else self._paths.paths()


def build_deliveries(database: "Database | None") -> ProcessDeliveries | None:
    """Return the parts of deliveries; None without a database."""
    return None if database is None else ProcessDeliveries(database)
