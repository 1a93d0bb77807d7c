"""Files made from the templates of esb/cli/templates. None that is there is overwritten."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

import click

SENDERS = ("send_weixin", "send_mail", "send_sms", "send_voice_msg")
"""The components, without `cmsi_`, of a configuration that sends to the sandbox: each has a template."""


class _Template(Template):
    """A template whose variables begin with @, because ${…} means something else in esb.yaml."""

    delimiter = "@"


def rendered(template: str, words: Mapping[str, str]) -> str:
    """Return the text of a template with these words in the places of its variables."""
    text = files("esb.cli").joinpath("templates", template).read_text(encoding="utf-8")
    return _Template(text).substitute(words)


def write(made: Mapping[Path, str]) -> None:
    """Write these files, and the folders that they need. ClickException, and none written, if one is there already."""
    for file in made:
        if file.exists():
            raise click.ClickException(f"{file} is there already; nothing has been written")
    try:
        for file, text in made.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from error
