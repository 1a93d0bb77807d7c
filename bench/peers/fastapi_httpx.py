"""FastAPI on uvicorn, and httpx."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from asgi import serve
from fastapi_app import Ask, create_app


@asynccontextmanager
async def client() -> AsyncIterator[Ask]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=30) as session:

        async def ask(method: str, url: str, body: bytes | None) -> bytes:
            answer = await session.request(method, url, content=body, headers={"Content-Type": "application/json"})
            content: bytes = answer.content
            return content

        yield ask


if __name__ == "__main__":
    serve(create_app(client))
