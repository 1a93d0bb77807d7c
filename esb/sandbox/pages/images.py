"""Bytes that somebody sent: pictures are shown, all else is only handed out, and nothing of it runs."""

from urllib.parse import quote

from aiohttp import web

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
)
"""First bytes of a picture, where they stand, and its type. Pictures that can hold scripts are not among them."""
INERT = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def image_type(content: bytes) -> str:
    """Return the media type of a picture by its first bytes, "" if these are no picture's."""
    return next((kind for magic, at, kind in MAGIC if content.startswith(magic, at)), "")


def shown(content: bytes, name: str) -> web.Response:
    """Answer with a picture to look at, or else with a file to save."""
    kind = image_type(content)
    return web.Response(body=content, content_type=kind, headers=INERT) if kind else saved(content, name)


def saved(content: bytes, name: str) -> web.Response:
    """Answer with a file to save under this name."""
    disposition = f"attachment; filename*=UTF-8''{quote(name.encode(errors='replace'), safe='')}"
    headers = {**INERT, "Content-Disposition": disposition}
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)
