"""esb new component: a plugin, its stanza and its test, which work as they are."""

import keyword
import re
from pathlib import Path

import click

from esb.cli.options import config_option
from esb.cli.scaffold import rendered, write
from esb.config import Config, load

WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
VERSION = re.compile(r"v[0-9]+")
TEMPLATES = {
    "plugins/{module}.py": "component.py.txt",
    "components/{module}.yaml": "component.yaml.txt",
    "tests/test_{module}.py": "test_component.py.txt",
}
"""Path of a new file beside esb.yaml -> the template that it is made from."""
INCLUDED = "components/*.yaml"


def _word(context: click.Context, param: click.Parameter, value: str) -> str:
    """Return the value, if it does for a path, a file and a class; BadParameter otherwise."""
    if not WORD.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no name: small letters, digits and _, such as get_user")
    return value


@click.group(short_help="Write the files of something new.")
def new() -> None:
    """Write the files of something new."""


@new.command(short_help="A plugin, its stanza and its test.")
@config_option
@click.argument("system", callback=_word)
@click.argument("name", callback=_word)
def component(path: str, system: str, name: str) -> None:
    """Write a component that works, to be changed into yours: /api/c/compapi/SYSTEM/NAME/.

    Beside esb.yaml: plugins/SYSTEM_NAME.py, components/SYSTEM_NAME.yaml and tests/test_SYSTEM_NAME.py, which passes.
    Nothing is overwritten.
    """
    if VERSION.fullmatch(system):
        raise click.BadParameter(f"{system!r} at the head of a path is a version, not a system", param_hint="SYSTEM")
    config = _config(path)
    _check_path_is_free(config, f"/{system}/{name}/")
    written = _write(Path(path).parent, system, name)
    click.echo("\n".join(str(file) for file in written))
    if not _is_included(load(path), written[1]):
        click.echo(f"\nadd this line to {path}:\n{_include_line(config)}")
    click.echo(f"\nrun its test: pytest {written[-1]}")


def _config(path: str) -> Config:
    if not Path(path).is_file():
        raise click.BadParameter(f"there is no file {path}", param_hint="-c")
    return load(path)


def _check_path_is_free(config: Config, path: str) -> None:
    for stanza in config.components:
        if path in (stanza.path, *stanza.aliases):
            raise click.ClickException(f"{stanza.section.file}:{stanza.section.line} declares {path} already")


def _write(folder: Path, system: str, name: str) -> list[Path]:
    module = f"{system}_{name}"
    words = {
        "system": system,
        "name": name,
        "module": module,
        "class_name": _class_name(name),
        "variable": module.upper(),
    }
    made = {folder / place.format(module=module): rendered(template, words) for place, template in TEMPLATES.items()}
    write(made)
    return list(made)


def _class_name(name: str) -> str:
    """Return the name in CamelCase; with a suffix if the plugin's file means something else by that word."""
    camel = "".join(word.capitalize() for word in name.split("_"))
    words = set(re.findall(r"\w+", rendered("component.py.txt", dict.fromkeys(_PLACES, ""))))
    taken = camel in words or f"{camel}Params" in words or keyword.iskeyword(camel)
    return f"{camel}Component" if taken else camel


_PLACES = ("system", "name", "module", "class_name", "variable")


def _is_included(config: Config, file: Path) -> bool:
    return file.resolve() in {read.resolve() for read in config.files}


def _include_line(config: Config) -> str:
    """Return the line `include: …` with the patterns that stand there already and the one that is missing."""
    include = config.root.children.get("include") if config.root is not None else None
    patterns = list(include.value or ()) if include is not None and not include.unresolved else []
    return f"include: [{', '.join([*map(str, patterns), INCLUDED])}]"
