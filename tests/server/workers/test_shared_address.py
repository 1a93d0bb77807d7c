"""The address that workers share: who may have it, and when."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from esb.server.workers.shared_address import shared_address


@contextmanager
def listener(port: int = 0, *options: int) -> Iterator[socket.socket]:
    """Listen as a server does."""
    with socket.socket() as listening:
        for option in (socket.SO_REUSEADDR, *options):
            listening.setsockopt(socket.SOL_SOCKET, option, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()
        yield listening


def test_a_gateway_that_ended_leaves_its_address_at_once() -> None:
    """Though its connections linger, and none of its sockets shared the address."""
    with listener() as before:
        port = before.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = before.accept()
            accepted.close()
            assert client.recv(1) == b""
    held, port_held = shared_address("127.0.0.1", port)
    with held, listener(port, socket.SO_REUSEPORT):
        assert port_held == port


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEPORT,)])
def test_an_address_at_which_somebody_listens_is_taken(options: tuple[int, ...]) -> None:
    with listener(0, *options) as other, pytest.raises(OSError, match="in use"):
        shared_address("127.0.0.1", other.getsockname()[1])


def test_nobody_listens_at_a_held_address_who_does_not_share() -> None:
    held, port = shared_address("127.0.0.1", 0)
    with held, pytest.raises(OSError, match="in use"), listener(port):
        pass
