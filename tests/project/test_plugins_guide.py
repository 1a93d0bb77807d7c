"""docs/plugins.md: each of its listings is a file, and what it tells to type does what it says."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import esb
from esb import _face
from tests.support.ports import free_port
from tests.support.processes.command_line import environment, run, running, until
from tests.support.processes.interpreter import pytest_of
from tests.support.repository import ROOT

PAGES = ("docs/plugins.md", "docs/plugins.zh-CN.md")
LISTING = re.compile(r"\]\(\.\./(examples/\S+)\):\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HELLO = ROOT / "examples" / "hello"
DRAWINGS = ROOT / "examples" / "drawings"
OFFICE = ROOT / "examples" / "office"
MOST_LINES = 60
"""Lines of a sender, a middleware or a back end: an hour's reading has to end."""
WRITTEN = ("plugins/demo_hello.py", "components/demo_hello.yaml", "tests/test_demo_hello.py")


def text(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(language: str) -> list[str]:
    return [body for found, body in FENCE.findall(text(PAGES[0])) if found == language]


@pytest.mark.parametrize("page", PAGES)
def test_every_listing_is_a_file(page: str) -> None:
    listings = LISTING.findall(text(page))
    for path, shown in listings:
        assert shown == (ROOT / path).read_text("utf-8"), path
    code = [body for language, body in FENCE.findall(text(page)) if language in {"python", "yaml", "toml"}]
    assert [shown for _, shown in listings] == code


@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_errors_has_their_codes(page: str) -> None:
    told: dict[str, int] = {}
    for names, codes in re.findall(r"^\| ((?:`\w+`\W*?)+) \| ([\d, 、]{7,}) \|", text(page), re.MULTILINE):
        told |= zip(re.findall(r"\w+", names), map(int, re.findall(r"\d+", codes)), strict=True)
    errors = {
        name: each for name, each in vars(_face).items() if isinstance(each, type) and issubclass(each, esb.EsbError)
    }
    assert told | {"Rejected": esb.Rejected.code} == {name: error.code for name, error in errors.items()}


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_the_face_is_told(page: str) -> None:
    names = {name for name in esb.__all__ if not name.startswith("_")}
    assert names - set(re.findall(r"\w+", text(page))) == set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that the page lets `esb init` make."""
    (block,) = (block for block in blocks("bash") if "esb init" in block)
    command, enter = (shlex.split(line) for line in block.splitlines()[1:])
    assert run(*command[1:], folder=tmp_path).code == 0
    config = tmp_path / enter[1] / "esb.yaml"
    config.write_text(config.read_text().replace("port: 8089", "port: 0"))
    return config.parent


def test_the_command_writes_the_files_of_the_page(folder: Path) -> None:
    (command,) = (block for block in blocks("bash") if block.startswith("esb new"))
    done = run(*shlex.split(command)[1:], folder=folder)
    assert done.code == 0, done.stderr
    assert "add this line" not in done.stdout
    for path in WRITTEN:
        assert (folder / path).read_text() == (HELLO / path).read_text(), path


def test_its_test_passes() -> None:
    done = pytest_of(HELLO, PYTHONPATH=str(ROOT))
    assert "3 passed" in done.stdout, done.stdout


def test_the_tests_of_the_further_listings_pass_and_their_configuration_is_sound() -> None:
    done = pytest_of(DRAWINGS, PYTHONPATH=str(ROOT))
    assert "3 passed" in done.stdout, done.stdout
    assert run("check", "-c", "esb.yaml", folder=DRAWINGS).stdout.splitlines()[-1].startswith("ok: 2 components")


def test_the_tests_of_the_middleware_and_the_back_end_pass() -> None:
    done = pytest_of(OFFICE, PYTHONPATH=str(ROOT))
    assert "9 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_contents_are_the_numbered_sections_of_the_page(page: str) -> None:
    shown = FENCE.sub("", text(page))
    titles = re.findall(r"^## (.+)$", shown, re.MULTILINE)

    assert re.findall(r"^(\d+)\. \[(.+)\]\(#", shown, re.MULTILINE) == [tuple(each.split(". ", 1)) for each in titles]
    assert [title.partition(".")[0] for title in titles] == [str(number) for number in range(1, len(titles) + 1)]


def test_whatever_is_shown_is_read_at_one_sitting() -> None:
    for path, shown in LISTING.findall(text(PAGES[0])):
        if path.endswith(".py") and not Path(path).name.startswith("test_"):
            assert len(shown.splitlines()) <= MOST_LINES, path


def test_the_call_of_the_page_gets_the_answer_of_the_page(folder: Path) -> None:
    (command,) = (block for block in blocks("bash") if "esb call" in block)
    secret, *arguments = shlex.split(command)
    for path in WRITTEN:
        shutil.copy(HELLO / path, folder / path)
    (serve,) = (shlex.split(block) for block in blocks("bash") if "esb dev" in block)
    (own,) = (word.removeprefix("MY_APP_SECRET=") for word in serve if "=" in word)
    port = free_port()
    program = (HELLO / "greeter.py").read_text()
    (folder / "greeter.py").write_text(program.replace("9000", str(port)))
    greeter = subprocess.Popen([sys.executable, "greeter.py"], cwd=folder, env=environment())
    try:
        url = f"http://127.0.0.1:{port}"
        served = (*serve[serve.index("dev") :], "--port", "0")
        with running(*served, folder=folder, log=folder / "log", DEMO_HELLO_URL=url, MY_APP_SECRET=own) as gateway:
            until(lambda: listens(port))  # it says nothing when it is ready
            name, _, value = secret.partition("=")
            done = run(*arguments[1:], folder=folder, ESB_URL=gateway.url, **{name: value})
    finally:
        greeter.kill()
        greeter.wait(60)
    assert done.code == 0, done.stdout + done.stderr
    answered, shown = json.loads(done.stdout), json.loads(blocks("json")[0])
    assert {**answered, "request_id": ""} == {**shown, "request_id": ""}
    assert list(answered) == list(shown)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
