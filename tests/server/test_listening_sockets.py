"""Listening sockets: who may have an address, and how sockets come from one process to the next."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from esb.server.listening_sockets import HANDED_DOWN, ListeningSockets, bound, inherited


@contextmanager
def listener(port: int = 0, *options: int) -> Iterator[socket.socket]:
    """Listen as a server does."""
    with socket.socket() as listening:
        for option in (socket.SO_REUSEADDR, *options):
            listening.setsockopt(socket.SOL_SOCKET, option, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()
        yield listening


@contextmanager
def closing(sockets: list[socket.socket]) -> Iterator[list[socket.socket]]:
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


def copied(found: socket.socket) -> int:
    """A descriptor of the same socket, as a child process gets it."""
    return os.dup(found.fileno())


def handed_down(sockets: ListeningSockets) -> dict[str, str]:
    """The environment of a child process, which has copies of these sockets."""
    told, descriptors = sockets.handed_down()
    by_name = {
        name: [host, [os.dup(number) for number in numbers]] for name, (host, numbers) in json.loads(told).items()
    }
    assert descriptors == [number for _, numbers in json.loads(told).values() for number in numbers]
    return {HANDED_DOWN: json.dumps(by_name)}


def port_of(found: socket.socket) -> int:
    port: int = found.getsockname()[1]
    return port


def test_a_gateway_that_ended_leaves_its_address_at_once() -> None:
    """Though its connections linger."""
    with listener() as before:
        port = port_of(before)
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = before.accept()
            accepted.close()
            assert client.recv(1) == b""
    with closing(bound("127.0.0.1", port)) as sockets:
        assert [port_of(each) for each in sockets] == [port]


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEPORT,)])
def test_an_address_at_which_somebody_listens_is_taken(options: tuple[int, ...]) -> None:
    with listener(0, *options) as other, pytest.raises(OSError, match="in use"):
        bound("127.0.0.1", port_of(other))


def test_all_addresses_of_a_name_have_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = (socket.SOCK_STREAM, 6, "")
    two = [(socket.AF_INET, *kind, (address, 0)) for address in ("127.0.0.2", "127.0.0.3", "127.0.0.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: two)
    with closing(bound("two.example.com", 0)) as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["127.0.0.2", "127.0.0.3"]
        assert len({port_of(each) for each in sockets}) == 1


def test_an_address_of_a_network_that_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = (socket.SOCK_STREAM, 6, "")
    away, here = [(socket.AF_INET, *kind, (address, 0)) for address in ("192.0.2.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [away, here])
    with closing(bound("two.example.com", 0)) as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [away])
    with pytest.raises(OSError, match="assign"):
        bound("two.example.com", 0)


def test_sockets_are_handed_down_by_name_and_once() -> None:
    with listener() as public, listener() as admin:
        before = ListeningSockets()
        before.hold("public", public)
        before.hold("admin", admin)
        environ = handed_down(before)
        sockets = inherited(environ)
        assert environ == {}
        assert sockets.inherited
        with closing([*sockets.bound("public", "127.0.0.1", 0), *sockets.bound("admin", "127.0.0.1", 0)]) as found:
            assert [port_of(each) for each in found] == [port_of(public), port_of(admin)]
            assert not any(each.get_inheritable() for each in found)
            assert sockets.handed_down()[1] == [each.fileno() for each in found]
    assert not inherited({}).inherited


def test_a_socket_of_another_port_than_the_configuration_says_is_not_used() -> None:
    with listener() as old, listener() as free:
        port = port_of(free)
        free.close()
        sockets = ListeningSockets({"public": [socket.socket(fileno=copied(old))]})
        with closing([*sockets.bound("public", "127.0.0.1", port)]) as found:
            assert [port_of(each) for each in found] == [port]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_a_socket_of_another_host_than_the_configuration_says_is_not_used(host: str) -> None:
    before = ListeningSockets()
    with closing([*before.bound("public", "127.0.0.1", 0)]) as old:
        sockets = inherited(handed_down(before))
        with closing([*sockets.bound("public", host, port_of(old[0]))]) as found:
            assert [each.getsockname() for each in found] == [(host, port_of(old[0]))]
            assert sockets.inherited


def test_a_successor_may_have_another_host_than_a_service_manager_chose() -> None:
    with listener() as passed:
        sockets = ListeningSockets({"public": [socket.socket(fileno=copied(passed))]})
        with closing([*sockets.bound("public", "localhost", 0)]) as found:
            assert found[0].getsockname() == passed.getsockname(), "the service manager's address is taken as it is"
            port = port_of(passed)
            successor = inherited(handed_down(sockets))
            with closing([*successor.bound("public", "127.0.0.2", port)]) as others:
                assert [each.getsockname() for each in others] == [("127.0.0.2", port)]


def test_a_service_manager_passes_sockets_from_3_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esb.server.listening_sockets.FIRST_PASSED", first := 200)
    with listener() as public, listener() as admin:
        os.dup2(public.fileno(), first)
        os.dup2(admin.fileno(), first + 1)
        passed = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "esb.socket:admin"}
        sockets = inherited(passed)
        assert passed == {}
        with closing([*sockets.bound("public", "127.0.0.1", 0), *sockets.bound("admin", "127.0.0.1", 0)]) as found:
            assert [port_of(each) for each in found] == [port_of(public), port_of(admin)]


def test_a_socket_without_a_listener_is_closed() -> None:
    with listener() as public:
        sockets = ListeningSockets({"public": [left := socket.socket(fileno=copied(public))]})
        sockets.close_unused()
        assert left.fileno() == -1


def test_what_was_passed_to_another_process_is_left_alone() -> None:
    assert not inherited({"LISTEN_PID": "1", "LISTEN_FDS": "2"}).inherited


def test_a_socket_in_the_file_system_is_found_by_its_path(tmp_path: "os.PathLike[str]") -> None:
    path = os.path.join(tmp_path, "admin.sock")
    with socket.socket(socket.AF_UNIX) as bound_there:
        bound_there.bind(path)
        sockets = ListeningSockets({"admin": [bound_there]})
        assert sockets.private("admin", path) is bound_there
        other = ListeningSockets({"admin": [socket.socket(fileno=copied(bound_there))]})
        assert other.private("admin", f"{path}2") is None
        sockets = ListeningSockets({"admin": [socket.socket(fileno=copied(bound_there))]})
        with closing([*sockets.bound("admin", "127.0.0.1", 0)]) as found:
            assert found[0].family == socket.AF_INET, "the configuration says a port by now"
