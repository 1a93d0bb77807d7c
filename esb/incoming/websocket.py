"""WebSockets through the gateway: bytes pass both ways as they are, frames are only counted to know where one ends.

So subprotocols, extensions, pings and close codes are between client and upstream. The gateway itself says one thing:
1001, going away, to both, when it stops or when for too long nothing has been said.
"""

import asyncio
import os
from collections.abc import Sequence

from aiohttp import web

from esb.contracts.component import SwitchedProtocols
from esb.outgoing.engines.tunnel import Tunnel, opened

GOING_AWAY = (1001).to_bytes(2, "big")
CLOSE_SECONDS = 5.0
"""Seconds in which both sides may answer a close frame of the gateway's own."""
_CLOSE = 0x88
_MASKED = 0x80
_LONGEST_HEAD = 14
_EXTENDED = {126: 2, 127: 8}


class FrameCounter:
    """The frames of one direction (RFC 6455 §5.2), as far as to know whether one is under way."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self.has_closed = False
        """True once a close frame has come: nothing may follow it."""

    @property
    def is_between(self) -> bool:
        """True if the last frame is whole."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        """Take the next bytes of this direction."""
        at, size = 0, len(data)
        while at < size:
            if self._left:
                step = min(self._left, size - at)
                self._left -= step
                at += step
                continue
            head = self._head + data[at : at + _LONGEST_HEAD]
            extended = _EXTENDED.get(head[1] & 0x7F, 0) if len(head) > 1 else 0
            length = 2 + extended + (4 if len(head) > 1 and head[1] & _MASKED else 0)
            if len(head) < length:
                self._head = head
                return
            at += length - len(self._head)
            self._head = b""
            self._left = int.from_bytes(head[2 : 2 + extended], "big") if extended else head[1] & 0x7F
            self.has_closed = self.has_closed or head[0] & 0x0F == _CLOSE & 0x0F


class _Direction:
    """One direction: from `source` to `sink`, whose frames are masked if it is an upstream."""

    def __init__(self, source: Tunnel, sink: Tunnel, *, masks: bool) -> None:
        self._source = source
        self._sink = sink
        self._masks = masks
        self._frames = FrameCounter()
        self._is_leaving = False
        self._has_left = False
        self._unsent = 0
        """The bytes that the sink had not taken yet, by the last look."""
        self.last = asyncio.get_running_loop().time()
        """The time of the event loop at which something came."""

    async def pump(self) -> None:
        """Pass on what comes until one of the two ends."""
        loop = asyncio.get_running_loop()
        try:
            while data := await self._source.read():
                self.last = loop.time()
                if self._has_left:
                    continue
                self._frames.feed(data)
                self._sink.put(data)
                self._unsent = self._sink.unsent
                await self._sink.drain()
                if self._is_leaving:
                    self.leave()
        except ConnectionError:
            return

    def moves(self) -> bool:
        """Return True if the sink has taken something since the last look: it may read slowly."""
        before, self._unsent = self._unsent, self._sink.unsent
        return self._unsent < before

    def leave(self) -> None:
        """Tell the sink that the gateway goes away, behind the frame that is under way; then nothing more passes."""
        self._is_leaving = True
        if self._has_left or self._frames.has_closed or not self._frames.is_between:
            return
        self._has_left = True
        mask = os.urandom(4) if self._masks else b""
        code = bytes(byte ^ key for byte, key in zip(GOING_AWAY, mask, strict=False)) if mask else GOING_AWAY
        try:
            self._sink.put(bytes([_CLOSE, len(GOING_AWAY) | (_MASKED if mask else 0)]) + mask + code)
        except ConnectionError:
            return


class WebSocketRelay:
    """One WebSocket between a client and an upstream."""

    def __init__(self, client: Tunnel, upstream: Tunnel, idle: float) -> None:
        self._ends = (client, upstream)
        self._idle = idle
        self._directions = (
            _Direction(client, upstream, masks=True),
            _Direction(upstream, client, masks=False),
        )
        self._left = asyncio.Event()

    async def run(self) -> None:
        """Relay until one side ends, until nothing has passed for `idle` seconds, or until `leave`."""
        pumps = {asyncio.create_task(direction.pump()) for direction in self._directions}
        leaving = asyncio.create_task(self._leaving())
        try:
            await asyncio.wait({*pumps, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not any(pump.done() for pump in pumps):
                await asyncio.wait(pumps, timeout=CLOSE_SECONDS)
        finally:
            for task in (*pumps, leaving):
                task.cancel()
            await asyncio.gather(*pumps, leaving, return_exceptions=True)
            for end in self._ends:
                end.close()

    def leave(self) -> None:
        """Tell both sides that the gateway goes away."""
        for direction in self._directions:
            direction.leave()
        self._left.set()

    async def _leaving(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._left.is_set():
            quiet = max(direction.last for direction in self._directions) + self._idle
            if quiet <= loop.time():
                if not any(direction.moves() for direction in self._directions):
                    self.leave()
                    return
                quiet = loop.time() + self._idle
            try:
                async with asyncio.timeout_at(quiet):
                    await self._left.wait()
            except TimeoutError:
                continue


class SwitchedResponse(web.StreamResponse):
    """The end of a WebSocket, to aiohttp's server: all is written, and the connection closes."""

    keep_alive = False

    def __init__(self) -> None:
        self._status = 101

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing: all is written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: all is written."""


def relay_of(request: web.BaseRequest, answer: SwitchedProtocols, headers: Sequence[tuple[str, str]]) -> WebSocketRelay:
    """Write the head of this answer; return the relay that is to run. ConnectionError if the client has left."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    head = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{''.join(lines)}\r\n"
    if request.protocol is None or request.transport is None:
        raise ConnectionResetError
    request.transport.write(head.encode())
    return WebSocketRelay(opened(request.protocol), answer.upstream, answer.idle_timeout)
