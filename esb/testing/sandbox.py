"""The sandbox for tests: servers of its own, and its control API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from esb.config import Sandbox as SandboxPorts
from esb.server.sandbox import mail_side, sandbox


@dataclass
class Sandbox:
    """A sandbox at `url`, and its control API below /_sandbox/, which docs/sandbox.md describes.

    `smtp_port`: where it takes mails, on 127.0.0.1, if the extra `portal` is installed.
    """

    url: str
    http: ClientSession
    smtp_port: int = 0

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
    """Serve a sandbox on free ports of loopback."""
    ports = SandboxPorts(port=0, smtp_port=None if mail_side() is None else 0)
    async with sandbox(ports) as address, ClientSession() as http:
        yield Sandbox(address.url, http, address.smtp_port or 0)
