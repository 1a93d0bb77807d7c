"""esb new component, and what it writes."""

from pathlib import Path

import pytest

from tests.support.processes.command_line import Finished, run
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
    assert run("check", "-c", "esb.yaml", folder=folder).stdout == "ok: 1 components\n"


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
    assert run("check", "-c", "esb.yaml", folder=folder).stdout == "ok: 1 components\n"


def test_what_is_written_is_typed_and_tidy(folder: Path) -> None:
    new(folder)
    known = f"--cache-dir={ROOT / '.mypy_cache' / 'written'}"  # most of the time goes into reading the gateway
    arguments = ("--strict", "--follow-imports=silent", known, "plugins/demo_hello.py")
    done = python("-m", "mypy", *arguments, folder=folder, MYPYPATH=str(ROOT))
    assert done.returncode == 0, done.stdout
    for command in (["check", "--select", "E,F,W,B,UP"], ["format", "--check"]):
        done = python("-m", "ruff", *command, "--line-length", "120", ".", folder=folder)
        assert done.returncode == 0, done.stdout
