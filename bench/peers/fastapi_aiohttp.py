"""FastAPI on uvicorn, and aiohttp's client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from asgi import serve
from fastapi_app import Ask, create_app


@asynccontextmanager
async def client() -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(method: str, url: str, body: bytes | None) -> bytes:
            headers = {"Content-Type": "application/json"}
            async with session.request(method, url, data=body, headers=headers) as answer:
                return await answer.read()

        yield ask


if __name__ == "__main__":
    serve(create_app(client))
