"""Starlette on uvicorn, and aiohttp's client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from asgi import serve
from business import JSON, PATH, SEND_URL, TOKEN_URL, Refused, envelope, message, refusal, token
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TOKENS: dict[str, str] = {}


async def send(request: Request) -> Response:
    try:
        body = message(request.headers["X-Bkapi-Authorization"], await request.body())
    except Refused as reason:
        return Response(refusal(reason), media_type=JSON)
    client: aiohttp.ClientSession = request.state.client
    if "url" not in TOKENS:
        async with client.get(TOKEN_URL) as answer:
            TOKENS["url"] = SEND_URL + token(await answer.read())
    async with client.post(TOKENS["url"], data=body, headers={"Content-Type": "application/json"}) as answer:
        return Response(envelope(await answer.read()), media_type=JSON)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, aiohttp.ClientSession]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        yield {"client": client}


if __name__ == "__main__":
    serve(Starlette(routes=[Route(PATH, send, methods=["POST"])], lifespan=lifespan))
