"""Serves an aiohttp application as the gateway is served: uvloop, no access log, a ready line."""

import asyncio

import uvloop
from aiohttp import web


def serve(app: web.Application) -> None:
    uvloop.run(_serve(app))


async def _serve(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()
