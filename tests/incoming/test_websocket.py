"""Frames of a WebSocket, counted to know where one ends."""

from esb.incoming.websocket import FrameCounter


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
