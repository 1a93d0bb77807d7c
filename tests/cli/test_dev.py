"""esb dev, as a process: real files, real notifications of the file system."""

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from esb.cli import dev
from tests.support.processes.command_line import NOTICE, Running, exchange, page, run, running, until
from tests.support.processes.interpreter import python

CONFIG = """\
version: 1
server: {port: 0}
include: [components/*.yaml, ../elsewhere/*.yaml]
services:
  apps: {use: static, config: {apps: [{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}]}}
components:
  - {path: /test/word/, use: "plugins.word:Word", config: {word: one, url: "${sandbox}"}}
"""
PLUGIN = """\
from esb import Component, ConfigModel

class Config(ConfigModel):
    word: str
    url: str = ""

class Word(Component):
    config_type = Config

    async def handle(self, call, params):
        return {"word": self.config.word, "url": self.config.url}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    here = tmp_path / "conf"
    for place in (here / "plugins", here / "components", tmp_path / "elsewhere"):
        place.mkdir(parents=True)
    (here / "esb.yaml").write_text(CONFIG)
    (here / "plugins" / "word.py").write_text(PLUGIN)
    for place in (here / "components", tmp_path / "elsewhere"):
        (place / "none.yaml").write_text("components: []\n")
    return here


@pytest.fixture
def gateway(folder: Path, tmp_path: Path) -> Iterator[Running]:
    with running("dev", "-c", "esb.yaml", folder=folder, log=tmp_path / "log") as process:
        yield process


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[Path]:
    """A pipe with room for a few lines that nobody reads."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    yield path
    os.close(reading)


def answer(gateway: Running, path: str = "/test/word/") -> dict[str, str]:
    body = exchange(f"{gateway.url}/api/c/compapi{path}", NOTICE).body
    assert body["result"], body
    answered: dict[str, str] = body["data"]
    return answered


def wait_for(gateway: Running, text: str) -> None:
    until(lambda: text in gateway.log())


def test_the_sandbox_runs_even_if_the_configuration_has_none(gateway: Running) -> None:
    url = answer(gateway)["url"]
    assert f"the WeChat sandbox is at {url}\n" in gateway.log()
    assert f"the inbox is at {url}/_sandbox/inbox\n" in gateway.log()
    assert exchange(f"{url}/_sandbox/messages").body == {"messages": []}


def test_the_portal_runs_even_if_the_configuration_has_none(gateway: Running) -> None:
    (portal,) = (line.split()[-1] for line in gateway.log().splitlines() if line.startswith("the portal is at "))
    assert "<h1>" in page(portal)


def test_an_edit_of_the_configuration_takes_effect(gateway: Running, folder: Path) -> None:
    (folder / "esb.yaml").write_text(CONFIG.replace("word: one", "word: two"))
    wait_for(gateway, "generation=2")
    assert answer(gateway)["word"] == "two"


def test_an_edit_of_a_plugin_takes_effect(gateway: Running, folder: Path) -> None:
    (folder / "plugins" / "word.py").write_text(PLUGIN.replace("self.config.word,", "self.config.word * 2,"))
    wait_for(gateway, "generation=2")
    assert answer(gateway)["word"] == "oneone"


def test_a_secret_that_changes_takes_effect(gateway: Running, folder: Path) -> None:
    secret = folder.parent / "secret"
    secret.write_text("two")
    (folder / "esb.yaml").write_text(CONFIG.replace("word: one", "word: '${file:../secret}'"))
    wait_for(gateway, "generation=2")
    secret.write_text("three")
    wait_for(gateway, "generation=3")
    assert answer(gateway)["word"] == "three"
    for number, word in [(4, "four"), (5, "five")]:  # another file in its place, as many programs write
        (folder.parent / "new").write_text(word)
        (folder.parent / "new").rename(secret)
        wait_for(gateway, f"generation={number}")
        assert answer(gateway)["word"] == word


@pytest.mark.parametrize("place", ["components", "../elsewhere"])
def test_a_new_file_that_is_included_takes_effect(gateway: Running, folder: Path, place: str) -> None:
    (folder / place / "more.yaml").write_text(
        "components:\n  - {path: /test/more/, use: 'plugins.word:Word', config: {word: more}}\n"
    )
    wait_for(gateway, "generation=2")
    assert answer(gateway, "/test/more/")["word"] == "more"


def test_a_broken_edit_keeps_what_was_and_says_why(gateway: Running, folder: Path) -> None:
    (folder / "esb.yaml").write_text(CONFIG.replace("word: one", "wort: two"))
    wait_for(gateway, dev.KEPT)
    assert "esb.yaml:7: components[0].config.wort: unknown key (did you mean 'word'?)" in gateway.log()
    assert answer(gateway)["word"] == "one"
    (folder / "esb.yaml").write_text(CONFIG.replace("word: one", "word: three"))
    wait_for(gateway, "generation=2")
    assert answer(gateway)["word"] == "three"


def test_a_broken_plugin_keeps_the_one_that_was(gateway: Running, folder: Path) -> None:
    (folder / "plugins" / "word.py").write_text(PLUGIN + "    def\n")
    wait_for(gateway, dev.KEPT)
    assert "'plugins.word:Word' failed to import: SyntaxError: invalid syntax at" in gateway.log()
    assert answer(gateway)["word"] == "one"


def test_a_plugin_that_crashes_shows_its_traceback_from_its_own_frame_on(gateway: Running, folder: Path) -> None:
    (folder / "plugins" / "word.py").write_text(PLUGIN.replace('return {"word"', 'return 1 / 0 or {"word"'))
    wait_for(gateway, "generation=2")
    body = exchange(f"{gateway.url}/api/c/compapi/test/word/", NOTICE).body
    assert body["code"] == 1306000
    wait_for(gateway, "ZeroDivisionError: division by zero")
    shown = gateway.log().partition("a plugin crashed: /test/word/ (request ")[2]
    assert shown.startswith(body["request_id"])
    frames = [line for line in shown.splitlines() if line.startswith("  File ")]
    assert len(frames) == 1
    assert "plugins/word.py" in frames[0]


def test_an_answer_that_cannot_be_written_shows_where(gateway: Running, folder: Path) -> None:
    (folder / "plugins" / "word.py").write_text(PLUGIN.replace("self.config.word,", "{1},"))
    wait_for(gateway, "generation=2")
    assert exchange(f"{gateway.url}/api/c/compapi/test/word/", NOTICE).body["code"] == 1306000
    wait_for(gateway, "\ndata.word is a set, which JSON cannot hold\n")


CONSTRUCTOR = (
    PLUGIN
    + """
    def __init__(self, config, services):
        raise ValueError("no such word")
"""
)


def test_a_plugin_that_cannot_be_built_shows_its_traceback_and_nothing_changes(gateway: Running, folder: Path) -> None:
    (folder / "plugins" / "word.py").write_text(CONSTRUCTOR)
    wait_for(gateway, dev.KEPT)
    assert "a plugin crashed: reloading" in gateway.log()
    assert "ValueError: no such word" in gateway.log()
    assert answer(gateway)["word"] == "one"


def test_a_plugin_that_cannot_be_built_at_the_start_shows_its_traceback(folder: Path) -> None:
    (folder / "plugins" / "word.py").write_text(CONSTRUCTOR)
    done = run("dev", "-c", "esb.yaml", folder=folder)
    assert done.code == 78
    assert "ValueError: no such word" in done.stderr
    assert "'plugins.word:Word' failed to build: ValueError at" in done.stderr
    checked = run("check", "-c", "esb.yaml", folder=folder)
    assert "no such word" not in checked.stdout + checked.stderr


def test_it_ends_as_serve_does(gateway: Running) -> None:
    gateway.stop()
    assert gateway.finish().code == 0


def test_a_configuration_that_is_wrong_from_the_start_is_told(folder: Path) -> None:
    (folder / "esb.yaml").write_text(CONFIG.replace("word: one", "wort: one"))
    done = run("dev", "-c", "esb.yaml", folder=folder)
    assert done.code == 78
    assert "components[0].config.wort: unknown key" in done.stderr
    assert done.stdout == ""


def test_without_watchfiles_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['watchfiles'] = None; from esb.cli.main import main; main()"
    lacking = python("-c", code, "dev", folder=tmp_path)
    helped = python("-c", code, "--help", folder=tmp_path)

    assert (lacking.returncode, lacking.stderr) == (1, f"Error: {dev.NEEDS_WATCHFILES}\n")
    assert (helped.returncode, helped.stderr) == (0, "")


def test_a_log_that_nobody_reads_holds_up_neither_calls_nor_the_end(folder: Path, unread: Path) -> None:
    with running("dev", "-c", "esb.yaml", folder=folder, log=unread) as gateway:
        for _ in range(40):  # lines of twice what the pipe takes
            assert answer(gateway)["word"] == "one"
        gateway.stop(signal.SIGTERM)
        assert gateway.wait() == 0
