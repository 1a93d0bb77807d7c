"""Static files: each at an address that holds its digest, so that browsers keep it for ever."""

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
PATH = "/static/{digest}/{name}"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
FOR_EVER = "public, max-age=31536000, immutable"
DIGITS = 12
"""Hexadecimal digits of the digest in an address: enough to tell two versions of one file apart."""


class StaticFiles:
    """The files of a folder, read when the first page names one."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._smaller: dict[str, bytes] = {}

    @cached_property
    def _files(self) -> Mapping[str, bytes]:
        return {path.name: path.read_bytes() for path in self._folder.iterdir() if path.suffix in TYPES}

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        return {name: hashlib.sha256(content).hexdigest()[:DIGITS] for name, content in self._files.items()}

    async def _compressed(self, name: str) -> bytes:
        """Return a file in gzip; a thread makes it, since megabytes take a tenth of a second."""
        made = self._smaller.get(name)
        if made is None:
            made = self._smaller[name] = await asyncio.to_thread(gzip.compress, self._files[name], mtime=0)
        return made

    def address(self, name: str) -> str:
        """Return the path of a file. KeyError if there is none of this name."""
        return f"/static/{self._digests[name]}/{name}"

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a file; 404 if there is none, or not this version of it."""
        name = request.match_info["name"]
        if self._digests.get(name) != request.match_info["digest"]:
            raise web.HTTPNotFound
        headers = {
            "Content-Type": f"{TYPES[Path(name).suffix]}; charset=utf-8",
            "Cache-Control": FOR_EVER,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=await self._compressed(name), headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=self._files[name], headers=headers)
