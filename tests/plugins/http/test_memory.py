"""300 MB through `response: raw`, each way: the gateway, a process of its own, hardly grows."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from tests.support.configuration import DEMO, SERVICES
from tests.support.gateway import OpenServer
from tests.support.processes.command_line import running
from tests.support.servers.recorder import proxy

MEGABYTE = 2**20
LARGE, SMALL = 300, 20
GROWTH = 20
BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
PIECE = bytes(MEGABYTE)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def peak(process: int) -> int:
    """The most memory that this process ever had, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


async def pieces(megabytes: int) -> AsyncIterator[bytes]:
    for _ in range(megabytes):
        yield PIECE


async def download(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for piece in pieces(int(request.query["megabytes"])):
        await response.write(piece)
    return response


async def upload(request: web.Request) -> web.StreamResponse:
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
    return web.Response(text=str(size))


async def taken(http: ClientSession, url: str, megabytes: int) -> int:
    size = 0
    async with http.get(f"{url}?megabytes={megabytes}", headers=BY_HEADER) as response:
        async for chunk in response.content.iter_any():
            size += len(chunk)
    return size


async def given(http: ClientSession, url: str, megabytes: int) -> int:
    async with http.put(url, data=pieces(megabytes), headers=BY_HEADER) as response:
        return int(await response.text())


async def test_memory_stays_as_it_is(tmp_path: Path, open_server: OpenServer, http: ClientSession) -> None:
    app = web.Application()
    app.router.add_get("/x/", download)
    app.router.add_put("/x/", upload)
    stanza = proxy(await open_server(app), stanza="methods: [GET, PUT], max_body: null, ", response="raw")
    config = tmp_path / "esb.yaml"
    config.write_text(f"{SERVICES}components:\n{stanza}")
    with running("serve", "-c", config, "--port", "0", log=tmp_path / "log") as gateway:
        url = f"{gateway.url}/api/c/compapi/demo/relay/"
        for way in (taken, given):
            assert await way(http, url, SMALL) == SMALL * MEGABYTE
            before = peak(gateway.pid)
            assert await way(http, url, LARGE) == LARGE * MEGABYTE
            assert peak(gateway.pid) - before < GROWTH * MEGABYTE, way.__name__
