"""The recorder of synchronous calls: the ledger gets them some time after their answers, many in one transaction.

It is on no call's way: what was sent stands in a bounded buffer until it is written, and where there is no room it is
counted as dropped. A call that did not reach everybody ends in an error, so that most calls pay nothing for `failures`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from esb.config import LedgerConfig
from esb.contracts.middleware import Handler
from esb.core.call import Call
from esb.core.clock import Clock
from esb.core.delivery_events import LedgerDropped
from esb.core.events import Observer
from esb.database.engine import Database, DatabaseAway
from esb.database.sync_writes import SyncRows, write
from esb.database.write_behind import WriteBehind
from esb.delivery.content import DeliveryContent
from esb.delivery.recording import Recording
from esb.delivery.sync_rows import EndedCall, rows_of

CALLS_AT_ONCE = 256
"""Calls that one transaction writes."""
MOST_RECEIVERS = 50_000
"""Receivers of all calls that wait: some seconds of a busy gateway, or minutes without its database."""
SEALED_AT_ONCE = 100
"""Receivers whose rows are made within one turn of the loop; those of a larger call are made in a thread."""
_DAY = 86_400_000


class SyncRecorder(WriteBehind):
    """The one that writes synchronous calls into the ledger, from `open` to `close`."""

    def __init__(self, database: Database, clock: Clock, observer: Observer) -> None:
        super().__init__(observer)
        self.dropped = 0
        self._database = database
        self._clock = clock
        self._waiting: list[EndedCall] = []
        self._size = 0

    def recording(self, ledger: LedgerConfig | None) -> Sequence[Recording]:
        """Return what records the calls of a component by these keys: nothing where none are recorded."""
        if ledger is None or ledger.sync == "off":
            return ()
        days = ledger.content.removesuffix("d")
        recording = _Recording(self, int(days) if days.isdecimal() else 0)
        return [recording.everything if ledger.sync == "on" else recording.failures]

    def note(self, call: Call, error: BaseException | None, content_days: int) -> None:
        """Keep in mind that this call has ended, if it sent something and there is room. Nothing is waited for.

        Its content is kept for so many days, if it is to be kept at all.
        """
        record, app, user = call.record, call.app, call.user
        if call.options.dry_run or not (record.sent or record.sendings):
            return
        size = 1 + sum(len(report.audience.typed) for _, report in record.sendings)
        if self._size + size > MOST_RECEIVERS and self._waiting:
            self.dropped += 1
            return
        now = int(self._clock.since_1970() * 1000)
        self._size += size
        self._waiting.append(
            EndedCall(
                app="" if app is None else app.code,
                username="" if user is None else user.username,
                component=call.component,
                request_id=call.id,
                test_env=call.options.test_env,
                at=now,
                sendings=record.sendings,
                error=error,
                sent=record.sent,
                content=DeliveryContent.of(call, call.args) if content_days else None,
                purge=now + content_days * _DAY,
                size=size,
            )
        )

    async def write(self) -> None:
        """Write all that has ended until now. DatabaseAway: then it waits for the next time."""
        while self._waiting:
            calls = self._waiting[:CALLS_AT_ONCE]
            try:
                rows = await self._rows(calls)
                async with self._database.writing() as connection:
                    await write(connection, rows)
            except DatabaseAway:
                raise
            except Exception as error:  # noqa: BLE001 - what was not foreseen would come again with these calls
                self.dropped += len(calls)
                self._observer.crashed("", "recording calls", error)
            self._forget(len(calls))

    async def _rows(self, calls: Sequence[EndedCall]) -> list[SyncRows]:
        """Return the rows of these calls; others have their turns meanwhile."""
        rows, made, keys = [], 0, self._database.keys
        for call in calls:
            if call.size <= SEALED_AT_ONCE:
                rows.append(rows_of(keys, call))
            else:
                rows.append(await asyncio.to_thread(rows_of, keys, call))
            made += call.size
            if made >= SEALED_AT_ONCE:
                made = 0
                await asyncio.sleep(0)
        return rows

    def _forget(self, number: int) -> None:
        self._size -= sum(call.size for call in self._waiting[:number])
        del self._waiting[:number]

    async def _turn(self, *, stopping: bool) -> None:
        with suppress(DatabaseAway):  # the database itself tells it; calls wait
            await self.write()

    def _drop(self) -> None:
        self.dropped += len(self._waiting)
        self._forget(len(self._waiting))

    def _dropped(self) -> LedgerDropped | None:
        dropped, self.dropped = self.dropped, 0
        return LedgerDropped(dropped) if dropped else None


class _Recording:
    """The middlewares that note calls for a recorder, with their contents for so many days."""

    def __init__(self, recorder: SyncRecorder, content_days: int) -> None:
        self._note = recorder.note
        self._days = content_days

    async def failures(self, call: Call, handler: Handler) -> Any:
        """Note a call that ends in an error, as each does that has not reached everybody."""
        try:
            return await handler(call)
        except BaseException as error:
            self._note(call, error, self._days)
            raise

    async def everything(self, call: Call, handler: Handler) -> Any:
        """Note every call."""
        try:
            answer = await handler(call)
        except BaseException as error:
            self._note(call, error, self._days)
            raise
        self._note(call, None, self._days)
        return answer
