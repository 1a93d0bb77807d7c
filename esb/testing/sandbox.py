"""The WeChat sandbox for tests: a server of its own, and its control API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from esb.server import deployment


@dataclass
class Sandbox:
    """A WeChat sandbox at `url`, and its control API below /_sandbox/, which docs/sandbox.md describes."""

    url: str
    http: ClientSession

    async def get(self, path: str) -> Any:
        """GET /_sandbox/PATH, such as `stats`; return its JSON."""
        async with self.http.get(f"{self.url}/_sandbox/{path}") as response:
            return await response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        """POST /_sandbox/PATH, such as `faults`; return its JSON. ValueError with its words if it refuses."""
        async with self.http.post(f"{self.url}/_sandbox/{path}", json=body) as response:
            if response.status != 200:
                raise ValueError(f"the sandbox refuses {path}: {await response.text()}")
            return await response.json()

    async def messages(self) -> list[dict[str, Any]]:
        """Return the messages that arrived, the first one first."""
        answer = await self.get("messages")
        return list(answer["messages"])

    async def calls(self, endpoint: str) -> int:
        """Return the number of calls of this endpoint, such as /cgi-bin/gettoken."""
        stats = await self.get("stats")
        return int(stats["endpoints"].get(endpoint, {"calls": 0})["calls"])


@asynccontextmanager
async def serving() -> AsyncIterator[Sandbox]:
    """Serve a sandbox on a free port of loopback."""
    async with deployment.sandbox(0) as url, ClientSession() as http:
        yield Sandbox(url, http)
