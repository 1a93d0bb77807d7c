"""A process that writes to the registry of the database at this URL, says so, and waits in the middle to be killed."""

import asyncio
import sys

from esb.database.registry import Registry
from tests.support.databases import make_database
from tests.support.registry import ROOT


async def main(url: str) -> None:
    database = make_database(url)
    await database.open()
    async with Registry(database).writing(ROOT) as write:
        await write.apps.create("cut-off", secrets=["correct horse battery"])
        await write.grants.add("monitor", "cmsi.*")
        sys.stdout.write("written\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
