"""A third-party system for tests: a real server whose answers a test decides, and which remembers its requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


@dataclass
class _Rule:
    """An answer, the requests that get it (None: all), and the number of times left (None: no limit)."""

    handler: Handler
    path: str | None
    method: str | None
    left: int | None

    def fits(self, request: web.Request) -> bool:
        return self.left != 0 and self.path in {None, request.path} and self.method in {None, request.method}


@dataclass
class Upstream:
    """A server at `url`. `requests` are those it received, the first one first."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    def answers(
        self,
        body: Any = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        path: str | None = None,
        method: str | None = None,
        times: int | None = None,
    ) -> None:
        """Answer like this from now on; of several answers that fit, the one given last counts.

        `body`: bytes or a text as they are, anything else as JSON; or a function from aiohttp's request to its
        response. `path` and `method`: only requests of these. `times`: only so many, then the answer given before
        counts again.
        """
        handler = body if callable(body) else _fixed(body, status, headers or {})
        self._rules.insert(0, _Rule(handler, path, method, times))

    def hangs(self, *, path: str | None = None) -> None:
        """Leave requests without an answer from now on."""

        async def wait(request: web.Request) -> web.StreamResponse:
            await self._closing.wait()
            return web.Response(status=503)

        self.answers(wait, path=path)

    @contextmanager
    def for_now(self) -> Iterator[None]:
        """Forget, at the end of the block, the answers that were given inside."""
        rules = [*self._rules]
        try:
            yield
        finally:
            self._rules[:] = rules

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Remember the request, and answer by the first rule that fits; 404 if none does."""
        body = await request.read()
        self.requests.append(Received(request.method, request.path, dict(request.query), request.headers.copy(), body))
        rule = next((rule for rule in self._rules if rule.fits(request)), None)
        if rule is None:
            error = f"the test says no answer to {request.method} {request.path}: see upstream.answers()"
            return web.json_response({"error": error}, status=404)
        if rule.left is not None:
            rule.left -= 1
        return await rule.handler(request)

    def close(self) -> None:
        self._closing.set()


@asynccontextmanager
async def serving() -> AsyncIterator[Upstream]:
    """Serve an upstream on a free port of loopback."""
    upstream = Upstream()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", upstream.handle)
    async with TestServer(app) as server:
        upstream.url = str(server.make_url("")).rstrip("/")
        try:
            yield upstream
        finally:
            upstream.close()


def _fixed(body: Any, status: int, headers: Mapping[str, str]) -> Handler:
    raw = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if isinstance(body, str | bytes) else {"Content-Type": "application/json"}

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={**kind, **headers}, body=raw)

    return answer
