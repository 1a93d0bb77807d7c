"""The least relay that aiohttp makes: its server, its router, its client."""

from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from business import (
    JSON,
    PATH,
    RELAY_PATH,
    RELAY_URL,
    SEND_URL,
    TOKEN_URL,
    Refused,
    check,
    envelope,
    message,
    refusal,
    token,
)
from serving import serve

CLIENT: web.AppKey[aiohttp.ClientSession] = web.AppKey("client", aiohttp.ClientSession)
TOKENS: dict[str, str] = {}


async def send(request: web.Request) -> web.Response:
    try:
        body = message(request.headers["X-Bkapi-Authorization"], await request.read())
    except Refused as reason:
        return web.Response(body=refusal(reason), headers={"Content-Type": JSON})
    client = request.app[CLIENT]
    if "url" not in TOKENS:
        async with client.get(TOKEN_URL) as answer:
            TOKENS["url"] = SEND_URL + token(await answer.read())
    async with client.post(TOKENS["url"], data=body, headers={"Content-Type": "application/json"}) as answer:
        return web.Response(body=envelope(await answer.read()), headers={"Content-Type": JSON})


async def relay(request: web.Request) -> web.Response:
    """Another system's own envelope, passed on."""
    try:
        check(request.headers["X-Bkapi-Authorization"])
    except Refused as reason:
        return web.Response(body=refusal(reason), headers={"Content-Type": JSON})
    body, headers = await request.read(), {"Content-Type": "application/json"}
    async with request.app[CLIENT].post(RELAY_URL, data=body, headers=headers) as answer:
        return web.Response(body=await answer.read(), headers={"Content-Type": JSON})


async def client(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app[CLIENT]:
        yield


def create_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(client)
    app.router.add_post(PATH, send)
    app.router.add_post(RELAY_PATH, relay)
    return app


if __name__ == "__main__":
    serve(create_app())
