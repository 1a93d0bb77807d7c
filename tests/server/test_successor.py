"""A restart without a gap: a successor takes the listeners over, or nothing has changed."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from esb.core.events import Observer
from esb.core.process_events import RestartFinished
from esb.server.listening_sockets import ListeningSockets
from esb.server.successor import NoSuccessor, Succession
from tests.support.ports import free_port
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, Running, exchange, running, until
from tests.support.servers.slow_wecom import SlowWeCom

CONFIG = """\
version: 1
server: {{port: 0, workers: {workers}, shutdown_grace: 10, lame_duck: {lame_duck}, admin: {{unix: {folder}/admin}}}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
  store: {{use: memory, config: {{per_process: accept}}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {{wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
              wx_qy_host: "{wecom}", wx_qy_member_per_minute: 0}}
"""
PING = "/api/c/ping/"


class Restarted:
    """A gateway and its successors."""

    def __init__(self, serving: Running, folder: Path) -> None:
        self.serving = serving
        self.config = folder / "esb.yaml"
        self._admin = folder / "admin"

    def events(self, name: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.serving.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def successors(self) -> list[int]:
        return [int(str(line["pid"])) for line in self.events("successor took over")]

    def restart(self) -> tuple[int, dict[str, object]]:
        """Ask for it at the admin listener; return status and answer."""
        status, body = self._asked("POST /-/restart")
        return status, json.loads(body)

    def ready(self) -> int:
        return self._asked("GET /readyz")[0]

    def _asked(self, what: str) -> tuple[int, bytes]:
        with socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(60)
            connected.connect(str(self._admin))
            connected.sendall(f"{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            raw = b"".join(iter(lambda: connected.recv(65536), b""))
        head, _, body = raw.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def send(self) -> int:
        return int(exchange(self.serving.url + SEND_WEIXIN, NOTICE).body["code"])


@contextmanager
def opened(
    folder: Path, wecom: str = "http://127.0.0.1:9", workers: int = 1, lame_duck: int = 0, notify: str = ""
) -> Iterator[Restarted]:
    config = folder / "esb.yaml"
    config.write_text(CONFIG.format(workers=workers, lame_duck=lame_duck, folder=folder, wecom=wecom))
    with running(
        "serve", "-c", config, log=folder / "log", fresh=True, ESB_LOG="json", NOTIFY_SOCKET=notify
    ) as serving:
        gateway = Restarted(serving, folder)
        try:
            yield gateway
        finally:
            for pid in gateway.successors():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in gateway.successors()))


def is_last(kept: HTTPConnection) -> bool:
    """Ask on a connection; return True if the answer says that it was the last. Workers hear of a successor in turn."""
    kept.request("GET", PING)
    answer = kept.getresponse()
    assert (answer.read(), answer.status) == (b"pong", 200)
    return answer.getheader("Connection") == "close"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_successor_takes_over_and_no_call_is_refused(tmp_path: Path, slow_wecom: SlowWeCom, workers: int) -> None:
    with opened(tmp_path, slow_wecom.url, workers) as gateway, ThreadPoolExecutor() as pool:
        place = urlsplit(gateway.serving.url)
        kept = HTTPConnection(place.netloc, timeout=60)
        kept.request("GET", PING)
        assert kept.getresponse().read() == b"pong"
        sending = pool.submit(gateway.send)
        assert slow_wecom.arrived.wait(60)
        gateway.serving.stop(signal.SIGUSR2)
        until(lambda: bool(gateway.successors()))
        assert exchange(gateway.serving.url + "/nowhere/").status == 404, "the successor answers"
        slow_wecom.release.set()
        assert sending.result() == 0, "what was under way is finished"
        assert gateway.serving.is_alive, "a connection is left, on which more may come"
        until(lambda: is_last(kept))
        assert gateway.serving.wait() == 0
        assert gateway.send() == 0
        assert "503" not in {str(line["status"]) for line in gateway.events("call")}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_operator_asks_for_it_and_the_next_one_can_be_restarted_too(tmp_path: Path, workers: int) -> None:
    with opened(tmp_path, workers=workers) as gateway:
        pids = [gateway.restart()]
        assert gateway.serving.wait() == 0
        pids.append(gateway.restart())
        until(lambda: len(gateway.successors()) == 2)
        assert pids == [(200, {"pid": pid}) for pid in gateway.successors()]
        assert exchange(gateway.serving.url + "/nowhere/").status == 404


@pytest.mark.parametrize("workers", [1, 2])
def test_a_predecessor_leaves_operators_to_its_successor(tmp_path: Path, slow_wecom: SlowWeCom, workers: int) -> None:
    with opened(tmp_path, slow_wecom.url, workers) as gateway, ThreadPoolExecutor() as pool:
        sending = pool.submit(gateway.send)
        assert slow_wecom.arrived.wait(60)
        assert gateway.restart()[0] == 200
        listening = inodes(tmp_path / "admin")
        until(lambda: not listening & held(gateway.serving.pid))
        assert listening & held(gateway.successors()[0])
        assert gateway.serving.is_alive, "it has a call under way"
        slow_wecom.release.set()
        assert sending.result() == 0


@pytest.mark.parametrize("asked", ["by signal", "by request"])
@pytest.mark.parametrize("workers", [1, 2])
def test_who_stops_a_gateway_stops_the_successor_that_starts(tmp_path: Path, workers: int, asked: str) -> None:
    with opened(tmp_path, workers=workers, lame_duck=3) as gateway, ThreadPoolExecutor() as pool:
        known = children(gateway.serving.pid)
        requested = pool.submit(gateway.restart) if asked == "by request" else None
        if requested is None:
            gateway.serving.stop(signal.SIGUSR2)
        until(lambda: children(gateway.serving.pid) > known)
        [successor] = children(gateway.serving.pid) - known
        gateway.serving.stop()
        if requested is not None:
            refused = (422, {"error": "this process is being stopped"})
            assert requested.result() == refused
            assert gateway.restart() == refused, "nor does one start while it drains"
        assert gateway.serving.wait() == 0
        until(lambda: not Path(f"/proc/{successor}").exists())
        assert not gateway.successors()


def test_a_service_manager_may_tell_workers_too(tmp_path: Path) -> None:
    with opened(tmp_path, workers=2) as gateway:
        workers = children(gateway.serving.pid)
        for pid in workers:
            os.kill(int(pid), signal.SIGUSR2)
        assert gateway.restart()[0] == 200
        assert gateway.serving.wait() == 0
        assert {str(line["pid"]) for line in gateway.events("stopped") if line["process"] == "worker"} == workers
        assert not gateway.events("worker ended")


@pytest.mark.parametrize("workers", [1, 2])
def test_no_probe_hears_of_a_start_that_its_predecessor_would_have_answered(tmp_path: Path, workers: int) -> None:
    with opened(tmp_path, workers=workers) as gateway, ThreadPoolExecutor() as pool:
        assert gateway.ready() == 200
        restart, probed = pool.submit(gateway.restart), []
        while not restart.done():
            probed.append(gateway.ready())
        assert restart.result()[0] == 200
        assert set(probed) == {200}


def inodes(path: Path) -> set[str]:
    """The sockets that are bound to this path, as file descriptors show them."""
    lines = map(str.split, Path("/proc/net/unix").read_text().splitlines())
    return {f"socket:[{line[6]}]" for line in lines if line[-1] == str(path)}


def held(pid: int) -> set[str]:
    return {os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}


def children(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def test_a_successor_that_does_not_start_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as gateway:
        gateway.config.write_text("version: 1\nserver: {port: many}\n")
        status, answer = gateway.restart()
        assert (status, answer) == (422, {"error": "a successor ended with status 78; it has said why on stderr"})
        assert "esb.yaml:2: server.port" in gateway.serving.log()
        [told] = gateway.events("restart failed")
        assert (told["level"], told["trouble"]) == ("error", answer["error"])
        assert exchange(gateway.serving.url + "/nowhere/").status == 404
        gateway.serving.stop()
        assert gateway.serving.wait() == 0


def test_a_restart_may_change_the_port(tmp_path: Path) -> None:
    with opened(tmp_path) as gateway:
        port = free_port()
        gateway.config.write_text(gateway.config.read_text().replace("port: 0", f"port: {port}"))
        assert gateway.restart()[0] == 200
        assert exchange(f"http://127.0.0.1:{port}/nowhere/").status == 404
        assert gateway.serving.wait() == 0


def test_a_restart_may_change_the_host(tmp_path: Path) -> None:
    with opened(tmp_path) as gateway:
        port = urlsplit(gateway.serving.url).port
        gateway.config.write_text(gateway.config.read_text().replace("port: 0", f"host: 127.0.0.2, port: {port}"))
        assert gateway.restart()[0] == 200
        assert exchange(f"http://127.0.0.2:{port}/nowhere/").status == 404
        assert gateway.serving.wait() == 0


def test_a_restart_to_an_address_that_cannot_be_had_beside_the_old_one_changes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as gateway:
        port = urlsplit(gateway.serving.url).port
        gateway.config.write_text(gateway.config.read_text().replace("port: 0", f"host: 0.0.0.0, port: {port}"))
        assert gateway.restart()[0] == 422
        assert f"cannot listen on 0.0.0.0:{port} (server.port): Address already in use" in gateway.serving.log()
        assert exchange(gateway.serving.url + "/nowhere/").status == 404


def test_the_manager_is_told_whom_to_watch(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        with opened(tmp_path, notify=str(tmp_path / "notify")) as gateway:
            assert manager.recv(100) == b"READY=1"
            assert gateway.restart()[0] == 200
            told = {manager.recv(100) for _ in range(2)}
            until(lambda: bool(gateway.successors()))
            assert told == {b"READY=1", f"MAINPID={gateway.successors()[0]}\nREADY=1".encode()}
            assert gateway.serving.wait() == 0
            os.kill(gateway.successors()[0], signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1", "not told by the one that had a successor"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_lame_duck_answers_calls_and_says_that_it_leaves(tmp_path: Path, workers: int) -> None:
    with opened(tmp_path, workers=workers, lame_duck=3600) as gateway:
        gateway.serving.stop()
        health = f"{gateway.serving.url}/api/c/healthz/"
        until(lambda: exchange(health).status == 503)
        assert exchange(health).body["message"] == "draining"
        assert exchange(gateway.serving.url + SEND_WEIXIN, {**NOTICE, "bk_app_secret": "wrong"}).status == 200
        left = children(gateway.serving.pid)
        assert len(left) == (workers if workers > 1 else 0)
        gateway.serving.stop(signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in left))


async def test_the_first_process_of_a_container_has_no_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    succession = Succession(ListeningSockets(), {}, Observer([told.append]))
    monkeypatch.setattr("esb.server.successor.os.getpid", lambda: 1)
    with pytest.raises(NoSuccessor, match="container"):
        await succession.start()
    assert not succession.taken_over.is_set()
    assert [type(event) for event in told] == [RestartFinished]


async def test_a_process_that_has_no_file_left_to_open_has_no_successor_for_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> object:
        raise OSError(24, "Too many open files")

    succession = Succession(ListeningSockets(), {}, Observer())
    monkeypatch.setattr(socket, "socketpair", full)
    with pytest.raises(NoSuccessor, match="Too many open files"):
        await succession.start()
