"""A whole deployment as `esb serve` makes it: sandbox, public listener and admin listener."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession
from prometheus_client.parser import text_string_to_metric_families

from esb.config import ConfigSource
from esb.server.deployment import Deployment, deployed
from tests.support.configuration import DEMO, MESSAGE, SEND_WEIXIN, SERVICES, WECOM
from tests.support.ports import free_port

SANDBOX = "sandbox: {port: 0}\n"
ADMIN_TOKEN = "token-of-the-tests"
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
TOKENS = f", tokens: [{{name: ops, digest: 'sha256:{sha256(ADMIN_TOKEN.encode()).hexdigest()}'}}]"
"""Keys of `server.admin` by which the token of the tests is known."""


@dataclass
class Watched:
    """A deployment, and HTTP clients of both its listeners."""

    deployment: Deployment
    admin_url: str
    file: Path
    http: ClientSession

    async def ask(self, path: str, method: str = "GET", **options: Any) -> ClientResponse:
        """Return the admin listener's response, read; asked with the token, unless other headers are given."""
        response = await self.http.request(method, self.admin_url + path, **{"headers": BEARER, **options})
        await response.read()
        return response

    async def json(self, path: str) -> Any:
        """Return the JSON that the admin listener answers."""
        response = await self.ask(path)
        assert response.status == 200
        return await response.json()

    async def send(self, receiver: str = "zhangsan", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the envelope of a send_weixin."""
        body = {**DEMO, "receiver": receiver, "data": MESSAGE}
        url = f"{self.deployment.url}/api/c/compapi/{SEND_WEIXIN}/"
        async with self.http.post(url, json=body, headers=headers) as response:
            envelope: dict[str, Any] = await response.json()
            return envelope

    async def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return the samples of /metrics, by name and labels."""
        return samples(await (await self.ask("/metrics")).text())


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the samples of an exposition."""

    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def written(
    folder: Path,
    port: int,
    components: str = WECOM,
    more: str = SANDBOX,
    server: str = "",
    keys: str = TOKENS,
    services: str = "",
) -> Path:
    """An esb.yaml with an admin listener on this port, and these keys of it; `services` are more of them, as lines."""
    file = folder / "esb.yaml"
    admin = f"server: {{admin: {{port: {port}{keys}}}{server}}}\n"
    file.write_text(f"{SERVICES}{services}{admin}{more}components:\n{components}")
    return file


@asynccontextmanager
async def watched(
    folder: Path,
    http: ClientSession,
    components: str = WECOM,
    *,
    more: str = SANDBOX,
    keys: str = TOKENS,
    services: str = "",
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Watched]:
    """A deployment with an admin listener."""
    port = free_port()
    file = written(folder, port, components, more, keys=keys, services=services)
    async with deployed(ConfigSource(file, environ or {}), None, 0, []) as deployment:
        yield Watched(deployment, f"http://127.0.0.1:{port}", file, http)
