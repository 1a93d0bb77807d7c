"""esb demo, esb sandbox: the gateway and WeChat on one machine, to look at and to try things on."""

import os

import click

from esb.cli.demo_run import LeavesTheMachine, demonstrate
from esb.cli.options import CONFIG_INVALID, PORT, exit_at_mistakes
from esb.cli.packaged import config_or_packaged_option, or_packaged
from esb.server import serve
from esb.server.listener import CannotListen


@click.command(short_help="Send one message and show it arrive.")
@config_or_packaged_option
def demo(path: str | None) -> None:
    """Send the documented example through a gateway and a WeChat sandbox of its own, and show what arrived.

    Exit code 0 only if the message arrived.
    """
    try:
        with exit_at_mistakes(CONFIG_INVALID), or_packaged(path) as config:
            arrived = serve.run(demonstrate(config, os.environ))
    except (CannotListen, LeavesTheMachine) as error:
        raise click.ClickException(str(error)) from error
    if not arrived:
        raise click.ClickException("the message did not arrive")


@click.command(short_help="Serve a WeChat of your own, for tests.")
@click.option(
    "--port", type=PORT, metavar="PORT", default=8089, show_default=True, help="Listen here; 0 is any free port."
)
def sandbox(port: int) -> None:
    """Serve a WeChat of your own until TERM or INT: official account, WeCom and group robots, for tests.

    When ready, one line on stdout says where: listening on http://127.0.0.1:PORT.
    """
    try:
        serve.run(serve.serve_sandbox(port))
    except CannotListen as error:
        raise click.ClickException(str(error)) from error
