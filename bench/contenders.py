"""The contenders, and their start: each as a process of its own that prints its URL."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv" / "bench-peers" / "bin" / "python"
"""The interpreter of the virtual environment that holds the peers' packages."""
READY = "listening on "
TLS = "--tls"
PATIENCE = 60.0
REPEATABLE = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
"""Empty is unset: a second start does not compile again what the first has compiled."""


@dataclass(frozen=True, eq=False)
class Contender:
    """A gateway of some kind, and the command that serves it.

    `transparent`: it answers what the upstream says. `lacks`: scenarios in which it takes no part.
    """

    name: str
    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict)
    transparent: bool = False
    lacks: tuple[str, ...] = ("relay",)


def _gateway(name: str, **environ: str) -> Contender:
    command = (sys.executable, "-m", "esb", "serve", "-c", str(HERE / "gateway.yaml"))
    return Contender(f"gateway:{name}", command, {"ESB_LOG": "json", **environ}, lacks=())


def _peer(name: str, python: Path = PEERS, **more: Any) -> Contender:
    return Contender(name, (str(python), str(HERE / "peers" / f"{name}.py")), **more)


OURS = Path(sys.executable)
"""Whoever is compared in instructions runs on the very packages that the gateway runs on."""
CONTENDERS = {
    contender.name: contender
    for contender in (
        _gateway("httptools", ENGINE="httptools"),
        _gateway("aiohttp", ENGINE="aiohttp"),
        _gateway("readable", ESB_LOG="text"),
        _peer("bare_aiohttp", OURS, lacks=()),
        _peer("constant", OURS, lacks=("send", "relay", "errcode", "slow", "tls")),
        _peer("raw_limit", lacks=("relay", "tls")),
        _peer("starlette_aiohttp"),
        _peer("fastapi_aiohttp"),
        _peer("fastapi_httpx"),
        _peer("django_esb"),
        _peer("nginx", OURS, transparent=True, lacks=("refused", "invalid", "relay", "errcode", "tls")),
    )
}


def chosen(names: str) -> list[Contender]:
    """The contenders of these names, separated by commas; `gateway` is the one with the default engine."""
    return [CONTENDERS["gateway:httptools" if name == "gateway" else name] for name in names.split(",")]


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    url: str
    pid: int


@contextmanager
def running(
    command: Sequence[str], environ: dict[str, str], log: Path, wrapper: Sequence[str] = ()
) -> Iterator[Running]:
    """The server of this command, ready; what it writes to stderr goes to `log`. It is ended afterwards."""
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [*wrapper, *command],
            env=os.environ | REPEATABLE | environ,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            yield Running(_ready(process, log), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _ready(process: "subprocess.Popen[str]", log: Path) -> str:
    """Return its URL, as soon as it listens."""
    for line in process.stdout or ():
        if line.startswith(READY):
            url = line.removeprefix(READY).strip()
            _until_connected(url)
            return url
    raise SystemExit(f"a server did not start; the end of {log}:\n{log.read_text()[-2000:]}")


def _until_connected(url: str) -> None:
    place = urlsplit(url)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((place.hostname or "", place.port or 0)).close()
        except ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def upstream(options: Sequence[str], log: Path) -> Iterator[Running]:
    """The upstream with these options."""
    command = (sys.executable, str(HERE / "upstream.py"), *options)
    with running(command, {}, log) as served:
        yield served


@contextmanager
def relaying(
    contender: Contender, options: Sequence[str], folder: Path, wrapper: Sequence[str] = ()
) -> Iterator[tuple[Running, Running]]:
    """The contender, and the upstream behind it. `--tls`: with a certificate that the contender trusts."""
    log = folder / f"{contender.name.replace(':', '-')}.log"
    environ = dict(contender.environ)
    if TLS in options:
        options = (*options, str(folder))
        environ |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(_certified(folder)))
    with (
        upstream(options, log) as asked,
        running(contender.command, {"UPSTREAM": asked.url} | environ, log, wrapper) as served,
    ):
        yield served, asked


def _certified(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, and its key, in one file."""
    both = folder / "server.pem"
    if not both.exists():
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
        form = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        command = ["openssl", "req", *form, *names, "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        both.write_text(key.read_text() + certificate.read_text())
    return both
