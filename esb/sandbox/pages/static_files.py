"""Style sheet, script and icon of the pages: each below a name that changes with its content, and kept for ever."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from aiohttp import web

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
KEPT = "public, max-age=31536000, immutable"


@cache
def names() -> dict[str, str]:
    """Return file -> its name in addresses: `inbox.css` -> `inbox.0123456789ab.css`."""
    return {file: _hashed(file, content) for file, content in _contents().items()}


def answer(name: str) -> web.Response:
    """Return a file; 404 if there is none of this name."""
    file = next((file for file, hashed in names().items() if hashed == name), None)
    if file is None:
        return web.Response(status=404)
    headers = {"Cache-Control": KEPT, "X-Content-Type-Options": "nosniff"}
    kind = TYPES[file.rpartition(".")[2]]
    return web.Response(body=_contents()[file], content_type=kind, charset="utf-8", headers=headers)


@cache
def _contents() -> dict[str, bytes]:
    folder = files("esb.sandbox.pages") / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in TYPES}


def _hashed(file: str, content: bytes) -> str:
    stem, _, suffix = file.rpartition(".")
    return f"{stem}.{sha256(content).hexdigest()[:12]}.{suffix}"
