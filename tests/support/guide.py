"""Guides of the docs that tell what to type: it is typed, in its order, and answers as it is shown."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.documentation import Block
from tests.support.ports import free_port
from tests.support.processes.command_line import Running, environment, run, running, until
from tests.support.processes.deployment import ADMIN_TOKEN, TOKENS

TRIES = 40
"""The most often that such a one is typed."""
INSTALLS = "pip install "
CHANGING = [
    (re.compile(r"\b[0-9a-f]{48}\b"), "SECRET"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\bcli:\w+"), "cli:NAME"),
    (re.compile(r'"(since|until|reason)": ("[^"]*"|null)'), r'"\1": …'),
    (re.compile(r"-{2,}|  +"), " "),
]
"""Pattern -> what stands for it: what is another at each time."""
EXPORTED = {"ESB_APP_CODE", "ESB_APP_SECRET", "ESB_USERNAME", "soon", "id", "credentials"}
"""Variables that last from one line to the next."""
SHOWN_SECRET = "d3b7f3a4c9b1f0e2a6d8c5b49718e6f0a1c2d3e4f5061728"
"""That of the page."""


class Shell:
    """A shell in the folder of a gateway, where `esb serve` runs on until it is stopped."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        self.folder = folder
        self.ports = {"8080": str(free_port()), "8089": "0", "9090": str(free_port())}
        self.environ = {"ESB_ADMIN_TOKEN": ADMIN_TOKEN}
        self._servers = servers
        self._gateway: Running | None = None

    def write(self, text: str) -> None:
        """Write a file, named by the first line, or change the keys in esb.yaml."""
        config = self.folder / "esb.yaml"
        if text.startswith("encryption_keys:"):
            config.write_text(re.sub(r"encryption_keys: .*\n", text, config.read_text()))
        elif found := re.match(r"# (\S+\.yaml)\n", text):
            text = text.replace("postgresql://esb:${PGPASSWORD}@db.example.com/esb?tls=verify", "sqlite:///new.db")
            text = text.replace("{port: 9090}", f"{{port: 9090{TOKENS}}}")
            (self.folder / found[1]).write_text(self._on_our_ports(text))

    def type(self, command: str) -> tuple[int, str]:
        """Return the exit code of a command, and what it printed."""
        command = self._on_our_ports(command)
        if command in {"esb serve", "systemctl start esb"}:
            self._gateway = self._servers.enter_context(running("serve", log=self.folder / "log", folder=self.folder))
            return 0, ""
        if command == "systemctl stop esb":
            assert self._gateway is not None
            self._gateway.stop()
            return self._gateway.wait(), ""
        if command.startswith("esb ") and not re.search(r"[|<>$;]", command):
            done = run(*shlex.split(command)[1:], folder=self.folder, **self.environ)
            return done.code, done.stdout + done.stderr
        script = f"set -o pipefail -a\n{command}\ncode=$?\nenv -0 > environ\nexit $code\n"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        shell = subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self.folder,
            env=environment(**{**self.environ, "PATH": path}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        pairs = (self.folder / "environ").read_text().split("\0")
        self.environ |= {name: value for name, _, value in (pair.partition("=") for pair in pairs) if name in EXPORTED}
        return shell.returncode, shell.stdout + shell.stderr

    def reload(self) -> None:
        """Let the gateway read its configuration again, and wait until it has."""
        assert self._gateway is not None
        self._gateway.stop(signal.SIGHUP)
        until(lambda: '"event":"reloaded"' in (self.folder / "log").read_text())

    def _on_our_ports(self, text: str) -> str:
        return re.sub("|".join(self.ports), lambda found: self.ports[found[0]], text)


def steady(text: str) -> list[str]:
    """The lines of what was printed, but for what is another each time."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.splitlines()]


def typed(block: Block) -> Iterator[tuple[str, str | None]]:
    """The commands of a block, each with what it prints if that is shown."""
    if block.language == "bash":
        yield from ((line, None) for line in block.text.splitlines() if not line.startswith(INSTALLS))
        return
    for part in block.text.removeprefix("$ ").split("\n$ "):
        command, _, shown = part.partition("\n")
        yield command, shown


def fits(command: str, shown: str | None, code: int, printed: str, later: Sequence[str]) -> bool:
    """Return True if a command has answered as the page shows, or has succeeded if it shows nothing."""
    if shown is None:
        return code == 0
    if command.startswith(tuple(later)):  # what it lists may have grown meanwhile
        return set(steady(shown)) <= set(steady(printed))
    return sorted(steady(shown)) == sorted(steady(printed))


def follow(shell: Shell, guide: Sequence[Block], later: Sequence[str], secret_of: str = "") -> None:
    """Type what these blocks tell to type, and write what they show.

    `later`: beginnings of commands about what comes a moment after the command before; they are typed again and again.
    `secret_of`: the beginning of the command that prints a secret, which later ones use.
    """
    secret = ""
    for block in guide:
        if block.language == "yaml":
            shell.write(block.text)
            continue
        for command, shown in typed(block):
            for _ in range(TRIES if command.startswith(tuple(later)) else 1):
                code, printed = shell.type(command.replace(SHOWN_SECRET, secret))
                if fits(command, shown, code, printed, later):
                    break
            else:
                pytest.fail(f"{block.place}: {command}\n{printed}")
            if secret_of and command.startswith(secret_of):
                secret = printed.split()[0]
