"""A platform that writes down every message: a WeCom that drops repetitions for those who ask it to."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

SECONDS = 0.02
"""The time that it takes to answer: kills are to meet messages under way."""
_NUMBER = re.compile(r"number (\d+)\.")


@dataclass
class Platform:
    """The numbers of the messages that arrived, with how often they did; and how many repetitions were dropped."""

    url: str = ""
    arrived: Counter[int] = field(default_factory=Counter)
    dropped: int = 0
    known: set[str] = field(default_factory=set)
    _waiting: dict[int, asyncio.Event] = field(default_factory=dict)

    async def token(self, _: web.Request) -> web.Response:
        """GET /cgi-bin/gettoken."""
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": "token", "expires_in": 7200})

    async def app(self, request: web.Request) -> web.Response:
        """POST /cgi-bin/message/send: the same message to the same receivers is dropped, if it asks for that."""
        body = await request.json()
        whole = json.dumps(body, sort_keys=True)
        if body.get("enable_duplicate_check") and whole in self.known:
            self.dropped += 1
        else:
            self.known.add(whole)
            self._arrive(whole)
        await asyncio.sleep(SECONDS)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": str(len(self.known))})

    def _arrive(self, text: str) -> None:
        for number in _NUMBER.findall(text):
            self.arrived[int(number)] += 1
        for number, reached in self._waiting.items():
            if len(self.arrived) >= number:
                reached.set()

    async def has(self, number: int) -> None:
        """Wait until so many messages have arrived."""
        if len(self.arrived) < number:
            await self._waiting.setdefault(number, asyncio.Event()).wait()


@asynccontextmanager
async def platform() -> AsyncIterator[Platform]:
    """Serve it on a free port."""
    made, app = Platform(), web.Application()
    app.router.add_get("/cgi-bin/gettoken", made.token)
    app.router.add_post("/cgi-bin/message/send", made.app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
