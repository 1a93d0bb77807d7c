"""A sandbox without jinja2: it says which extra draws its pages, and does all else."""

from pathlib import Path

from tests.support.processes.interpreter import python
from tests.support.repository import ROOT

SCRIPT = """\
import asyncio, sys
sys.modules["jinja2"] = None  # importing it raises ImportError, as if it were not installed
from aiohttp.test_utils import TestClient, TestServer
from esb.sandbox import create_sandbox

HTML = {"Accept": "text/html"}

async def main():
    async with TestClient(TestServer(create_sandbox())) as http:
        robot = {"msgtype": "text", "text": {"content": "hello"}}
        await http.post("/cgi-bin/webhook/send?key=bot-key", json=robot)
        for path in ("inbox", "inbox/1", "inbox/9", "inbox/events", "messages"):
            response = await http.get(f"/_sandbox/{path}", headers=HTML)
            print(path, response.status, (await response.text()).splitlines()[0])
        response = await http.get("/_sandbox/inbox", headers={"Accept": "application/json"})
        print([message["text"] for message in (await response.json())["messages"]])
        print(len((await (await http.get("/_sandbox/messages?wait=5")).json())["messages"]))

asyncio.run(main())
"""


def test_pages_name_the_extra_and_all_else_works(tmp_path: Path) -> None:
    done = python("-W", "error", "-c", SCRIPT, folder=tmp_path, PYTHONPATH=str(ROOT))
    needs = "501 The pages of the inbox need jinja2, which `pip install 'esb-gateway[portal]'` installs."
    assert done.stdout.splitlines() == [
        f"inbox {needs}",
        f"inbox/1 {needs}",
        "inbox/9 404 no such message, or it is not kept any more",
        f"inbox/events {needs}",
        f"messages {needs}",
        "['hello']",
        "1",
    ], done.stderr
