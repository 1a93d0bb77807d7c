"""A TLS server that says why it refuses a handshake, as servers written in C and Go do; asyncio's only hangs up."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Take handshakes in a thread, one after another, and answer nothing; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            accepted, _ = listener.accept()
            with accepted, suppress(OSError):
                accepted.settimeout(10)
                plain = accepted.dup()
                with plain, context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as secured:
                    with suppress(ssl.SSLError):
                        secured.do_handshake()
                    plain.shutdown(socket.SHUT_WR)
                    while plain.recv(65536):
                        pass
