"""The cost of a request before anybody knows who sends it: for every parser, codec and nesting, time and memory.

Time is the processor's, of this thread alone: the event loop's, for which everybody else waits.
"""

import asyncio
import gc
import gzip
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from esb.core.errors import EsbError
from esb.incoming.body import CHARACTER_SETS, from_body
from esb.incoming.decompression import PIECE, decompressed

SIZE = 10_000_000
SECONDS = 0.06
MACHINE = 0.0035
"""The seconds in which the machine that SECONDS is for looks at each byte of a body once."""
MEMORY = 3 * SIZE + 2**20
"""Besides the body: two copies, and one more while a text is widened or refused."""
WIDE_MEMORY = 6 * SIZE + 2**20
"""A text with one character beyond U+FFFF takes four bytes for each."""
TRIES = 5
"""The best of so many counts: the others share their processor with somebody."""
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
Body = Callable[[int], bytes]


def filled(before: bytes, unit: bytes, after: bytes) -> Body:
    """Return a function that makes bodies of a size, mostly of this unit."""
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def text(unit: bytes) -> Body:
    return filled(b'{"a":"' + b"," * 200_001, unit, b'"}')


def part(unit: bytes, *headers: bytes) -> Body:
    head = b"\r\n".join([b"--x", b'Content-Disposition: form-data; name="a"', *headers])
    return filled(head + b"\r\n\r\n", unit, b"\r\n--x--\r\n")


def nested(opening: bytes, closing: bytes, levels: int) -> Body:
    return lambda size: b'{"a":' + opening * levels + b" " * (size - 7 * levels) + b"0" + closing * levels + b"}"


JSON: dict[str, Body] = {
    "objects": filled(b'{"a":[', b'{"":0},', b"0]}"),
    "empty objects": filled(b'{"a":[', b"{},", b"0]}"),
    "numbers": filled(b'{"a":[', b"0,", b"0]}"),
    "names": filled(b"{", b'"":0,', b'"":0}'),
    "short texts": filled(b'{"a":[', b'"",', b"0]}"),
    "opened": filled(b'{"a":', b"[", b""),
    "nested": nested(b"[", b"]", 90),
    "nested too deep": nested(b"[", b"]", 1020),
    "nested without end": nested(b'{"a":', b"}", 600_000),
    "quotes": filled(b"{", b'"', b""),
    "digits": filled(b'{"a":', b"7", b"}"),
    "a fraction": filled(b'{"a":0.', b"7", b"}"),
    "white space": filled(b"", b" ", b"{}"),
    "as many values as may be": lambda size: b'{"a":[' + b'"",' * 199_990 + b'"' + b"," * (size - 600_000) + b'"]}',
    "a text of commas": text(b","),
    "a text of brackets": text(b"[]"),
    "a text of quotes": text(b'\\"'),
    "a text of backslashes": text(b"\\\\"),
    "a text of escapes": text(b"\\u4e2d"),
    "lone surrogates": text(b"\\ud800"),
    "no UTF-8": text(b"\xff"),
}
FORMS: dict[str, Body] = {
    "fields": filled(b"", b"a=1&", b""),
    "separators": filled(b"", b"&", b""),
    "signs": filled(b"", b"=", b""),
    "blanks": filled(b"a=", b"+", b""),
    "escapes": filled(b"a=", b"%41", b""),
    "escapes of bytes": filled(b"a=", b"%E4%B8%AD", b""),
    "escapes here and there": filled(b"a=", b"a%41", b""),
    "percent signs": filled(b"a=", b"%", b""),
    "equals signs and escapes": filled(b"a=" + b"%41" * 2000, b"=", b""),
    "broken escapes": filled(b"a=", b"%4", b""),
    "no UTF-8": filled(b"a=", b"%FF", b""),
}
PARTS: dict[str, Body] = {
    "parts": filled(b"", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n', b"--x--\r\n"),
    "one part": part(b"a"),
    "lines": part(b"\r\n"),
    "nearly boundaries": part(b"\r\n--"),
    "boundaries": part(b"\r\n--xa"),
    "a file": filled(b'--x\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n', b"a", b"\r\n--x--\r\n"),
    "no part": filled(b"", b"\r\n", b""),
    "a header without end": filled(b"--x\r\n", b"a", b""),
    **{
        f"{name} of {unit!r}": part(unit, b"Content-Type: text/plain; charset=" + name.encode())
        for name in (*CHARACTER_SETS, "punycode", "idna", "utf-7")
        for unit in (b"a", b"\x81\x30\x81\x30", b"\xc3\xa9")
    },
}
WIDE: dict[str, tuple[Body, str]] = {
    "JSON": (filled('{"a":"\U0001f600'.encode(), b"a", b'"}'), ""),
    "form": (filled("a=\U0001f600".encode(), b"a", b""), FORM),
    "multipart": (part(b"a", b"", "\U0001f600".encode()), MULTIPART),
}
PACKED: dict[str, tuple[Body, str]] = {
    "empty members": (filled(b"", gzip.compress(b""), b""), "gzip"),
    "empty blocks": (filled(b"\x78\x9c", b"\x00\x00\x00\xff\xff", b"\x03\x00\x00\x00\x00\x01"), "deflate"),
    "zeros": (lambda _: zlib.compress(bytes(10 * SIZE)), "deflate"),
    "more behind it": (filled(zlib.compress(b"{}"), b"a", b""), "deflate"),
    "no gzip": (filled(b"", b"a", b""), "gzip"),
}
CASES = [
    pytest.param(make, content_type, id=f"{kind}, {name}")
    for kind, content_type, bodies in (("JSON", "", JSON), ("form", FORM, FORMS), ("multipart", MULTIPART, PARTS))
    for name, make in bodies.items()
]


def read(body: bytes, content_type: str) -> None:
    with suppress(EsbError):
        from_body(body, content_type)


def seconds(work: Callable[[], object], tries: int = TRIES) -> float:
    """Return the processor time of this thread for the work, at best."""
    times = []
    for _ in range(tries):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times)


def high_water() -> int:
    """Return the most bytes that this process has had in memory."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def memory(work: Callable[[], None], *, resident: bool = False) -> int:
    """Return the most bytes that the work holds at once.

    `resident`: only those that it touches. orjson asks for twelve times the body, and writes to what it needs.
    """
    if resident:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark is what it is now
        before = high_water()
        work()
        return high_water() - before
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("make", "content_type"), CASES)
def test_a_hostile_body_costs_little(make: Body, content_type: str) -> None:
    body = make(SIZE)
    assert memory(lambda: read(body, content_type), resident=not content_type) <= MEMORY
    machine = seconds(lambda: body.count(b"\x7f"))
    assert seconds(lambda: read(body, content_type)) <= SECONDS * max(1, machine / MACHINE)


@pytest.mark.parametrize(("make", "content_type"), CASES)
def test_twice_the_body_costs_about_twice_as_much(make: Body, content_type: str) -> None:
    small, large = make(SIZE // 4), make(SIZE // 2)
    least = 0.02  # less is nothing that anybody waits for
    assert seconds(lambda: read(large, content_type)) < max(3 * seconds(lambda: read(small, content_type)), least)


@pytest.mark.parametrize(("make", "encoding"), PACKED.values(), ids=PACKED)
def test_a_hostile_packed_body_costs_little(make: Body, encoding: str) -> None:
    body = make(SIZE)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]

    async def unpack() -> None:
        size = 0
        with suppress(EsbError):
            async for piece in decompressed(pieces(), encoding):
                size += len(piece)
                if size > SIZE:
                    return  # as the limit of a body has it

    assert memory(lambda: asyncio.run(unpack())) <= MEMORY
    machine = seconds(lambda: body.count(b"\x7f"))
    assert seconds(lambda: asyncio.run(unpack())) <= SECONDS * max(1, machine / MACHINE)


@pytest.mark.parametrize(("make", "content_type"), WIDE.values(), ids=WIDE)
def test_one_wide_character_makes_a_text_so_large_and_no_larger(make: Body, content_type: str) -> None:
    body = make(SIZE)
    assert memory(lambda: read(body, content_type), resident=not content_type) <= WIDE_MEMORY
