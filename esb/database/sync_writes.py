"""Writes of synchronous calls into the ledger, many in one transaction."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from esb.database.bulk_insert import insert_rows
from esb.database.deliveries import CONTENT, DELIVERY, DELIVERY_MESSAGE, RECIPIENT

Rows = Sequence[dict[str, Any]]


class SyncRows(NamedTuple):
    """The rows of one call: of its delivery, and of its receivers, messages and content."""

    delivery: dict[str, Any]
    recipients: Rows
    messages: Rows
    contents: Rows


async def write(connection: AsyncConnection, calls: Sequence[SyncRows]) -> None:
    """Write these calls. Part of a writing."""
    await insert_rows(connection, DELIVERY, [call.delivery for call in calls])
    await insert_rows(connection, RECIPIENT, [row for call in calls for row in call.recipients])
    await insert_rows(connection, DELIVERY_MESSAGE, [row for call in calls for row in call.messages])
    await insert_rows(connection, CONTENT, [row for call in calls for row in call.contents])
