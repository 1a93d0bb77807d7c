"""The operation that tells how the gateway is. Nothing is counted for it on the way of a call: it looks when asked."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from esb.config import Config
from esb.core.clock import utc_text
from esb.core.errors import GatewayError
from esb.server.admin_registry import AdminRegistry
from esb.server.health_report import Observed, report
from esb.server.health_verdict import troubles
from esb.server.late_counts import LateCounts
from esb.server.operations import Answer, Operation, OperatorRequest
from esb.server.process_status import Processes
from esb.telemetry import metrics

PROCESS_SECONDS = 2.0
"""Seconds for each process to say how it is: who looks wants to see the others."""
HOLD_SECONDS = 1.0
"""Seconds to look into the database what is held back."""
MOST_HOLDS = 50


def health_operations(
    processes: Processes,
    registry: AdminRegistry,
    sandbox_url: str | None = None,
    since_1970: Callable[[], float] = time.time,
) -> list[Operation]:
    """Return the operations."""
    return [Operation("GET", "/-/health", _Health(processes, registry, sandbox_url, since_1970).health)]


class _Health:
    def __init__(
        self,
        processes: Processes,
        registry: AdminRegistry,
        sandbox_url: str | None,
        since_1970: Callable[[], float],
    ) -> None:
        self._processes = processes
        self._registry = registry
        self._sandbox_url = sandbox_url
        self._now = since_1970
        self._late = LateCounts()

    async def health(self, asked: OperatorRequest) -> Answer:
        """Answer how each process is, the channels, the store, the database and the deliveries, and the verdict."""
        config = self._processes.config()
        described, held = await asyncio.gather(self._processes.described(PROCESS_SECONDS), self._held(config))
        counted = metrics.joined([*(status.counted for status, _ in described), *self._processes.past()])
        now = self._now()
        late = self._late.look(now, counted)
        seen = Observed(config, described, counted, late, held, _schema(config), self._sandbox_url, now)
        found = [trouble.as_json() for trouble in troubles(seen)]
        return Answer({"well": not found, "troubles": found, **report(seen)})

    async def _held(self, config: Config) -> list[dict[str, Any]] | None:
        """Return what is held back, the oldest first; None if there is nothing to hold, or it is not known."""
        if config.database is None or (config.deliveries is None and config.ledger is None):
            return None
        try:
            async with asyncio.timeout(HOLD_SECONDS):
                database = await self._registry.database()
                from esb.database.holds import oldest_holds

                async with database.reading() as connection:
                    holds = await oldest_holds(connection, MOST_HOLDS)
        except (GatewayError, TimeoutError):  # the processes tell that it is away
            return None
        return [
            {"what": each.credential, "since": utc_text(each.since / 1000), "by": each.actor, "reason": each.reason}
            for each in holds
        ]


def _schema(config: Config) -> str | None:
    if config.database is None:
        return None
    from esb.database.schema import head

    return head()
