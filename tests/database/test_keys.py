"""The proof of a key, which the first who encrypts something leaves in the database."""

import asyncio

from esb.database.engine import Database
from esb.database.keys import DATABASE_KEY
from tests.support.claims import rows


async def test_several_who_encrypt_at_once_leave_one_proof(database: Database) -> None:
    async def write(meeting: asyncio.Barrier) -> None:
        async with database.writing():
            database.keys.seal_at("content/1", b"secret")
            if not database.is_sqlite:  # which has one writer at a time
                await meeting.wait()

    before = len(await rows(database, DATABASE_KEY))
    meeting = asyncio.Barrier(3)
    async with asyncio.timeout(20):
        await asyncio.gather(*(write(meeting) for _ in range(3)))
    assert len(await rows(database, DATABASE_KEY)) == before + 1
