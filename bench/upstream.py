"""A WeCom that costs next to nothing: a token, and an answer to every message. Run as a process of its own.

`python bench/upstream.py [--delay SECONDS] [--errcode N] [--tls FOLDER]`; its ready line names the URL.
"""

import argparse
import asyncio
import ssl
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

TOKEN = b'{"errcode":0,"errmsg":"ok","access_token":"bench-token","expires_in":7200}'
ACCEPTED = b'{"errcode":0,"errmsg":"ok","invaliduser":"","invalidparty":"","invalidtag":"","msgid":"bench-msgid"}'
REFUSED = b'{"errcode":%d,"errmsg":"refused by the bench, hint: [1700000000], from ip: 127.0.0.1"}'
RELAYED = b'{"result":true,"code":0,"message":"OK","data":{"relayed":true}}'
STRANGE = b'{"errcode":40014,"errmsg":"invalid access_token"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d\r\n\r\n"


class WeCom(asyncio.Protocol):
    """One connection. Requests come whole or in pieces, one after another; each is answered in turn."""

    def __init__(self, delay: float, sending: bytes) -> None:
        self._delay = delay
        self._sending = sending
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (size := _size(self._buffer)) is not None:
            request, self._buffer = self._buffer[:size], self._buffer[size:]
            self._answer(self._chosen(request))

    def _chosen(self, request: bytes) -> bytes:
        if request.startswith(b"GET /cgi-bin/gettoken?"):
            return TOKEN
        if request.startswith(b"POST /cgi-bin/message/send?access_token=bench-token "):
            return self._sending if b'"zhangsan"' in request else STRANGE
        if request.startswith(b"POST /relay/"):
            return RELAYED
        return STRANGE

    def _answer(self, body: bytes) -> None:
        raw = HEAD % len(body) + body
        if self._delay and body != TOKEN:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, raw)
        else:
            self._transport.write(raw)


def _size(buffer: bytes) -> int | None:
    """Return the bytes of the first request in the buffer; None if it is not all there."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = buffer[:end].lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    size = end + 4 + (int(rest.partition(b"\r\n")[0]) if found else 0)
    return size if len(buffer) >= size else None


async def serve(delay: float, errcode: int, folder: Path | None) -> None:
    context = None
    if folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
    sending = REFUSED % errcode if errcode else ACCEPTED
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(WeCom, delay, sending), "127.0.0.1", 0, ssl=context, backlog=8192)
    scheme = "http" if context is None else "https"
    print(f"listening on {scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--errcode", type=int, default=0)
    parser.add_argument("--tls", type=Path)
    chosen = parser.parse_args()
    uvloop.run(serve(chosen.delay, chosen.errcode, chosen.tls))
