"""esb admin: what those who run the gateway need for its admin listener."""

import hashlib
import json
import secrets

import click

TOKEN_BYTES = 32


@click.group(short_help="Tokens of the admin listener.")
def admin() -> None:
    """Prepare access to the admin listener."""


@admin.command(short_help="Make a token of the admin listener.")
@click.argument("name")
def token(name: str) -> None:
    """Make a token for NAME, and print it and the line by which esb.yaml knows it.

    The token is printed this once and is nowhere else; esb.yaml has its digest.
    """
    made = secrets.token_urlsafe(TOKEN_BYTES)
    digest = hashlib.sha256(made.encode()).hexdigest()
    click.echo(made)
    click.echo(f'- {{name: {json.dumps(name, ensure_ascii=False)}, digest: "sha256:{digest}"}}')
    click.echo("The first line is the token, to keep; the second goes below server.admin.tokens in esb.yaml.", err=True)
