"""The cost of a request before anybody knows who sends it: for every parser, codec and nesting, time and memory.

Time is the processor's, of one thread alone. What is large is read in a thread of its own; what the event loop itself
spends on it, for which everybody else waits, is in test_loop_budget.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from esb.core.errors import EsbError
from esb.incoming.body import AT_ONCE, from_body
from esb.incoming.decompression import PIECE, decompressed
from tests.support.costs import affordable, memory
from tests.support.hostile_bodies import CASES, PACKED, SIZE, WIDE, Body

SECONDS = 0.1
"""Of a thread beside the event loop."""
AT_ONCE_SECONDS = 0.015
"""What the event loop waits for a body that is not large."""
MEMORY = 2 * SIZE + 100_000 * 50
"""Besides the body: the parser's copy of it, its texts, and 50 bytes for each of them."""
WIDE_MEMORY = 5 * SIZE + 2**20
"""A text with one character beyond U+FFFF takes four bytes for each, and one while it is put together."""


def read(body: bytes, content_type: str) -> None:
    with suppress(EsbError):
        from_body(body, content_type)


@pytest.mark.parametrize(("make", "content_type"), CASES)
def test_a_hostile_body_costs_little(make: Body, content_type: str) -> None:
    body = make(SIZE)
    assert memory(lambda: read(body, content_type), resident=not content_type) <= MEMORY
    assert affordable(lambda: read(body, content_type), SECONDS)


@pytest.mark.parametrize(("make", "content_type"), CASES)
def test_the_event_loop_waits_for_small_ones_alone(make: Body, content_type: str) -> None:
    body = make(AT_ONCE)[:AT_ONCE]
    assert affordable(lambda: read(body, content_type), AT_ONCE_SECONDS)


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
    assert affordable(lambda: asyncio.run(unpack()), 0.05)


@pytest.mark.parametrize(("make", "content_type"), WIDE.values(), ids=WIDE)
def test_one_wide_character_makes_a_text_so_large_and_no_larger(make: Body, content_type: str) -> None:
    body = make(SIZE)
    assert memory(lambda: read(body, content_type), resident=not content_type) <= WIDE_MEMORY
