"""esb app owner, esb app callback: who answers for an app, and where it is called back."""

import click

from esb.cli.options import config_option
from esb.cli.registry_access import write


@click.group(short_help="Owners of an app.")
def owner() -> None:
    """Say who answers for an app."""


@owner.command("add", short_help="Let somebody own an app.")
@config_option
@click.argument("code")
@click.argument("username")
def add_owner(path: str, code: str, username: str) -> None:
    """Let USERNAME answer for the app."""
    changed = write(path, lambda writer: writer.owners.add(code, username))
    click.echo(f"{username} owns {code}{'' if changed else ' already'}")


@owner.command("remove", short_help="Take an owner away from an app.")
@config_option
@click.argument("code")
@click.argument("username")
def remove_owner(path: str, code: str, username: str) -> None:
    """Let USERNAME no longer answer for the app."""
    write(path, lambda writer: writer.owners.remove(code, username))
    click.echo(f"{username} no longer owns {code}")


@click.group(short_help="Callbacks of an app.")
def callback() -> None:
    """Name the addresses at which an app wants to be called back. A call names one, and never an address."""


@callback.command("add", short_help="Give an app a callback.")
@config_option
@click.argument("code")
@click.argument("name")
@click.argument("url")
def add_callback(path: str, code: str, name: str, url: str) -> None:
    """Give the app the callback NAME, at URL; one of this name gets the new address."""
    changed = write(path, lambda writer: writer.callbacks.add(code, name, url))
    click.echo(f"{code} has the callback {name}{'' if changed else ' already'}")


@callback.command("remove", short_help="Take a callback away from an app.")
@config_option
@click.argument("code")
@click.argument("name")
def remove_callback(path: str, code: str, name: str) -> None:
    """Take the callback NAME away from the app."""
    write(path, lambda writer: writer.callbacks.remove(code, name))
    click.echo(f"{code} no longer has the callback {name}")


@callback.command("resume", short_help="Switch a callback on again.")
@config_option
@click.argument("code")
@click.argument("name")
def resume_callback(path: str, code: str, name: str) -> None:
    """Call the callback NAME of the app again, whose receiver had said that it is gone (410).

    The app may stand in esb.yaml.
    """
    write(path, lambda writer: writer.callbacks.resume(code, name))
    click.echo(f"the callback {name} of {code} is called again")
