"""Serves an ASGI application with uvicorn at its fastest: uvloop, httptools, no access log, a ready line."""

import socket
from typing import Any

import uvicorn


def serve(app: Any) -> None:
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning", backlog=8192)
    listener = socket.create_server(("127.0.0.1", 0), backlog=8192)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])
