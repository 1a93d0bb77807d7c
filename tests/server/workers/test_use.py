"""Use of apps with many worker processes: each writes what it has counted, the last of it while it stops."""

import asyncio
from pathlib import Path

from tests.support.databases import open_database, stanza
from tests.support.processes.command_line import exchange, running
from tests.support.use import day_rows, hour_rows

CONFIG = """\
version: 1
server: {{port: 0, workers: 2, shutdown_grace: 10}}
services:
{database}  apps: {{use: static, config: {{apps: [{{code: shop, secrets: [shop-secret], impersonate: ["*"]}}]}}}}
  store: {{use: memory, config: {{per_process: accept}}}}
components:
  - {{path: /test/echo/, use: "tests.support.components:Echo"}}
"""
CALL = {"bk_app_code": "shop", "bk_app_secret": "shop-secret", "bk_username": "zhangsan"}
CALLS = 20


def test_no_call_is_lost_when_workers_stop(database_url: str, tmp_path: Path) -> None:
    async def begin() -> None:
        async with open_database(database_url):
            pass

    async def written() -> tuple[int, int]:
        async with open_database(database_url) as database:
            return sum(row[-1] for row in await day_rows(database)), sum(row[-1] for row in await hour_rows(database))

    asyncio.run(begin())
    file = tmp_path / "esb.yaml"
    file.write_text(CONFIG.format(database=stanza(database_url)))
    with running("serve", "-c", file, log=tmp_path / "log") as esb:
        for _ in range(CALLS):
            assert exchange(f"{esb.url}/api/c/compapi/test/echo/", CALL).body["code"] == 0
        esb.stop()
        assert esb.wait() == 0
    assert asyncio.run(written()) == (CALLS, CALLS)
    assert "use dropped" not in (tmp_path / "log").read_text()
