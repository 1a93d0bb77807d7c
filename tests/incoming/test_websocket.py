"""Frames of a WebSocket, counted to know where one ends; and the time for which one may be idle."""

import asyncio
from typing import Any

from esb.incoming.websocket import FrameCounter, WebSocketRelay
from esb.outgoing.engines.tunnel import Tunnel
from tests.support.loop_time import movable_loop_time, turns


class Peer:
    """One end of a relay: a connection that takes bytes when it is told to. Both protocol and transport of it."""

    def __init__(self) -> None:
        self.transport = self
        self.unsent = 0
        self.written = b""
        self.closed = False
        self.room = asyncio.Event()
        self.tunnel = Tunnel(self)  # type: ignore[arg-type]  # as much of it as a tunnel asks for

    def write(self, data: bytes) -> None:
        self.written += data
        self.unsent += len(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    async def _drain_helper(self) -> Any:
        await self.room.wait()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_frames_are_counted_however_their_bytes_are_cut() -> None:
    frames = [
        b"\x81\x00",
        b"\x81\x05hello",
        b"\x82\xfe\x01\x00" + b"mask" + bytes(256),
        b"\x82\x7f" + (70_000).to_bytes(8, "big") + bytes(70_000),
        b"\x89\x84maskping",
    ]
    for step in (1, 2, 3, 7, 1000, 10**6):
        counter, stream = FrameCounter(), b"".join(frames)
        ends = {sum(map(len, frames[: number + 1])) for number in range(len(frames))}
        for start in range(0, len(stream), step):
            counter.feed(stream[start : start + step])
            assert counter.is_between == (min(start + step, len(stream)) in ends)
        assert not counter.has_closed
    counter.feed(b"\x88\x02\x03\xe8")
    assert counter.has_closed


async def test_who_reads_one_message_slowly_is_not_idle_until_nothing_more_is_taken() -> None:
    client, upstream = Peer(), Peer()
    with movable_loop_time() as advance:
        relay = WebSocketRelay(client.tunnel, upstream.tunnel, 30)
        running = asyncio.create_task(relay.run())
        message = b"\x82\x7e" + (1000).to_bytes(2, "big") + bytes(1000)
        await turns()
        upstream.tunnel.feed_data(message)
        await turns()
        for _ in range(5):
            client.unsent -= 200
            advance(31)
            await turns()
        client.room.set()
        await turns()
        assert (client.written, upstream.written) == (message, b"")
        advance(31)
        await turns()
        assert client.written == message + b"\x88\x02\x03\xe9"
        advance(6)
        await running
    assert client.closed
    assert upstream.closed


async def test_who_reads_nothing_more_of_a_message_is_idle() -> None:
    client, upstream = Peer(), Peer()
    with movable_loop_time() as advance:
        running = asyncio.create_task(WebSocketRelay(client.tunnel, upstream.tunnel, 30).run())
        await turns()
        upstream.tunnel.feed_data(b"\x81\x05hello")
        await turns()
        advance(31)
        await turns()
        assert client.written == b"\x81\x05hello\x88\x02\x03\xe9"
        advance(6)
        await running
