"""esb doctor: a live preflight of all that the configuration names, with the cause and the fix of what is wrong."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

import click

from esb.cli.listing import format_option, show
from esb.cli.options import config_option
from esb.cli.standalone import standalone_config
from esb.config import Config, ConfigSource
from esb.config.yaml import did_you_mean
from esb.core.errors import ConfigError
from esb.introspect.doctor import Examined, examine

COLUMNS = ("subject", "id", "result", "cause", "fix")


@click.command(short_help="Ask everything the configuration names whether it is well.")
@config_option
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("--send-to", default="", metavar="USER", help="Send a test message to this user by every channel.")
@format_option
def doctor(path: str, components: tuple[str, ...], send_to: str, form: str) -> None:
    """Ask everything that the configuration names whether it is well: hosts, certificates, credentials, templates,
    quotas, mail server, Redis, database, login, directory, and this machine.

    COMPONENT is a name such as cmsi.send_weixin, or a path; left out, all are examined, with services and process.
    Nothing is sent to anybody without --send-to. It works beside a running gateway and without one, and takes ten
    seconds at most. Exit code 0, or 1 if a check fails or the configuration is wrong.
    """
    try:
        done = asyncio.run(_examine(ConfigSource(path), components, send_to))
    except ConfigError as error:
        click.echo(str(error), err=form == "json")
        sys.exit(1)
    if form == "json":
        show([asdict(each) for each in done], COLUMNS, form)
    else:
        _print(done)
    sys.exit(1 if any(each.result == "fail" for each in done) else 0)


async def _examine(source: ConfigSource, components: Sequence[str], send_to: str) -> list[Examined]:
    async with standalone_config(source) as config:
        return await _named(config, components, send_to)


async def _named(config: Config, components: Sequence[str], send_to: str) -> list[Examined]:
    try:
        return await examine(config, components, send_to)
    except LookupError as error:
        wanted = str(error.args[0])
        hint = did_you_mean(wanted, (stanza.name for stanza in config.components)) or "; `esb components` lists them"
        raise click.BadParameter(f"no component {wanted!r}{hint}", param_hint="COMPONENT") from error


def _print(done: Sequence[Examined]) -> None:
    for (subject, place), checks in groupby(done, lambda each: (each.subject, each.place)):
        click.echo(f"{subject}  {place}".rstrip())
        for cause, some in groupby(checks, lambda each: each.cause if each.result == "skipped" else each):
            same = [*some]
            if len(same) > 1:  # what was not tried, for one reason
                click.echo(f"  {'skipped':<8}{', '.join(each.id for each in same)}: {cause}")
            else:
                _print_one(same[0])
    results = Counter(each.result for each in done)
    click.echo(", ".join(f"{results[result]} {result}" for result in ("ok", "warn", "fail", "skipped")))


def _print_one(each: Examined) -> None:
    cause = f": {each.cause}" if each.cause else ""
    click.echo(f"  {each.result:<8}{each.id:<15} {each.what}{cause} ({each.milliseconds} ms)")
    if each.fix:
        click.echo(f"{'':26}fix: {each.fix}")
