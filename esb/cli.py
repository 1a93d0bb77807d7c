"""The command line: serve, check, components, sandbox, demo."""

import os
import sys
from importlib import import_module

import click

from esb import __version__, serving
from esb.app import create_app
from esb.commands.options import CONFIG_INVALID, PORT, config_option, host_option, port_option
from esb.config import Config, load
from esb.demo import demonstrate
from esb.errors import ConfigError
from esb.serving import CannotListen

GUIDE = "Start with `esb demo`: it shows one call from end to end. `esb COMMAND -h` tells more about a command."

IN_FILES = {
    "call": "esb.commands.call:call",
    "dev": "esb.commands.dev:dev",
    "docs": "esb.commands.describe:docs",
    "import": "esb.importing:import_",
    "new": "esb.commands.new:new",
    "openapi": "esb.commands.describe:openapi",
    "schema": "esb.commands.describe:schema",
}
"""Commands in files of their own."""


class Commands(click.Group):
    """Imports a file of a command when that is asked for: whoever serves need not wait for what others need."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *IN_FILES})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in IN_FILES and name not in self.commands:
            module, _, attribute = IN_FILES[name].partition(":")
            self.add_command(getattr(import_module(module), attribute))
        return super().get_command(context, name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=GUIDE)
@click.version_option(__version__, prog_name="esb")
def main() -> None:
    """An aiohttp gateway for an enterprise service bus.

    One endpoint, /api/c/compapi/{system}/{component}/, for components that a YAML file declares.
    """


@main.command(short_help="Serve the gateway until TERM or INT.")
@config_option
@host_option
@port_option
def serve(path: str, host: str | None, port: int | None) -> None:
    """Serve the gateway until TERM or INT, then finish the calls in flight. HUP reads the configuration again.

    When ready, one line on stdout says where: listening on http://HOST:PORT. The log goes to stderr, as JSON lines
    with ESB_LOG=json. Exit code 0 after TERM or INT, 1 if the address is taken, 78 if the configuration is wrong.
    """
    serve = serving.serve
    if load(path).server.workers > 1:
        from esb.workers.deployment import supervised as serve
    try:
        serving.run(serve(path, os.environ, host, port))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error


@main.command(short_help="Find every mistake in the configuration.")
@config_option
def check(path: str) -> None:
    """Build everything the configuration describes, open nothing, and print every mistake.

    Exit code 0 if there is none, 1 otherwise.
    """
    try:
        config = _built(path)
    except ConfigError as error:
        click.echo(str(error))
        sys.exit(1)
    click.echo(f"ok: {len(config.components)} components")


@main.command(short_help="List the declared components.")
@config_option
def components(path: str) -> None:
    """List the declared components: path, methods, plugin, and whether they are switched on. Aliases have lines too."""
    try:
        config = _built(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    rows = [("PATH", "METHODS", "PLUGIN", "ACTIVE")]
    for stanza in config.components:
        for address in (stanza.path, *stanza.aliases):
            rows.append((address, ",".join(stanza.methods), stanza.use, "yes" if stanza.active else "no"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@main.command(short_help="Serve a WeChat of your own, for tests.")
@click.option(
    "--port", type=PORT, metavar="PORT", default=8089, show_default=True, help="Listen here; 0 is any free port."
)
def sandbox(port: int) -> None:
    """Serve a WeChat of your own until TERM or INT: official account, WeCom and group robots, for tests.

    When ready, one line on stdout says where: listening on http://127.0.0.1:PORT.
    """
    try:
        serving.run(serving.serve_sandbox(port))
    except CannotListen as error:
        raise click.ClickException(str(error)) from error


@main.command(short_help="Send one message and show it arrive.")
@config_option
def demo(path: str) -> None:
    """Send the documented example through a gateway and a WeChat sandbox of its own, and show what arrived.

    Exit code 0 only if the message arrived.
    """
    try:
        arrived = serving.run(demonstrate(path, os.environ))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except CannotListen as error:
        raise click.ClickException(str(error)) from error
    if not arrived:
        raise click.ClickException("the message did not arrive")


def _built(path: str) -> Config:
    """The configuration, once all that it describes could be built. ConfigError with every mistake."""
    config = load(path)
    create_app(config)
    return config
