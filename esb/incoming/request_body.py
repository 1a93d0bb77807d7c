"""A request's body on its way in: asked for, within its bounds, and unpacked."""

from collections.abc import AsyncIterator
from contextlib import suppress
from io import BytesIO

from aiohttp import web
from multidict import istr

from esb.core.errors import TooLarge, Unreadable
from esb.core.reasons import Reason
from esb.incoming.admission import ArrivingBody
from esb.incoming.decompression import decompressed

CONTENT_ENCODING = istr("Content-Encoding")
EXPECT = istr("Expect")


async def collected(request: web.BaseRequest, limit: int, held: ArrivingBody) -> bytes:
    """Return the whole body, as soon as it has come; its bytes are `held`. Limited if there is no room for them."""
    pieces = _pieces(request, limit)
    encoding = request.headers.get(CONTENT_ENCODING, "").lower()
    if encoding not in {"", "identity"}:
        pieces = _bounded(decompressed(pieces, encoding), limit)
    body = BytesIO()  # grows in its place: joined pieces would be there twice
    async for chunk in pieces:
        held.add(len(chunk))
        body.write(chunk)
    return body.getvalue()


def stream(request: web.BaseRequest, limit: int) -> AsyncIterator[bytes] | None:
    """Return the body as it comes; None if there is none."""
    check_announced(request, limit)
    return _pieces(request, limit) if request.body_exists else None


def check_announced(request: web.BaseRequest, limit: int) -> None:
    """Raise TooLarge if the length that the request announces is over the limit (bytes)."""
    length = request.content_length
    if length is not None and length > limit:
        raise too_large(limit)


async def _bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        yield chunk


async def _pieces(request: web.BaseRequest, limit: int) -> AsyncIterator[bytes]:
    if EXPECT in request.headers and not request.content.is_eof():
        await _expected(request)
    try:
        async for chunk in _bounded(request.content.iter_any(), limit):
            yield chunk
    except (web.RequestPayloadError, ConnectionError):
        raise Unreadable(
            "Parameters error, the request body is incomplete or not valid HTTP", call_reason=Reason.BODY
        ) from None


async def _expected(request: web.BaseRequest) -> None:
    """Ask for the body of a caller that waits to be asked. Any other expectation of a caller is ignored."""
    if request.version >= (1, 1) and request.headers[EXPECT].lower() == "100-continue":
        with suppress(ConnectionError):  # whoever reads the body will notice
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer has yet to begin


def too_large(limit: int) -> TooLarge:
    """Return the refusal of a body over the limit (bytes)."""
    return TooLarge("The request body is too large, the limit is {limit} bytes", limit=limit)
