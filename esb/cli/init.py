"""esb init: a gateway of one's own, which runs as it is."""

import json
import secrets
from pathlib import Path

import click

from esb.cli.scaffold import SENDERS, rendered, write
from esb.config import load
from esb.gateway.extras import is_installed
from esb.introspect.yaml_schema import schema_of_esb_yaml

CONFIG = "esb.yaml"
TEMPLATES = {
    "components/cmsi_send_weixin.yaml": "send_weixin.yaml.txt",
    "tests/test_cmsi_send_weixin.py": "test_send_weixin.py.txt",
    "pyproject.toml": "pyproject.toml.txt",
}
"""Path of a file beside esb.yaml -> the template that it is made from."""
COMPONENTS = {f"components/cmsi_{name}.yaml": f"{name}.yaml.txt" for name in SENDERS}
"""The components, likewise, each in a file of its own."""
WORDS = {"app": "my_app", "variable": "MY_APP_SECRET", "sandbox_port": "8089"}
SECRET_BYTES = 24
NEXT = ("esb check", "esb demo", "pytest", "esb serve")
DEV = "esb dev"
DEV_NEEDS = {"jinja2": "portal", "watchfiles": "watch"}
"""Module with which `esb dev` has pages, or runs -> the extra that installs it."""


@click.command(short_help="Write a gateway that runs: esb.yaml and its folders.")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Write a gateway that runs as it is, and sends to a sandbox, into DIR or here.

    esb.yaml has one app, whose secret is drawn for it, and esb.schema.json lets editors complete it. Beside them:
    components/, plugins/, tests/ and pyproject.toml. Nothing is overwritten: where an esb.yaml is, nothing is written,
    and what else is there stays as it is.
    """
    words = {**WORDS, "secret": secrets.token_urlsafe(SECRET_BYTES)}
    schema = schema_of_esb_yaml(load(folder / CONFIG))
    made = {
        folder / CONFIG: rendered("esb.yaml.txt", words),
        folder / "esb.schema.json": f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n",
        **{folder / name: rendered(template, {}) for name, template in TEMPLATES.items()},
        folder / "plugins" / "__init__.py": "",
        **{folder / name: rendered(template, {}) for name, template in COMPONENTS.items()},
    }
    kept = [file for file in made if file.exists() and file != folder / CONFIG]
    written = {file: text for file, text in made.items() if file not in kept}
    write(written)
    click.echo("\n".join(map(str, written)))
    for file in kept:
        click.echo(f"{file} was there already and stays as it is")
    enter = () if folder.resolve() == Path.cwd() else (f"cd {folder}",)
    click.echo("\n  ".join(("\ntype next:", *enter, *NEXT)))
    click.echo(f"\nor see it in the browser, and reload after every edit:\n  {_dev()}")
    click.echo("\nand write a component: esb new component demo hello")


def _dev() -> str:
    """Return the line to type for pages in the browser; in a comment of the shell, what it needs before."""
    lacking = [extra for module, extra in DEV_NEEDS.items() if not is_installed(module)]
    return f"{DEV}  # after pip install 'esb-gateway[{','.join(lacking)}]'" if lacking else DEV
