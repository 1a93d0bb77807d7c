"""A trial: so many deliveries are accepted and sent while processes are killed; then the books are made."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession
from sqlalchemy import ColumnElement, select

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.deliveries import DELIVERY, RECIPIENT
from esb.database.engine import Database
from tests.project.kill.platform import Platform, platform
from tests.project.kill.processes import Process, started
from tests.support.configuration import DEMO, SERVICES
from tests.support.databases import open_database, stanza
from tests.support.ports import free_port

CALLERS = 32
"""Calls under way at once."""
DELIVERERS = 2
"""Processes of `esb deliver`, beside `esb serve`, which delivers too."""
PATIENCE = 600.0
"""Seconds for all to be delivered."""
BROKEN_OFF = 60
"""Receivers of one process that a kill may leave unknown: those of its deliveries under way."""
AGAIN = {1306201, 1306429}
"""Codes of an answer after which a caller comes again: the database is busy, or too much waits."""
COMPONENTS = """\
  - path: /cmsi/send_weixin/
    methods: [POST]
    use: cmsi_send_weixin
    config: {{wx_type: qy, wx_qy_corpid: corp, wx_qy_corpsecret: secret, wx_qy_agentid: 1, wx_qy_host: "{url}",
             wx_qy_member_per_minute: 0}}
  - path: /cmsi/send_qy_weixin/
    methods: [POST]
    use: cmsi_send_qy_weixin
    config: {{wx_qy_corpid: corp, wx_qy_corpsecret: other, wx_qy_agentid: 2, wx_qy_host: "{url}",
             wx_qy_member_per_minute: 0, wx_qy_duplicate_check: false}}
"""


@dataclass(frozen=True)
class Trial:
    """The database by its URL, how many deliveries and kills; of every other delivery no repetition is dropped."""

    database: str
    deliveries: int
    kills: int
    engine: str = "{use: embedded}"
    seed: int = 1


@dataclass
class Books:
    """The findings of a trial, first where the platform drops repetitions, then where it does not.

    `lost` did not arrive; `vanished` neither, and nobody is told that this is unknown.
    """

    lost: int = 0
    doubled: int = 0
    in_doubt: int = 0
    vanished: int = 0
    repeated: int = 0
    unknown: int = 0
    dropped: int = 0
    accepted: int = 0
    states: Counter[str] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        """True if nothing was lost, nor doubled."""
        return not (self.lost or self.doubled or self.in_doubt or self.vanished or self.repeated)


class World:
    """The gateway's processes, its platform and its database."""

    def __init__(self, trial: Trial, reached: Platform, database: Database, folder: Path) -> None:
        self.trial = trial
        self.platform = reached
        self.database = database
        port = free_port()
        file = folder / "esb.yaml"
        file.write_text(
            f"{SERVICES}{stanza(trial.database)}server: {{port: {port}}}\n"
            f"deliveries: {{engine: {trial.engine}}}\ncomponents:\n{COMPONENTS.format(url=reached.url)}"
        )
        self.url = f"http://127.0.0.1:{port}"
        self.processes = [Process(file, "serve"), *(Process(file, "deliver") for _ in range(DELIVERERS))]
        self.accepted: dict[int, str] = {}
        """Number of a message -> the delivery as which it was accepted."""
        self._random = random.Random(trial.seed)

    async def accept(self, http: ClientSession, number: int) -> None:
        """Send a message asynchronously, again and again until it is accepted, under one key."""
        text = f"number {number}."
        component = "send_qy_weixin" if number % 2 else "send_weixin"
        message: dict[str, Any] = {"data": {"heading": "H", "message": text, "date": "D"}}
        message = {"content": text} if number % 2 else message
        body = {**DEMO, **message, "receiver": f"user{number}", "async": True, "idempotency_key": str(number)}
        while number not in self.accepted:
            try:
                async with http.post(f"{self.url}/api/c/compapi/cmsi/{component}/", json=body) as response:
                    answer = await response.json()
                if answer["result"]:
                    self.accepted[number] = answer["data"]["delivery"]["id"]
                    return
                assert answer["code"] in AGAIN, answer
            except (ClientError, OSError):
                pass
            await asyncio.sleep(0.05)

    async def accept_all(self) -> None:
        """Accept all messages, as many callers at once."""
        numbers = iter(range(self.trial.deliveries))

        async def calls(http: ClientSession) -> None:
            for number in numbers:
                await self.accept(http, number)

        async with ClientSession() as http, asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(calls(http))

    async def kill_some(self) -> None:
        """Kill one process after the other while there is something to send, and start each again."""
        for kill in range(self.trial.kills):
            await self.platform.has(self.trial.deliveries * kill // (self.trial.kills + 1))
            await asyncio.sleep(self._random.random() * 0.05)
            process = self._random.choice(self.processes)
            await process.kill()
            await process.start()

    async def has_ended(self) -> None:
        """Wait until every delivery has ended."""
        open_ = DELIVERY.c.state.in_((DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.HELD))
        async with asyncio.timeout(PATIENCE):
            while await self._any(open_):
                await asyncio.to_thread(time.sleep, 0.2)

    async def _any(self, which: ColumnElement[bool]) -> bool:
        async with self.database.reading() as connection:
            return (await connection.execute(select(DELIVERY.c.id).where(which).limit(1))).first() is not None

    async def books(self) -> Books:
        """Compare what was accepted with what arrived, and with what the database tells."""
        books = Books(dropped=self.platform.dropped, accepted=len(self.accepted))
        async with self.database.reading() as connection:
            joined = select(DELIVERY.c.id, RECIPIENT.c.state).join(RECIPIENT, RECIPIENT.c.delivery == DELIVERY.c.id)
            states = {row.id: ReceiverState(row.state) for row in await connection.execute(joined)}
        books.states.update(state.word for state in states.values())
        for number, delivery in self.accepted.items():
            times, unknown = self.platform.arrived[number], states.get(delivery) is ReceiverState.UNKNOWN
            if number % 2:
                books.vanished += not times and not unknown
                books.repeated += times > 1
                books.unknown += unknown
            else:
                books.lost += not times
                books.doubled += times > 1
                books.in_doubt += unknown
        return books


@asynccontextmanager
async def world(trial: Trial, folder: Path) -> AsyncIterator[World]:
    """Start all that a trial needs."""
    async with platform() as reached, open_database(trial.database) as database:
        made = World(trial, reached, database, folder)
        async with started(made.processes):
            yield made


async def played(trial: Trial, folder: Path) -> Books:
    """Play a trial, and return its books."""
    async with world(trial, folder) as made:
        async with asyncio.TaskGroup() as group:
            group.create_task(made.accept_all())
            group.create_task(made.kill_some())
        await made.has_ended()
        return await made.books()
