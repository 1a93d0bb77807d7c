"""A WeCom that answers only when a test lets it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SlowWeCom:
    """Its message/send waits: `arrived` is set when a message has come, `release` lets it be answered."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.release = threading.Event()
        wecom = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({"errcode": 0, "access_token": "token", "expires_in": 7200})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                wecom.arrived.set()
                wecom.release.wait(60)
                self._answer({"errcode": 0, "errmsg": "ok", "msgid": "1"})

            def _answer(self, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)
                except OSError:
                    pass  # the gateway was cut

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)
