"""An upgrade of a database that is killed in the middle: `python -m … URL REVISION`.

It ends behind the step of this revision, before the database knows that it is done; with "keys", behind the last one.
"""

import asyncio
import os
import signal
import sys
from typing import Any
from unittest.mock import patch

from alembic.runtime.migration import HeadMaintainer

from esb.database import migration
from tests.support.databases import make_database


def killed(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, revision: str) -> None:
    real = HeadMaintainer.update_to_step

    def update(maintainer: HeadMaintainer, step: Any) -> None:
        if step.revision.revision == revision:
            killed()
        real(maintainer, step)

    with patch.object(HeadMaintainer, "update_to_step", update), patch.object(migration, "draw_keys", killed):
        asyncio.run(migration.upgrade(make_database(url)))


if __name__ == "__main__":
    main(*sys.argv[1:])
