"""esb demo, esb sandbox: the gateway and the platforms on one machine, to look at and to try things on."""

import os
import sys

import click

from esb.cli.demo_run import LeavesTheMachine, demonstrate
from esb.cli.options import CONFIG_INVALID, PORT, exit_at_mistakes
from esb.cli.packaged import config_or_packaged_option, or_packaged
from esb.cli.pages import inbox_line
from esb.config import Sandbox, SandboxAddress
from esb.server import serve
from esb.server.listener import CannotListen
from esb.server.sandbox import NO_MAILS, mail_side


@click.command(short_help="Send one message and show it arrive.")
@config_or_packaged_option
@click.option("--portal", is_flag=True, help="Keep gateway, sandbox and their pages open until TERM or INT.")
def demo(path: str | None, portal: bool) -> None:
    """Send the documented example through a gateway and a sandbox of its own, and show what arrived.

    Exit code 0 only if the message arrived.
    """
    try:
        with exit_at_mistakes(CONFIG_INVALID), or_packaged(path) as config:
            arrived = serve.run(demonstrate(config, os.environ, stay=portal))
    except (CannotListen, LeavesTheMachine) as error:
        raise click.ClickException(str(error)) from error
    if not arrived:
        raise click.ClickException("the message did not arrive")


@click.command(short_help="Serve WeChat and others of your own, for tests.")
@click.option(
    "--port", type=PORT, metavar="PORT", default=8089, show_default=True, help="Listen here; 0 is any free port."
)
@click.option("--smtp-port", type=PORT, metavar="PORT", help="Take mails here; 0 is any free port.  [default: nowhere]")
def sandbox(port: int, smtp_port: int | None) -> None:
    """Serve platforms of your own until TERM or INT, for tests: WeChat, text messages, calls, and mail.

    That is official account, WeCom and group robots, and Tencent Cloud's SMS and voice, all on one port; mails come on
    another (extra `portal`). What arrived is shown at /_sandbox/inbox.

    When ready, one line on stdout says where: listening on http://127.0.0.1:PORT.
    """

    if smtp_port is not None and mail_side() is None:
        raise click.ClickException(NO_MAILS)

    def ready(address: SandboxAddress) -> None:
        if sys.stderr.isatty():
            click.echo(inbox_line(address.url), err=True)
        if address.smtp_port is not None:
            click.echo(f"mails are taken at 127.0.0.1:{address.smtp_port}", err=True)

    try:
        serve.run(serve.serve_sandbox(Sandbox(port=port, smtp_port=smtp_port), ready))
    except CannotListen as error:
        raise click.ClickException(str(error)) from error
