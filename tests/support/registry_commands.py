"""Commands that write to the registry of apps, over a configuration whose database has its tables."""

import asyncio
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from esb.cli.main import main
from tests.support.databases import open_database, stanza

CONFIG = """\
version: 1
services:
  apps: {{use: static, config: {{apps: []}}}}
{database}components:
  - {{path: /cc/hosts/, use: "tests.support.components:Echo"}}
  - {{path: /v2/cmsi/send_sms/, use: "tests.support.components:Echo"}}
"""


class Commands:
    """`esb`, with a configuration of its own."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, *arguments: str, given: str = "", code: int = 0) -> Result:
        """Return what the command did; it must exit with this code."""
        done = CliRunner().invoke(main, [*arguments, "-c", str(self.file)], input=given, env={"ESB_CONFIG": None})
        assert done.exit_code == code, (done.output, done.exception)
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--format", "json").stdout)

    def actions(self) -> list[str]:
        """Return the actions of the history, oldest first."""
        return [row["action"] for row in self.json("history")][::-1]


def commands(folder: Path, url: str) -> Commands:
    """Return the commands for a database at this URL, whose tables are made."""

    async def make_tables() -> None:
        async with open_database(url):
            pass

    asyncio.run(make_tables())
    file = folder / "esb.yaml"
    file.write_text(CONFIG.format(database=stanza(url)))
    return Commands(file)
