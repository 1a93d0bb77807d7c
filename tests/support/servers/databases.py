"""Real PostgreSQL and MariaDB servers for tests: started on a free port, stopped, paused, killed and started again.

Both refuse to run as root: then they run as the user that their package has made.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.ports import free_port

KEY = "ZGF0YWJhc2UtdGVzdHMtbmVlZC1hLWZlcm5ldC1rZXk="
"""A Fernet key of nobody's."""
OTHER_KEY = "YW5vdGhlci1mZXJuZXQta2V5LW9mLW5vYm9keS1hdC0="
BACK_ENDS = ("sqlite", "postgresql", "mysql")
CHOSEN = "ESB_TEST_DB"
"""The variable that names the one back end to test with, of BACK_ENDS; all of them if it is not set."""
SECONDS = 60.0
"""Patience with a server on a busy machine."""
TRIES = 3
"""Attempts to make the files of a server."""
SOURCES = {"postgresql": "postgresql", "mysql": "mariadb-server"}
"""Back end -> Debian's package."""
IN_MEMORY = "/dev/shm"  # noqa: S108 - a folder of its own in there
ROOM = 2 * 2**30
"""The bytes that have to be free for servers in memory; containers often have less."""


class DatabaseServer(ABC):
    """A server with no data that anybody needs; each test has a database of its own in it, by name."""

    user = "root"
    """The user that its package makes."""
    name = ""
    ending = signal.SIGTERM
    """The signal at which it cuts off its clients and ends."""

    def __init__(self) -> None:
        """Make its files, and start it. TimeoutError if it does not come to listen."""
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"esb-{self.name}-", dir=_roomy()))
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._more: list[str] = []
        """Options of its command line besides."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        self._make_patiently()
        self.start()

    def _make_patiently(self) -> None:
        """Make its files, again if that fails: MariaDB's own program for it crashes now and then."""
        for left in reversed(range(TRIES)):
            try:
                return self._make()
            except subprocess.CalledProcessError as error:
                shutil.rmtree(self.folder / "data", ignore_errors=True)
                if not left:
                    said = (error.stdout + error.stderr).decode(errors="replace")
                    self.remove()
                    raise RuntimeError(f"{self.name} cannot be set up: {said[-2000:]}") from error

    @abstractmethod
    def _make(self) -> None:
        """Make its files. CalledProcessError."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the command line of the server."""

    def run(self, *command: str) -> None:
        """Run a command as the server's user. CalledProcessError if it fails."""
        subprocess.run(
            command,
            user=self._user(),
            cwd=self.folder,
            env=self._environ(),
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), user=self._user(), cwd=self.folder, env=self._environ(), stdout=log, stderr=log
            )
        until = time.monotonic() + SECONDS
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                text = (self.folder / "log").read_text(errors="replace")
                self.remove()
                raise TimeoutError(f"{self.name} does not start: {text[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and all connections to it."""
        self._end(self.ending)

    def kill(self) -> None:
        """Kill it, without a word to its clients; its children too, which would answer on for a moment."""
        children = [] if self._process is None else self._processes()[1:]
        self._end(signal.SIGKILL)
        for each in children:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        until = time.monotonic() + SECONDS
        while any(_runs(each) for each in children):  # what they share with each other has to be free
            assert time.monotonic() < until
            time.sleep(0.01)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(SECONDS)
            self._process = None

    def pause(self) -> None:
        """Let it answer nobody, until `resume`."""
        assert self._process is not None
        for each in self._processes():
            os.kill(each, signal.SIGSTOP)
            _wait_until_stopped(each)

    def resume(self) -> None:
        for each in self._processes():
            os.kill(each, signal.SIGCONT)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def use_certificate(self, certificate: Path, authority: Path) -> None:
        """Offer TLS from the next start on, with this certificate and its key, signed by this authority."""
        names = [self.folder / "server.pem", self.folder / "ca.pem"]
        for name, content in zip(names, (certificate, authority), strict=True):
            name.write_bytes(content.read_bytes())
            name.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(name, self.user)
        self._more += self._with_certificate(*names)

    @abstractmethod
    def _with_certificate(self, certificate: Path, authority: Path) -> Sequence[str]:
        """Return the options by which it offers TLS."""

    @property
    @abstractmethod
    def socket(self) -> Path:
        """The Unix socket at which it listens too."""

    def database(self) -> str:
        """Return the URL of a new, empty database."""
        self._databases += 1
        name = f"esb_{self._databases}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    @abstractmethod
    def url(self, name: str) -> str:
        """Return the URL of the database of this name."""

    @abstractmethod
    def sql(self, statement: str, database: str = "") -> str:
        """Return what its own client prints of a statement."""

    def _answers(self) -> bool:
        try:
            self.sql("SELECT 1")
        except subprocess.CalledProcessError:
            return False
        return True

    def _processes(self) -> Sequence[int]:
        """Return the server and its children."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]

    def _ask(self, *command: str) -> str:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
        return asked.stdout.strip()

    def _user(self) -> str | None:
        return self.user if os.geteuid() == 0 else None

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C", "HOME": str(self.folder)}


def _roomy() -> str | None:
    """Return the folder in memory, if it has room; None for that of temporary files."""
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM:
        return IN_MEMORY
    return None


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class PostgreSQL(DatabaseServer):
    """PostgreSQL, of the newest version that is installed."""

    user, name, ending = "postgres", "postgresql", signal.SIGINT

    @staticmethod
    def folder_of_programs() -> str:
        """Return where Debian puts its programs, or the folder of those on the path; "" if it is not installed."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        program = str(found[-1]) if found else shutil.which("initdb")
        return str(Path(program).parent) if program else ""

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text("secret")
        who = ["-U", "esb", "--auth-local=trust", "--auth-host=password", f"--pwfile={password}"]
        how = ["--no-sync", "--encoding=UTF8", "--locale=C"]
        self.run(f"{self.folder_of_programs()}/initdb", "-D", str(self.folder / "data"), *who, *how)

    def _command(self) -> Sequence[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "dynamic_shared_memory_type": "mmap",  # in its folder, where nothing is left of one that was killed
            "shared_buffers": "16MB",
            "max_connections": 100,
            "autovacuum": "off",
        }
        told = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        return [f"{self.folder_of_programs()}/postgres", "-D", str(self.folder / "data"), *told, *self._more]

    def _with_certificate(self, certificate: Path, authority: Path) -> Sequence[str]:
        files = (("ssl", "on"), ("ssl_cert_file", certificate), ("ssl_key_file", certificate))
        return [word for key, value in files for word in ("-c", f"{key}={value}")]

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def url(self, name: str) -> str:
        return f"postgresql://esb:secret@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        where = ["-h", str(self.folder), "-p", str(self.port), "-U", "esb", "-d", database]
        return self._ask(f"{self.folder_of_programs()}/psql", *where, "-X", "-q", "-A", "-t", "-c", statement)


class MariaDB(DatabaseServer):
    """MariaDB."""

    user, name = "mysql", "mariadb"

    def _make(self) -> None:
        self.run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            "--innodb-log-file-size=8M",
        )

    def _command(self) -> Sequence[str]:
        server = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        return [
            server,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=2",
            "--performance-schema=OFF",
            *self._more,
        ]

    def _with_certificate(self, certificate: Path, authority: Path) -> Sequence[str]:
        return [f"--ssl-cert={certificate}", f"--ssl-key={certificate}", f"--ssl-ca={authority}"]

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def start(self) -> None:
        super().start()
        self.sql("CREATE USER IF NOT EXISTS esb IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO esb")

    def url(self, name: str) -> str:
        return f"mysql://esb:secret@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, database: str = "") -> str:
        where = ["--no-defaults", f"--socket={self.folder / 'socket'}", "-u", "root"]
        return self._ask("mariadb", *where, "-N", "-B", *([database] if database else []), "-e", statement)


def installed(back_end: str) -> bool:
    """Return True if a server of this back end can be started; SQLite always can."""
    if back_end == "postgresql":
        return bool(PostgreSQL.folder_of_programs())
    return back_end == "sqlite" or all(map(shutil.which, ("mariadb-install-db", "mariadb")))


@contextmanager
def database_server(back_end: str) -> Iterator[DatabaseServer]:
    """A running server. The test is skipped where none is installed."""
    if not installed(back_end):
        package = SOURCES[back_end]
        pytest.skip(f"{package} is not installed (Debian: apt-get install {package})")
    server = PostgreSQL() if back_end == "postgresql" else MariaDB()
    try:
        yield server
    finally:
        server.remove()


def _wait_until_stopped(process: int) -> None:
    """Return when each thread of it stands still: the signal is taken by one, and the others answer meanwhile."""
    deadline = time.monotonic() + SECONDS
    while not all(_is_stopped(thread) for thread in Path(f"/proc/{process}/task").iterdir()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {process} goes on although it was stopped")
        time.sleep(0.001)


def _is_stopped(thread: Path) -> bool:
    try:
        status = (thread / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return True
    return status.rpartition(")")[2].split()[0] in "TtZX"


def chosen_back_ends() -> Sequence[str]:
    """Return those to test with."""
    chosen = os.environ.get(CHOSEN)
    assert chosen in {None, "", *BACK_ENDS}, f"{CHOSEN} is one of {BACK_ENDS}"
    return (chosen,) if chosen else BACK_ENDS
