"""A configuration for whoever has none yet: `esb demo` and `esb dev` run in an empty folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from esb.cli.options import USUAL, config_from, usual
from esb.cli.scaffold import SENDERS, rendered, write

WORDS = {"app": "esb_demo", "variable": "ESB_DEMO_SECRET", "secret": "demo-secret", "sandbox_port": "0"}
"""The app of the documentation's examples, whose secret everybody knows. The sandbox is in nobody's way."""
FOR_NOW = f"there is no {USUAL[0]} here, so one of ours does for now; `esb init` writes one of yours"


@contextmanager
def or_packaged(path: str | None) -> Iterator[str]:
    """Yield this path; without one that of a configuration as `esb init` writes it, which goes away in the end.

    ClickException if it cannot be written.
    """
    if path is not None:
        yield path
        return
    click.echo(FOR_NOW, err=True)
    with _folder() as folder:
        config = folder / "esb.yaml"
        components = {folder / "components" / f"{name}.yaml": rendered(f"{name}.yaml.txt", {}) for name in SENDERS}
        write({config: rendered("esb.yaml.txt", WORDS), **components})
        yield str(config)


@contextmanager
def _folder() -> Iterator[Path]:
    try:
        folder = TemporaryDirectory(prefix="esb-")
    except OSError as error:
        raise click.ClickException(f"cannot write a configuration for now: {error.strerror}") from error
    with folder as path:
        yield Path(path)


def _found(context: click.Context, option: click.Parameter, path: str | None) -> str | None:
    return path or usual()


config_or_packaged_option = config_from(_found, f"{', else '.join(USUAL)}, else one of ours")
"""The option `-c` of commands that get None, for `or_packaged`, where no configuration is."""
