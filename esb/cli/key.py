"""esb key: keys by which a database or a store encrypts."""

import secrets
from base64 import urlsafe_b64encode

import click

KEY_BYTES = 32


@click.group(short_help="Keys for encryption.")
def key() -> None:
    """Make keys for services.database and services.store."""


@key.command(short_help="Print a new key.")
def new() -> None:
    """Print a new key for `encryption_keys`. It is nowhere else: keep it apart from the backups of the database."""
    click.echo(urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode())
