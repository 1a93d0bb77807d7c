"""A WSGI server that tells what its application sees of a request: names folded, path decoded, as Django has them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment


class _Handler(WSGIRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer an envelope whose data is the request, as WSGI tells it."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    seen = {
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
        "query": environ.get("QUERY_STRING", ""),
        "body": body.decode("utf-8", "replace"),
        "type": environ.get("CONTENT_TYPE", ""),
        "headers": {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")},
    }
    answer = json.dumps({"result": True, "code": 0, "message": "OK", "data": seen}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


@contextmanager
def wsgi_echo() -> Iterator[str]:
    """Serve `echo` in a thread; yield its URL."""
    with WSGIServer(("127.0.0.1", 0), _Handler) as server:
        server.set_app(echo)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
