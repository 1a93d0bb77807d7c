"""A Python of its own, as the readers of the documentation start one."""

import subprocess
import sys
from pathlib import Path

from tests.support.processes.command_line import environment

Done = subprocess.CompletedProcess[str]
NOT_OURS = ("schemathesis", "hypothesispytest", "aiohttp", "anyio", "cacheprovider")
"""Plugins of pytest that are here for other reasons. They take longer than the tests."""


def python(*arguments: str, folder: Path, **more: str) -> Done:
    """`python ARGUMENTS` in this folder, to its end; `more` are environment variables."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def pytest_of(folder: Path, *arguments: str, **more: str) -> Done:
    """`pytest ARGUMENTS` in this folder, as whoever writes a plugin runs it."""
    without = [word for plugin in NOT_OURS for word in ("-p", f"no:{plugin}")]
    return python("-m", "pytest", *without, *arguments, folder=folder, **more)
