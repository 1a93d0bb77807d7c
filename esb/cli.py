"""The command line: serve, check, components, sandbox, demo."""

import os
import sys

import click

from esb import __version__, serving
from esb.app import create_app
from esb.config import Config, load
from esb.demo import demonstrate
from esb.errors import ConfigError

CONFIG_INVALID = 78
"""EX_CONFIG of sysexits.h: a supervisor should not try again."""

PORT = click.IntRange(0, 65535)

config_option = click.option(
    "-c",
    "--config",
    "path",
    envvar="ESB_CONFIG",
    default="conf/esb.yaml",
    show_default=True,
    metavar="FILE",
    help="The configuration; also ESB_CONFIG.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="esb")
def main() -> None:
    """An aiohttp gateway for an enterprise service bus."""


@main.command()
@config_option
@click.option("--host", help="Listen here instead of server.host.")
@click.option("--port", type=PORT, help="Listen here instead of server.port; 0 is any free port.")
def serve(path: str, host: str | None, port: int | None) -> None:
    """Serve until TERM or INT, then finish the calls in flight."""
    try:
        serving.run(serving.serve(path, os.environ, host, port))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error.strerror or error}") from error


@main.command()
@config_option
def check(path: str) -> None:
    """Build everything, open nothing, and print all mistakes."""
    config = _checked(path)
    click.echo(f"ok: {len(config.components)} components")


@main.command()
@config_option
def components(path: str) -> None:
    """The declared components: path, methods, plugin, active."""
    config = _checked(path)
    rows = [("PATH", "METHODS", "PLUGIN", "ACTIVE")]
    for stanza in config.components:
        for address in (stanza.path, *stanza.aliases):
            rows.append((address, ",".join(stanza.methods), stanza.use, "yes" if stanza.active else "no"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@main.command()
@click.option("--port", type=PORT, default=8089, show_default=True, help="Listen here; 0 is any free port.")
def sandbox(port: int) -> None:
    """A WeChat of your own: official account, WeCom and group robots, for tests."""
    try:
        serving.run(serving.serve_sandbox(port))
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error.strerror or error}") from error


@main.command()
@config_option
def demo(path: str) -> None:
    """Send the documented example through a gateway of its own, and show what arrived."""
    try:
        arrived = serving.run(demonstrate(path, os.environ))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIG_INVALID)
    sys.exit(0 if arrived else 1)


def _checked(path: str) -> Config:
    config = load(path)
    try:
        create_app(config)
    except ConfigError as error:
        click.echo(str(error))
        sys.exit(1)
    return config
