"""Jobs: the tests of a module are run while one bug is in it, each time in a process that is forked for it.

A busy machine makes no difference: a test that fails has to fail twice, and a job has far more time than it needs.

The process that forks has imported pytest and what the gateway needs, but nothing of the gateway. The bug is in a copy
of the repository, so that the processes which a test starts have it, too.
"""

import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn, TypeVar

import pytest

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info", "build", "dist")
IMPORTED = (
    *("aiohttp.web", "aiosmtplib", "aiosmtpd.controller", "cachetools", "click", "cryptography.x509", "httptools"),
    *("jwt", "multipart", "orjson", "prometheus_client", "pydantic", "redis.asyncio"),
    *("aioresponses", "jinja2", "structlog", "uvloop", "yaml"),
    *("aiosqlite", "alembic.migration", "alembic.script", "asyncmy", "asyncpg", "sqlalchemy.ext.asyncio"),
)
MEMORY = 4 * 2**30
"""The bytes that a job may use: a bug may be one that never stops collecting."""
HANGING = 60
"""The seconds for one test, on a machine that has other work as well."""
PAUSE = 0.02
"""The seconds between two looks at the processes."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file of the repository, the source it is given, and the tests to run; `seconds`: the most they may take.

    `first`: those among the tests that are likely to notice, run before the others are even collected.
    """

    file: str
    source: str
    tests: tuple[str, ...]
    seconds: float
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a job. `noticed`: a test failed, or there was no end in time. `output`: what pytest printed."""

    noticed: bool
    seconds: float
    output: str


J = TypeVar("J", bound=Job)


def outcomes(root: Path, jobs: Iterable[J], workers: int) -> Iterator[tuple[J, Outcome]]:
    """Run these jobs, so many at a time, and yield each as it ends."""
    for name in IMPORTED:
        with suppress(ImportError):  # some are not for every Python
            import_module(name)
    waiting = iter(jobs)
    with TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        places = [Place(root, Path(folder) / str(number)) for number in range(workers)]
        for place in places:
            stack.callback(place.close)
        running: dict[Place, J] = {}
        while True:
            for place in places:
                if place in running and (outcome := place.ended()) is not None:
                    yield running.pop(place), outcome
                if place not in running and (following := next(waiting, None)) is not None:
                    place.begin(following)
                    running[place] = following
            if not running:
                return
            time.sleep(PAUSE)


class Place:
    """A copy of the repository in which one job runs at a time."""

    _stamp = 1_000_000_000
    """The time of the last change. Each is another second, or Python would run what it compiled of a former bug."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._tree = folder / "tree"
        self._output = folder / "output"
        shutil.copytree(root, self._tree, ignore=NOT_COPIED)
        self._job: Job | None = None
        self._process = 0
        self._began = 0.0

    def begin(self, job: Job) -> None:
        """Fork a process that runs these tests while the file has this source."""
        self._write(job.file, job.source.encode())
        self._job = job
        self._began = time.monotonic()
        self._process = os.fork()
        if self._process == 0:
            _run(self._root, self._tree, self._output, job)

    def ended(self) -> Outcome | None:
        """Return how the job ended; None while it runs. It is ended when its time is over."""
        assert self._job is not None
        process, status = os.waitpid(self._process, os.WNOHANG)
        seconds = time.monotonic() - self._began
        if process == 0 and seconds < self._job.seconds:
            return None
        self._kill()
        if process == 0:
            _, status = os.waitpid(self._process, 0)
        self._write(self._job.file, (self._root / self._job.file).read_bytes())
        self._job = None
        return Outcome(status != 0, seconds, self._output.read_text(errors="replace"))

    def close(self) -> None:
        """End the job that runs."""
        if self._job is not None:
            self._kill()
            os.waitpid(self._process, 0)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)  # and what the tests have started and left

    def _write(self, file: str, content: bytes) -> None:
        type(self)._stamp += 1
        (self._tree / file).write_bytes(content)
        os.utime(self._tree / file, (self._stamp, self._stamp))


def _run(root: Path, tree: Path, output: Path, job: Job) -> NoReturn:
    """Be the process of a job: run its tests, and end with status 0 if all of them pass."""
    status = 3
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(sink, stream)
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False
        for name in [name for name in sys.modules if name.partition(".")[0] in {"esb", "tests"}]:
            del sys.modules[name]
        sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in {"", str(root)})]
        status = (_status(job.first) if job.first else 0) or _status(job.tests)
    except BaseException:  # noqa: BLE001 - what is forked must not go on as the process that forked it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class _FirstFailure:
    """A plugin of pytest that notes the test that failed."""

    test: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.test is None:
            self.test = report.nodeid


def _status(tests: Sequence[str]) -> int:
    """Run these tests until one fails, twice; return 0 if none does."""
    unsteady: list[str] = []
    while True:
        failure = _FirstFailure()
        status = _pytest([failure], *(f"--deselect={test}" for test in unsteady), *tests)
        if status == 0 or failure.test is None:
            return status
        if (again := _pytest([], failure.test)) != 0:
            return again
        unsteady.append(failure.test)


def _pytest(plugins: list[object], *arguments: str) -> int:
    options = ("-x", "--no-header", "-p", "no:cacheprovider", f"--timeout={HANGING}")
    return int(pytest.main([*options, *arguments], plugins=plugins))
