"""esb app secret: the secrets of an app, several at once while one is replaced."""

import sys
from typing import TYPE_CHECKING, Any

import click

from esb.cli.options import config_option
from esb.cli.registry_access import moment_option, write
from esb.database.writer import new_secret

if TYPE_CHECKING:
    from esb.database.registry import Write

stdin_option = click.option(
    "--stdin", "from_stdin", is_flag=True, help="Take the secret from standard input: one that callers have already."
)


@click.group(short_help="Secrets of an app.")
def secret() -> None:
    """Add secrets to an app, and let them end. `esb app show CODE` numbers them."""


@secret.command(short_help="Give an app one secret more, and print it this once.")
@config_option
@click.argument("code")
@moment_option("--until", "When the new one ends: a time, a date, or 90d.")
@moment_option("--retire-old-in", "When all others end, unless they end before: 7d, 0s, a time or a date.", past=True)
@stdin_option
def add(path: str, code: str, until: int | None, retire_old_in: int | None, from_stdin: bool) -> None:
    """Give an app one secret more, and print it on stdout: it can never be shown again.

    To replace a secret without a refused call, let the old ones go on for a while: `--retire-old-in 7d`.
    """
    text = given_or_new(from_stdin)
    write(path, lambda writer: writer.secrets.add(code, text, until=until, retire_old=retire_old_in))
    if from_stdin:
        click.echo(f"{code} has the secret")
    else:
        click.echo(text)


@secret.command(short_help="Let a secret of an app end.")
@config_option
@click.argument("code")
@click.argument("number", type=int)
@moment_option("--at", "When: a time, a date, or 7d.  [default: now]", past=True)
def retire(path: str, code: str, number: int, at: int | None) -> None:
    """Let the secret of this NUMBER end, now or later. It stays in `esb app show`, with its end."""

    async def writing(writer: "Write") -> bool:
        return await writer.secrets.retire(code, number, at)

    changed = write(path, writing)
    click.echo(f"secret {number} of {code} has its end" if changed else f"secret {number} of {code} ends so already")


def given_or_new(from_stdin: bool) -> str:
    """Return the secret that stands on standard input, without its line end; or a new one."""
    if not from_stdin:
        return new_secret()
    if sys.stdin.isatty():
        typed: Any = click.prompt("secret", hide_input=True, err=True)
        return str(typed)
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")
