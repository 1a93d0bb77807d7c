"""An upstream that writes down what it is asked, and answers what a test wants."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

from tests.support.gateway import OpenServer

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived. `target` is path and query, as they stood on the wire."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass
class Recorder:
    """An upstream; it answers `says` as JSON with `status`, unless `answer` answers."""

    says: Any = field(default_factory=lambda: {"result": True, "code": 0, "message": "fine", "data": [1]})
    status: int = 200
    answer: Answer | None = None
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.answer is not None:
            return await self.answer(request)
        body = await request.read()
        self.seen.append(Seen(request.method, str(request.rel_url.raw_path_qs), request.headers, body))
        return web.json_response(self.says, status=self.status)

    @property
    def last(self) -> Seen:
        return self.seen[-1]


async def recording(open_server: OpenServer) -> Recorder:
    """A recorder that listens."""
    recorder = Recorder()
    app = web.Application(client_max_size=2**30, handler_args={"auto_decompress": False})
    app.router.add_route("*", "/{path:.*}", recorder.handle)
    recorder.url = await open_server(app)
    return recorder


def proxy(*hosts: str, path: str = "/x/", stanza: str = "", **config: Any) -> str:
    """The stanza of /demo/relay/, whose hosts are these."""
    more = "".join(f", {key}: {value}" for key, value in config.items())
    return (
        f"  - {{path: /demo/relay/, use: http, {stanza}"
        f'config: {{hosts: [{", ".join(hosts)}], path: "{path}"{more}}}}}\n'
    )
