"""The ledger for those who ask: apps about their own deliveries, operators about all of them."""

from esb.core.errors import Message, UpstreamError, template
from esb.core.reasons import Reason
from esb.database.delivery_views import DeliveryViews, Page, View, Wanted
from esb.database.engine import Database

AWAY_SECONDS = 5.0
"""The time after which a caller may ask again, if the database was away."""
_AWAY = template("the deliveries cannot be read or written now")


class Ledger:
    """The deliveries in the database of the gateway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: Wanted) -> Page:
        """Return a page of deliveries. BadCursor, DatabaseAway."""
        async with self._database.reading() as connection:
            return await DeliveryViews(connection, self._database.keys).page(wanted)

    async def delivery(self, identity: str, app: str | None = None) -> View | None:
        """Return a delivery and its receivers, if it is there, and this app's if one is given. DatabaseAway."""
        async with self._database.reading() as connection:
            return await DeliveryViews(connection, self._database.keys).delivery(identity, app)


def ledger_away() -> UpstreamError:
    """Return the error for callers whose deliveries lie in a database that is away."""
    return UpstreamError(
        "database",
        "deliveries",
        Message(_AWAY),
        sent=False,
        transient=True,
        data={"retryable": True, "retry_after": AWAY_SECONDS},
        call_reason=Reason.STORE,
    )
