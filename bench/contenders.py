"""Who takes part, and how each is started: as a process of its own that says where it listens."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv" / "bench-peers" / "bin" / "python"
"""The interpreter of the virtual environment that holds the peers' packages."""
READY = "listening on "


@dataclass(frozen=True)
class Contender:
    """A gateway of some kind, and the command that serves it."""

    name: str
    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict)


def _gateway(engine: str) -> Contender:
    command = (sys.executable, "-m", "esb", "serve", "-c", str(HERE / "gateway.yaml"))
    return Contender(f"gateway:{engine}", command, {"ENGINE": engine, "ESB_LOG": "json"})


def _peer(name: str) -> Contender:
    return Contender(name, (str(PEERS), str(HERE / "peers" / f"{name}.py")))


CONTENDERS = {
    contender.name: contender
    for contender in (
        _gateway("httptools"),
        _gateway("aiohttp"),
        Contender("bare_aiohttp", (sys.executable, str(HERE / "peers" / "bare_aiohttp.py"))),
        Contender("constant", (sys.executable, str(HERE / "peers" / "constant.py"))),
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
            env=os.environ | {"PYTHONHASHSEED": "0"} | environ,
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
    for line in process.stdout or ():
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    raise SystemExit(f"a server did not start; the end of {log}:\n{log.read_text()[-2000:]}")


@contextmanager
def upstream(options: Sequence[str], log: Path) -> Iterator[Running]:
    """The upstream with these options."""
    command = (sys.executable, str(HERE / "upstream.py"), *options)
    with running(command, {}, log) as served:
        yield served
