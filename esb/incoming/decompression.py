"""Decompression of request bodies piece by piece, so that one that would be huge is stopped early."""

import zlib
from collections.abc import AsyncIterator

from esb.core.errors import RequestError

GZIP = 16 + zlib.MAX_WBITS
PIECE = 2**18


async def decompressed(chunks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield what these chunks hold, in pieces of at most PIECE bytes. RequestError if they are not in this encoding."""
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise RequestError("Parameters error, a request body may be compressed with gzip or deflate only")
    decompressor = None
    async for chunk in chunks:
        rest, piece = chunk, b""
        while rest or len(piece) == PIECE:  # a full piece: there may be more to come out of what went in
            if decompressor is None or (decompressor.eof and encoding != "deflate"):  # gzip may have several members
                decompressor = zlib.decompressobj(GZIP if encoding != "deflate" else _window(rest))
            try:
                piece = decompressor.decompress(rest, PIECE)
            except zlib.error:
                raise _broken() from None
            if piece:
                yield piece
            rest = (
                decompressor.unconsumed_tail
                if not decompressor.eof or encoding == "deflate"
                else decompressor.unused_data
            )
            if decompressor.eof and not rest:
                break
    if decompressor is not None and not decompressor.eof:
        raise _broken()


def _window(start: bytes) -> int:
    """Return the window of a deflated body: it is meant to come as zlib has it; some send it bare."""
    return zlib.MAX_WBITS if start[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS


def _broken() -> RequestError:
    return RequestError("Parameters error, the request body is incomplete or not valid HTTP")
