"""Messages to the service manager: when the gateway is ready, and when it stops."""

import signal
import socket
from pathlib import Path

import pytest

from esb.server.systemd import READY, STOPPING, notify
from tests.support.processes.command_line import running


@pytest.fixture
def manager(tmp_path: Path) -> tuple[socket.socket, str]:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = str(tmp_path / "notify")
    listening.bind(path)
    listening.settimeout(60)
    return listening, path


def test_a_state_reaches_the_manager(manager: tuple[socket.socket, str]) -> None:
    with manager[0] as listening:
        notify({"NOTIFY_SOCKET": manager[1]}, READY)
        assert listening.recv(100) == b"READY=1"


def test_a_manager_may_have_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0esb-test-notify")
        listening.settimeout(60)
        notify({"NOTIFY_SOCKET": "@esb-test-notify"}, STOPPING)
        assert listening.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nobody/listens"}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notify(environ, READY)


def test_serving_tells_when_it_is_ready_and_when_it_stops(manager: tuple[socket.socket, str], tmp_path: Path) -> None:
    config = tmp_path / "esb.yaml"
    config.write_text("version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n")
    with (
        manager[0] as listening,
        running("serve", "-c", config, "--port", "0", log=tmp_path / "log", NOTIFY_SOCKET=manager[1]) as serving,
    ):
        assert listening.recv(100) == b"READY=1"
        serving.stop(signal.SIGTERM)
        assert listening.recv(100) == b"STOPPING=1"
        assert serving.finish().code == 0
