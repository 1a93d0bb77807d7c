"""Callbacks and receipts of this process: apps are told of their deliveries, and platforms tell of messages."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from esb.contracts.services import Apps
from esb.core.call import ORDINARY
from esb.core.clock import Clock
from esb.core.events import Observer
from esb.gateway.generation import Generation
from esb.gateway.links import Links
from esb.gateway.process_delivering import owner
from esb.incoming.own_paths import OwnPath
from esb.outgoing.client import Outgoing

if TYPE_CHECKING:  # its libraries are extras
    from esb.database.engine import Database


class ProcessReports:
    """Callbacks, if this process delivers, and receipts. They outlive generations."""

    def __init__(
        self,
        database: "Database",
        http: Outgoing,
        current: Callable[[], Generation],
        clock: Clock,
        observer: Observer,
        *,
        delivers: bool,
    ) -> None:
        """Build them, and open nothing. `current` returns the generation that answers: its apps have the callbacks."""
        from esb.database.callback_queue import CallbackQueue
        from esb.database.receipt_writes import ReceiptWrites
        from esb.delivery.callbacks import Callbacks
        from esb.delivery.receipts import Receipts

        def apps() -> Apps:
            directory: Apps = current().services["apps"].instance
            return directory

        queue = CallbackQueue(database, clock, owner())
        self._callbacks = Callbacks(queue, http, apps, clock, observer) if delivers else None
        self._receipts = Receipts(ReceiptWrites(database, clock), clock, observer, self.wake)

    def own_paths(self, links: Sequence[Links]) -> list[OwnPath]:
        """Return the paths at which platforms report about messages of these components."""
        from esb.delivery.receipt_paths import receipt_paths

        components = {each.stanza.name: each.endpoint.chosen(ORDINARY) for each in links}
        return receipt_paths(self._receipts, components)

    def wake(self) -> None:
        """Look for events now: some were written."""
        if self._callbacks is not None:
            self._callbacks.wake()

    def open(self) -> None:
        """Begin to call back."""
        if self._callbacks is not None:
            self._callbacks.open()

    def stop(self) -> set[asyncio.Task[None]]:
        """Begin no more attempts to call back, and return those under way."""
        return set() if self._callbacks is None else self._callbacks.stop()

    async def close(self) -> None:
        """End, and leave to others what has not been told."""
        if self._callbacks is not None:
            await self._callbacks.close()
        await self._receipts.close()
