"""Distributions, built and installed by pip as everybody else does it, but without a network."""

from pathlib import Path

from tests.support.processes.interpreter import python
from tests.support.repository import ROOT


def pip(command: str, *arguments: str, folder: Path) -> None:
    """Run pip to a good end, without a network."""
    options = ["--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check", "--quiet"]
    done = python("-m", "pip", command, *options, *arguments, folder=folder, PYTHONWARNINGS="", PIP_CONSTRAINT="")
    assert done.returncode == 0, done.stderr


def install(source: Path, target: Path) -> str:
    """Install a distribution as pip does; return the import path."""
    pip("install", "--target", str(target), str(source), folder=source)
    return f"{target}:{ROOT}"
