"""The command line: each command is in a file of its own, which is imported when that command is asked for."""

import os
import sys
from importlib import import_module
from typing import Any

import click

from esb._version import __version__

GUIDE = (
    "Start with `esb demo`: it shows one call from end to end. `esb init` writes a gateway of your own. "
    "`esb COMMAND -h` tells more about a command."
)

COMMANDS = {
    "admin": "esb.cli.admin:admin",
    "app": "esb.cli.app:app",
    "apply": "esb.cli.apply:apply",
    "call": "esb.cli.call:call",
    "check": "esb.cli.check:check",
    "components": "esb.cli.check:components",
    "config": "esb.cli.config:config",
    "db": "esb.cli.db:db",
    "deliver": "esb.cli.deliver:deliver",
    "delivery": "esb.cli.delivery:delivery",
    "demo": "esb.cli.demo:demo",
    "dev": "esb.cli.dev:dev",
    "diff": "esb.cli.config:diff",
    "doctor": "esb.cli.doctor:doctor",
    "docs": "esb.cli.describe:docs",
    "explain": "esb.cli.explain:explain",
    "grant": "esb.cli.rights:grant",
    "history": "esb.cli.history:history",
    "impersonation": "esb.cli.rights:impersonation",
    "init": "esb.cli.init:init",
    "import": "esb.cli.import_:import_",
    "key": "esb.cli.key:key",
    "new": "esb.cli.new:new",
    "openapi": "esb.cli.describe:openapi",
    "plugins": "esb.cli.plugins:plugins",
    "sandbox": "esb.cli.demo:sandbox",
    "schema": "esb.cli.describe:schema",
    "serve": "esb.cli.serve:serve",
}
"""Name of a command -> its module and function."""


class Commands(click.Group):
    """A group that imports the file of a command when it is asked for: `serve` need not wait for the others' libraries.

    Bench: cold.py.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS and name not in self.commands:
            module, _, attribute = COMMANDS[name].partition(":")
            self.add_command(getattr(import_module(module), attribute))
        return super().get_command(context, name)

    def invoke(self, context: click.Context) -> Any:
        """Run a command. A file or folder that it cannot use is told in a line; other errors are bugs."""
        try:
            return super().invoke(context)
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=GUIDE)
@click.version_option(__version__, prog_name="esb")
def main() -> None:
    """An aiohttp gateway for an enterprise service bus.

    One endpoint, /api/c/compapi/{system}/{component}/, for components that a YAML file declares.
    """
    _open_streams()


def _open_streams() -> None:
    """Open stdin, stdout and stderr if the process started without: a caller's connection would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 - to the end of the process
            os.set_inheritable(stream.fileno(), True)  # by workers
            setattr(sys, name, stream)
