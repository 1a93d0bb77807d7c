"""esb new: a component, a middleware, a back end or a distribution, which work and are tested as they are."""

import keyword
import re
from collections.abc import Mapping
from pathlib import Path

import click

from esb._version import __version__
from esb.cli.options import config_option
from esb.cli.scaffold import rendered, write
from esb.config import Config, load

WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
VERSION = re.compile(r"v[0-9]+")
PACKAGE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
KINDS = {"query": "query.yaml.txt", "sender": "query.yaml.txt", "token": "token.yaml.txt"}
"""Kind of a component -> the template of its stanza; those of its plugin and of its test have its name."""
DEFAULT_SYSTEM = "demo"
IDENTITY_HEADERS = {
    "access_tokens": """{"X-Bkapi-Authorization": f'{{"access_token": "{TOKEN}"}}'}""",
    "jwt": """{"X-Bkapi-JWT": TOKEN, "X-Bkapi-Authorization": "{}"}""",
}
"""Key of `services` for tokens -> the headers by which a test sends one."""
SERVICES = {"apps": "apps", "login": "login", "users": "users", "access_tokens": "identity", "jwt": "identity"}
"""Key of `services` -> the template of a back end for it."""
SERVICE_CONFIG = {"apps": "{path: apps.json}"}
"""Key of `services` -> the config to begin with; of all others the URL of the system to ask."""
INCLUDED = "components/*.yaml"
CHAIN = """\
middlewares:
  - use: app_auth
  - use: user_auth
  - use: permission
"""


@click.group(short_help="Write the files of something new.")
def new() -> None:
    """Write the files of something new. They work, their tests pass, and nothing is overwritten."""


@new.command(short_help="A plugin, its stanza and its test.")
@config_option
@click.argument("system", metavar="[SYSTEM]")
@click.argument("name", required=False, metavar="NAME")
@click.option("--kind", type=click.Choice([*KINDS]), default="query", show_default=True, help="What it does at first.")
def component(path: str, system: str, name: str | None, kind: str) -> None:
    """Write a component that works, to be changed into yours: /api/c/compapi/SYSTEM/NAME/.

    Beside esb.yaml: plugins/SYSTEM_NAME.py, components/SYSTEM_NAME.yaml and tests/test_SYSTEM_NAME.py, which passes.
    Without a SYSTEM it is put into `demo`. A `query` asks a third-party system, a `token` asks one that wants an access
    token, and a `sender` sends messages.
    """
    system, name = (DEFAULT_SYSTEM, system) if name is None else (system, name)
    if VERSION.fullmatch(_word(system, "SYSTEM")):
        raise click.BadParameter(f"{system!r} at the head of a path is a version, not a system", param_hint="SYSTEM")
    config = _config(path)
    _check_path_is_free(config, f"/{system}/{_word(name, 'NAME')}/")
    module = f"{system}_{name}"
    words = _words(f"plugins.{module}", name, f"{kind}.py.txt") | {
        "system": system,
        "name": name,
        "module": module,
        "variable": module.upper(),
    }
    folder = Path(path).parent
    stanza = folder / "components" / f"{module}.yaml"
    test = _plugin(folder, module, kind, words, {stanza: KINDS[kind]})
    if not _is_included(load(path), stanza):
        click.echo(f"\nadd this line to {path}:\n{_include_line(config)}")
    click.echo(f"\nrun its test: pytest {test}")


@new.command(short_help="A link of the chain, and its test.")
@config_option
@click.argument("name")
def middleware(path: str, name: str) -> None:
    """Write a middleware that works, to be changed into yours, and its test.

    Beside esb.yaml: plugins/NAME.py and tests/test_NAME.py. The stanza for esb.yaml is told.
    """
    config = _config(path)
    words = _words(f"plugins.{_word(name, 'NAME')}", name, "middleware.py.txt")
    test = _plugin(Path(path).parent, name, "middleware", words)
    link = f"  - use: {words['use']}\n    config: {{networks: {{my_app: [127.0.0.0/8]}}}}"
    if config.middlewares is None:
        click.echo(f"\nadd the chain to {path}, with its last link:\n{CHAIN}{link}")
    else:
        click.echo(f"\nadd this to `middlewares:` of {path}:\n{link}")
    click.echo(f"\nrun its test: pytest {test}")


@new.command(short_help="A back end of services, and its test.")
@config_option
@click.argument("place", metavar="KIND/NAME")
def service(path: str, place: str) -> None:
    """Write a back end of services.KIND that works, to be changed into yours, and its test.

    KIND is apps, login, users, access_tokens or jwt. Beside esb.yaml: plugins/NAME.py and tests/test_NAME.py. The
    stanza for esb.yaml is told.
    """
    kind, slash, name = place.partition("/")
    if kind not in SERVICES or not slash:
        raise click.BadParameter(f"expected KIND/NAME, with a KIND of {', '.join(SERVICES)}", param_hint="KIND/NAME")
    _config(path)
    template = SERVICES[kind]
    words = _words(f"plugins.{_word(name, 'NAME')}", name, f"{template}.py.txt") | {
        "name": name,
        "kind": kind,
        "headers": IDENTITY_HEADERS.get(kind, ""),
    }
    test = _plugin(Path(path).parent, name, template, words)
    settings = SERVICE_CONFIG.get(kind, '{url: "http://127.0.0.1:9000"}')
    click.echo(f"\nadd this to `services:` of {path}:\n  {kind}:\n    use: {words['use']}\n    config: {settings}")
    click.echo(f"\nrun its test: pytest {test}")


@new.command(short_help="A distribution of plugins, for others.")
@click.argument("name")
def package(name: str) -> None:
    """Write a distribution with one component into the folder NAME: entry point, test, README and a file for CI.

    NAME is the distribution's, such as esb-chat.
    """
    if not PACKAGE.fullmatch(name):
        expected = "small letters, digits and -, such as esb-chat"
        raise click.BadParameter(f"{name!r} is no name: {expected}", param_hint="NAME")
    module = name.replace("-", "_")
    system = name.removeprefix("esb-").replace("-", "_")
    words = _words(module, "hello", "query.py.txt") | {
        "distribution": name,
        "package": module,
        "entry": f"{system}_hello",
        "version": ".".join(__version__.split(".")[:2]),
        "system": system,
        "name": "hello",
        "variable": system.upper(),
    }
    folder = Path(name)
    made = {
        folder / "pyproject.toml": "package.toml.txt",
        folder / "README.md": "package_readme.md.txt",
        folder / ".github" / "workflows" / "tests.yaml": "package_ci.yaml.txt",
        folder / module / "__init__.py": "query.py.txt",
        folder / "tests" / f"test_{module}.py": "test_query.py.txt",
    }
    files = {file: rendered(template, words) for file, template in made.items()} | {folder / module / "py.typed": ""}
    write(files)
    click.echo("\n".join(map(str, files)))
    click.echo(f"\ntype next:\n  cd {name}\n  pytest\n  pip install -e .\n  esb plugins")


def _word(value: str, argument: str) -> str:
    """Return the value, if it does for a path, a file and a class; BadParameter otherwise."""
    if not WORD.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no name: small letters, digits and _, such as get_user", param_hint=argument
        )
    return value


def _config(path: str) -> Config:
    if not Path(path).is_file():
        raise click.BadParameter(f"there is no file {path}", param_hint="-c")
    return load(path)


def _check_path_is_free(config: Config, path: str) -> None:
    for stanza in config.components:
        if path in (stanza.path, *stanza.aliases):
            raise click.ClickException(f"{stanza.section.file}:{stanza.section.line} declares {path} already")


def _words(module: str, name: str, template: str) -> dict[str, str]:
    """Return the class of a plugin in this module, and how `use` names it."""
    class_name = _class_name(name, template)
    return {"class_name": class_name, "use": f"{module}:{class_name}"}


def _class_name(name: str, template: str) -> str:
    """Return the name in CamelCase; with a suffix if the plugin's file means something else by that word."""
    camel = "".join(word.capitalize() for word in name.split("_"))
    words = set(re.findall(r"\w+", rendered(template, dict.fromkeys(_VARIABLES, ""))))
    taken = camel in words or f"{camel}Params" in words or keyword.iskeyword(camel)
    return f"{camel}Component" if taken else camel


_VARIABLES = ("system", "name", "module", "class_name", "variable", "use", "kind", "headers")
"""Variables of the templates of plugins."""


def _plugin(
    folder: Path, module: str, template: str, words: Mapping[str, str], more: Mapping[Path, str] | None = None
) -> Path:
    """Write a plugin, its test and `more` (file -> template), and tell which files; return the test."""
    test = folder / "tests" / f"test_{module}.py"
    templates = {folder / "plugins" / f"{module}.py": f"{template}.py.txt", **(more or {})}
    templates[test] = f"test_{template}.py.txt"
    write({file: rendered(each, words) for file, each in templates.items()})
    click.echo("\n".join(map(str, templates)))
    return test


def _is_included(config: Config, file: Path) -> bool:
    return file.resolve() in {read.resolve() for read in config.files}


def _include_line(config: Config) -> str:
    """Return the line `include: …` with the patterns that stand there already and the one that is missing."""
    include = config.root.children.get("include") if config.root is not None else None
    patterns = list(include.value or ()) if include is not None and not include.unresolved else []
    return f"include: [{', '.join([*map(str, patterns), INCLUDED])}]"
