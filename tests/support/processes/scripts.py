"""Scripts of the repository as processes of their own, several at once: most of their time they wait."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from tests.support.processes.command_line import environment

SECONDS = 170
"""The most that a script may take."""
K = TypeVar("K")
Script = subprocess.Popen[str]


@contextmanager
def all_at_once(commands: Mapping[K, Sequence[str]]) -> Iterator[dict[K, Script]]:
    """Each of these scripts, with its arguments, as it runs; killed at the end if it still does."""
    scripts = {
        key: subprocess.Popen(
            [sys.executable, *command], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for key, command in commands.items()
    }
    try:
        yield scripts
    finally:
        for script in scripts.values():
            script.kill()
            script.communicate()


def output(script: Script) -> str:
    """Return what the script prints until it ends; AssertionError unless it ends well."""
    printed, errors = script.communicate(timeout=SECONDS)
    assert script.returncode == 0, printed + errors
    return printed
