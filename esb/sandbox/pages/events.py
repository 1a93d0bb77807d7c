"""Live pages: server-sent events (HTML Standard, section 9.2) of messages, faults and the number of messages.

| event | data |
| --- | --- |
| message | the HTML of a message that has come or changed |
| total | number of messages in the inbox |
| faults | the HTML of the faults |
| reload | nothing: so much has changed that the page is to be fetched anew |

The id of an event says up to where a browser has heard, also after its connection was lost.
"""

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from esb.sandbox.inbox import Message
from esb.sandbox.pages.listing import PAGE, Selection
from esb.sandbox.world import World

if TYPE_CHECKING:  # it needs jinja2
    from esb.sandbox.pages.rendering import Pages

HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep them until there are many
    "X-Content-Type-Options": "nosniff",
}
LINE_END = re.compile("\r\n|\r|\n")
ALIVE_S = 15.0
"""Seconds of silence after which a comment tells proxies, and us, that both ends are still there."""
PAUSE_S = 0.1
"""Seconds between two times that something is told: of a flood of messages, many come at once."""
RETRY_MS = 1000
"""Milliseconds after which a browser that lost its connection comes again."""


async def stream(world: World, request: web.Request, chosen: Selection, pages: "Pages") -> web.StreamResponse:
    """Send what happens from the position that the browser names, until it leaves or the sandbox stops.

    Raises TooManyWatchers.
    """
    response = web.StreamResponse(headers=HEADERS)
    with world.changes.watched():
        try:
            await response.prepare(request)
            await _send(world, response, _Listener(world, chosen, pages, _heard(request)))
        except ConnectionError:  # it has left
            pass
    return response


def _heard(request: web.Request) -> str:
    return request.headers.get("Last-Event-ID") or request.query.get("at", "")


async def _send(world: World, response: web.StreamResponse, listener: "_Listener") -> None:
    loop = asyncio.get_running_loop()
    await response.write(f"retry: {RETRY_MS}\n\n".encode())
    written = loop.time()
    while not world.changes.ended:
        heard = world.changes.number
        news = "".join(listener.news())
        if news or loop.time() >= written + ALIVE_S:
            await response.write((news or ":\n\n").encode(errors="replace"))
            written = loop.time()
        if news:
            await asyncio.sleep(PAUSE_S)
        await world.changes.later(heard, written + ALIVE_S - loop.time())


class _Listener:
    """A page, and what it has heard."""

    def __init__(self, world: World, chosen: Selection, pages: "Pages", heard: str) -> None:
        self._world = world
        self._chosen = chosen
        self._pages = pages
        self._position = heard
        self._faults = ""
        self._total = -1

    def news(self) -> Iterator[str]:
        """Yield the events of all that has happened since the last time."""
        inbox = self._world.state.inbox
        changed, self._position = inbox.changed_since(self._position), inbox.position
        wanted = None if changed is None else [message for message in changed if self._chosen.fits(message)]
        if wanted is None or len(wanted) > PAGE:
            yield self._event("reload", "")
            return
        yield from (self._message(message) for message in wanted)
        if self._total != len(inbox):
            self._total = len(inbox)
            yield self._event("total", str(self._total))
        faults = self._pages.page("faults.html", faults=self._world.faults.rendered())
        if self._faults != faults:
            self._faults = faults
            yield self._event("faults", faults)

    def _message(self, message: Message) -> str:
        return self._event("message", self._pages.bubble(self._world.state, message))

    def _event(self, name: str, data: str) -> str:
        lines = "".join(f"data: {line}\n" for line in LINE_END.split(data))
        return f"id: {self._position}\nevent: {name}\n{lines}\n"
