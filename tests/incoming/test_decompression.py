"""Compressed request bodies: whole, in pieces, in every form, and never more in memory than a piece."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from esb.core.errors import RequestError
from esb.incoming.decompression import MOST_MEMBERS, PIECE, decompressed

TEXT = bytes(range(256)) * 5000


def bare(raw: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(raw) + packer.flush()


async def pieces(raw: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def whole(raw: bytes, encoding: str, size: int = 1000) -> bytes:
    return b"".join([piece async for piece in decompressed(pieces(raw, size), encoding)])


@pytest.mark.parametrize("size", [1, 7, 1000, 10**9])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:1000], mtime=0) + gzip.compress(TEXT[1000:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
    ],
    ids=["gzip", "x-gzip", "gzip twice", "deflate", "deflate bare"],  # gzip holds the time, so it makes no name
)
async def test_what_was_packed_comes_out_again(encoding: str, packed: bytes, size: int) -> None:
    assert await whole(packed, encoding, size) == TEXT


async def test_it_comes_out_in_pieces_however_much_it_is() -> None:
    sizes = [len(piece) async for piece in decompressed(pieces(gzip.compress(bytes(10**7), mtime=0), 10**9), "gzip")]
    assert sum(sizes) == 10**7
    assert max(sizes) <= PIECE


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_may_end_just_where_a_piece_ends(encoding: str) -> None:
    raw = bytes(3 * PIECE)
    assert await whole(gzip.compress(raw, mtime=0) if encoding == "gzip" else zlib.compress(raw), encoding) == raw


async def test_a_body_has_so_many_members_and_no_more() -> None:
    member = gzip.compress(b"a", mtime=0)
    assert await whole(member * MOST_MEMBERS, "gzip") == b"a" * MOST_MEMBERS
    with pytest.raises(RequestError, match=f"at most {MOST_MEMBERS} members"):
        await whole(member * (MOST_MEMBERS + 1), "gzip")


async def test_what_follows_a_deflated_body_is_passed_over() -> None:
    assert await whole(zlib.compress(TEXT) + b"more" * 1000, "deflate") == TEXT


async def test_nothing_is_nothing() -> None:
    assert await whole(b"", "gzip") == b""


@pytest.mark.parametrize(
    "packed",
    [b"plain", gzip.compress(TEXT, mtime=0)[:-1], gzip.compress(b"a", mtime=0) + b"more"],
    ids=["plain", "cut off", "and more"],
)
async def test_what_is_not_packed_as_it_says_is_refused(packed: bytes) -> None:
    with pytest.raises(RequestError, match="incomplete or not valid"):
        await whole(packed, "gzip")


async def test_an_encoding_that_nobody_knows_is_refused() -> None:
    with pytest.raises(RequestError, match="gzip or deflate only"):
        await whole(b"x", "br")
