"""Decompression of request bodies piece by piece, so that one that would be huge is stopped early."""

import zlib
from collections.abc import AsyncIterator

from esb.core.errors import BadBody, RequestError

GZIP = 16 + zlib.MAX_WBITS
PIECE = 2**18
MOST_MEMBERS = 1000
"""The compressed streams that a body may be made of: each costs as much as many bytes, however short it is."""


async def decompressed(chunks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield what these chunks hold, in pieces of at most PIECE bytes. RequestError if they are not in this encoding."""
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise BadBody("Parameters error, a request body may be compressed with gzip or deflate only")
    members = 0
    decompressor = None
    async for chunk in chunks:
        rest, piece = chunk, b""
        while rest or len(piece) == PIECE:  # a full piece: there may be more to come out of what went in
            if decompressor is not None and decompressor.eof and encoding == "deflate":
                break  # what follows is passed over
            if decompressor is None or decompressor.eof:  # gzip may have several members
                members += 1
                if members > MOST_MEMBERS:
                    raise BadBody(
                        "Parameters error, a compressed request body may have at most {most} members", most=MOST_MEMBERS
                    )
                decompressor = zlib.decompressobj(GZIP if encoding != "deflate" else _window(rest))
            try:
                piece = decompressor.decompress(rest, PIECE)
            except zlib.error:
                raise _broken() from None
            if piece:
                yield piece
            rest = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
            if decompressor.eof and not rest:
                break
    if decompressor is not None and not decompressor.eof:
        raise _broken()


def _window(start: bytes) -> int:
    """Return the window of a deflated body: it is meant to come as zlib has it; some send it bare."""
    return zlib.MAX_WBITS if start[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS


def _broken() -> RequestError:
    return BadBody("Parameters error, the request body is incomplete or not valid HTTP")
