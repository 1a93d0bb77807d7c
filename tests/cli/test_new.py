"""esb new component, and what it writes."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.processes.command_line import Finished, run
from tests.support.processes.distributions import install
from tests.support.processes.interpreter import pytest_of, python
from tests.support.repository import ROOT

CONFIG = """\
version: 1
services:
  apps: {use: static, config: {apps: [{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}]}}
components: []
"""
FILES = ("plugins/demo_hello.py", "components/demo_hello.yaml", "tests/test_demo_hello.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    return tmp_path


def new(folder: Path, *arguments: str) -> Finished:
    return run("new", "component", "-c", "esb.yaml", *(arguments or ("demo", "hello")), folder=folder)


def test_three_files_are_written_and_the_include_line_is_told(folder: Path) -> None:
    done = new(folder)
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines() == [
        *FILES,
        "",
        "add this line to esb.yaml:",
        "include: [components/*.yaml]",
        "",
        "run its test: pytest tests/test_demo_hello.py",
    ]
    assert all((folder / file).is_file() for file in FILES)


def test_its_test_passes_untouched(folder: Path) -> None:
    new(folder)
    done = pytest_of(folder)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_check_is_content_once_it_is_included(folder: Path) -> None:
    (folder / "esb.yaml").write_text(CONFIG + "include: [components/*.yaml]\n")
    done = new(folder)
    assert "include" not in done.stdout
    assert run("check", "-c", "esb.yaml", folder=folder).stdout.splitlines()[-1].startswith("ok: 1 components")


def test_what_is_included_already_stays_in_the_line(folder: Path) -> None:
    (folder / "more.yaml").write_text("components: []\n")
    (folder / "esb.yaml").write_text(CONFIG + "include: [more.yaml]\n")
    assert "include: [more.yaml, components/*.yaml]\n" in new(folder).stdout


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_overwritten(folder: Path, file: str) -> None:
    (folder / file).parent.mkdir()
    (folder / file).write_text("mine")
    done = new(folder)
    assert (done.code, done.stdout) == (1, "")
    assert f"{file} is there already; nothing has been written" in done.stderr
    assert (folder / file).read_text() == "mine"
    assert [each for each in FILES if (folder / each).exists()] == [file]


def test_a_path_that_is_declared_is_told(folder: Path) -> None:
    declared = "components:\n  - {path: /demo/hello/, use: cmsi_get_msg_type}\n"
    (folder / "esb.yaml").write_text(CONFIG.replace("components: []\n", declared))
    done = new(folder)
    assert done.code == 1
    assert "esb.yaml:5 declares /demo/hello/ already" in done.stderr


@pytest.mark.parametrize(
    "names", [("Demo", "hello"), ("demo", "get-user"), ("demo", "../x"), ("demo", "1st"), ("v2", "x")]
)
def test_names_that_do_not_do_are_usage_errors(folder: Path, names: tuple[str, str]) -> None:
    done = new(folder, *names)
    assert done.code == 2
    assert not (folder / "plugins").exists()


def test_a_missing_configuration_is_a_usage_error(tmp_path: Path) -> None:
    done = new(tmp_path)
    assert done.code == 2
    assert "there is no file esb.yaml" in done.stderr


@pytest.mark.parametrize("name", ["none", "params", "get_user"])
def test_a_name_that_python_or_the_plugin_has_taken_works_too(folder: Path, name: str) -> None:
    (folder / "esb.yaml").write_text(CONFIG + "include: [components/*.yaml]\n")
    assert new(folder, "demo", name).code == 0
    code = f"import plugins.demo_{name} as plugin; print(plugin.Config.__name__, plugin.GREETING.system)"
    assert python("-c", code, folder=folder).stdout == "Config demo\n"
    assert run("check", "-c", "esb.yaml", folder=folder).stdout.splitlines()[-1].startswith("ok: 1 components")


def test_without_a_system_it_goes_into_the_demo(folder: Path) -> None:
    assert new(folder, "hello").stdout.splitlines()[: len(FILES)] == list(FILES)


# Everything at once: reading the gateway takes most of the time of pytest and mypy

MIDDLEWARE = ("middleware", "office")
SERVICES = [("service", f"{kind}/my_{kind}") for kind in ("apps", "login", "users", "access_tokens", "jwt")]
COMPONENTS = [
    ("component", "demo", "hello"),
    ("component", "--kind", "sender", "chat", "tell"),
    ("component", "--kind", "token", "demo", "greet"),
]
SCAFFOLDS = [*COMPONENTS, MIDDLEWARE, *SERVICES]
TESTS = {
    "query": 3,
    "sender": 3,
    "token": 3,
    "middleware": 3,
    "apps": 3,
    "login": 2,
    "users": 1,
    "access_tokens": 2,
    "jwt": 2,
}
"""Scaffold -> the number of its tests."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with one of each, and what was told about it."""
    folder = tmp_path_factory.mktemp("everything")
    (folder / "esb.yaml").write_text(CONFIG)
    told = {}
    for scaffold in SCAFFOLDS:
        done = run("new", scaffold[0], "-c", "esb.yaml", *scaffold[1:], folder=folder)
        assert done.code == 0, done.stderr
        told[scaffold[-1]] = done.stdout
    return folder, told


def test_the_tests_of_each_pass_untouched(everything: tuple[Path, dict[str, str]]) -> None:
    folder, _ = everything
    done = pytest_of(folder)
    assert done.returncode == 0, done.stdout
    assert f"{sum(TESTS.values()) + 2 * (len(SCAFFOLDS) - len(TESTS))} passed" in done.stdout


def test_what_is_written_is_typed_and_tidy(everything: tuple[Path, dict[str, str]]) -> None:
    folder, _ = everything
    known = f"--cache-dir={ROOT / '.mypy_cache' / 'written'}"  # most of the time goes into reading the gateway
    arguments = ("--strict", "--follow-imports=silent", "--explicit-package-bases", known, "plugins", "tests")
    done = python("-m", "mypy", *arguments, folder=folder, MYPYPATH=str(ROOT))
    assert done.returncode == 0, done.stdout
    for command in (["check", "--select", "E,F,W,B,UP"], ["format", "--check"]):
        done = python("-m", "ruff", *command, "--line-length", "120", ".", folder=folder)
        assert done.returncode == 0, done.stdout


def test_the_stanzas_of_all_components_are_right(everything: tuple[Path, dict[str, str]]) -> None:
    folder, _ = everything
    (folder / "all.yaml").write_text(f"{CONFIG}include: [components/*.yaml]\n")
    assert (
        run("check", "-c", "all.yaml", folder=folder)
        .stdout.splitlines()[-1]
        .startswith(f"ok: {len(COMPONENTS)} components")
    )


@pytest.mark.parametrize("scaffold", SERVICES, ids="/".join)
def test_the_stanza_of_a_service_is_told(everything: tuple[Path, dict[str, str]], scaffold: tuple[str, str]) -> None:
    folder, told = everything
    text = told[scaffold[1]]
    stanza = text.partition("add this to `services:` of esb.yaml:\n")[2].partition("\n\n")[0]
    (folder / "service.yaml").write_text(f"version: 1\nservices:\n{stanza}\ncomponents: []\n")

    assert run("check", "-c", "service.yaml", folder=folder).stdout.splitlines()[-1].startswith("ok: 0 components")
    assert text.endswith(f"run its test: pytest tests/test_{scaffold[1].partition('/')[2]}.py\n")


def test_the_link_of_a_middleware_is_told(everything: tuple[Path, dict[str, str]]) -> None:
    folder, told = everything
    chain = told["office"].partition("add the chain to esb.yaml, with its last link:\n")[2].partition("\n\n")[0]
    (folder / "chain.yaml").write_text(f"{CONFIG}{chain}\n")
    another = run("new", "middleware", "-c", "chain.yaml", "another", folder=folder)
    link = another.stdout.partition("add this to `middlewares:` of chain.yaml:\n")[2].partition("\n\n")[0]
    (folder / "longer.yaml").write_text(f"{CONFIG}{chain}\n{link}\n")

    assert run("check", "-c", "chain.yaml", folder=folder).stdout.splitlines()[-1].startswith("ok: 0 components")
    assert run("check", "-c", "longer.yaml", folder=folder).stdout.splitlines()[-1].startswith("ok: 0 components")
    assert "plugins.another:Another" in link


@pytest.mark.parametrize("arguments", [MIDDLEWARE, SERVICES[0]], ids="/".join)
def test_no_plugin_is_overwritten(folder: Path, arguments: tuple[str, str]) -> None:
    name = arguments[1].rpartition("/")[2]
    (folder / "plugins").mkdir()
    (folder / "plugins" / f"{name}.py").write_text("mine")
    done = run("new", arguments[0], "-c", "esb.yaml", arguments[1], folder=folder)
    assert (done.code, done.stdout) == (1, "")
    assert f"plugins/{name}.py is there already; nothing has been written" in done.stderr
    assert not (folder / "tests").exists()


@pytest.mark.parametrize(
    "arguments",
    [("middleware", "No"), ("service", "sso"), ("service", "store/x"), ("service", "login/No"), ("package", "No")],
)
def test_what_cannot_be_written_is_a_usage_error(folder: Path, arguments: tuple[str, str]) -> None:
    done = run("new", *arguments, folder=folder)
    assert done.code == 2
    assert [path.name for path in folder.iterdir()] == ["esb.yaml"]


# A distribution


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a distribution as it is written, and what was told."""
    folder = tmp_path_factory.mktemp("package")
    done = run("new", "package", "esb-small-talk", folder=folder)
    assert done.code == 0, done.stderr
    return folder / "esb-small-talk", done.stdout


def test_a_distribution_is_tested_and_typed_as_it_is(distribution: tuple[Path, str]) -> None:
    folder, told = distribution
    done = pytest_of(folder)
    assert "3 passed" in done.stdout, done.stdout
    known = f"--cache-dir={ROOT / '.mypy_cache' / 'written'}"
    done = python("-m", "mypy", "--follow-imports=silent", known, folder=folder, MYPYPATH=str(ROOT))
    assert done.returncode == 0, done.stdout
    assert "type next:\n  cd esb-small-talk\n" in told


def test_its_other_files_are_sound(distribution: tuple[Path, str], tmp_path: Path) -> None:
    folder, told = distribution
    written = {str(path.relative_to(folder.parent)) for path in folder.rglob("*") if path.is_file()}
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "tests.yaml").read_text())
    stanza = (folder / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]

    assert set(told.partition("\n\n")[0].splitlines()) <= written
    assert [step["run"] for step in workflow["jobs"]["tests"]["steps"][-2:]] == ["pytest", "mypy"]
    assert yaml.safe_load(stanza)["components"][0]["use"] == "small_talk_hello"
    assert not any("LICENSE" in name for name in written)


def test_once_it_is_installed_its_entry_point_is_there(distribution: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = distribution
    path = install(folder, tmp_path / "target")
    listing = json.loads(run("plugins", "--format", "json", folder=tmp_path, PYTHONPATH=path).stdout)
    (found,) = (each for each in listing if each["distribution"] == "esb-small-talk")
    assert (found["name"], found["module"], found["problem"]) == ("small_talk_hello", "esb_small_talk", "")
    stanza = (folder / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "esb.yaml").write_text(f"version: 1\n{stanza}")
    done = run("check", folder=tmp_path, PYTHONPATH=path, SMALL_TALK_TOKEN="t0ken")
    assert done.stdout.splitlines()[-1].startswith("ok: 1 components")


def test_a_distribution_is_not_overwritten(distribution: tuple[Path, str]) -> None:
    folder, _ = distribution
    done = run("new", "package", "esb-small-talk", folder=folder.parent)
    assert (done.code, done.stdout) == (1, "")
    assert "esb-small-talk/pyproject.toml is there already; nothing has been written" in done.stderr
