"""esb init, and the commands that run where there is no configuration."""

import json
import re
from pathlib import Path

import pytest
import yaml

from esb.cli.init import COMPONENTS, TEMPLATES
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, Finished, exchange, run, running
from tests.support.processes.interpreter import pytest_of, python
from tests.support.repository import ROOT

FILES = tuple(dict.fromkeys(("esb.yaml", "esb.schema.json", *TEMPLATES, "plugins/__init__.py", *COMPONENTS)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A folder that `esb init DIR` made, and what it told."""
    folder = tmp_path_factory.mktemp("init")
    return folder / "deep" / "mine", run("init", "deep/mine", folder=folder)


def secret_in(folder: Path) -> str:
    found = re.search(r"MY_APP_SECRET:-([\w-]+)\}", (folder / "esb.yaml").read_text())
    assert found is not None
    return found[1]


def mypy_of(folder: Path, *files: str) -> None:
    """Fail unless `mypy` finds nothing in these files by the settings of their folder."""
    known = f"--cache-dir={ROOT / '.mypy_cache' / 'written'}"  # most of the time goes into reading the gateway
    done = python("-m", "mypy", "--follow-imports=silent", known, *files, folder=folder, MYPYPATH=str(ROOT))
    assert done.returncode == 0, done.stdout


def test_the_files_are_written_and_what_to_type_next_is_told(made: tuple[Path, Finished]) -> None:
    folder, told = made
    assert (told.code, told.stderr) == (0, "")
    assert told.stdout.splitlines()[: len(FILES)] == [f"deep/mine/{name}" for name in FILES]
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} >= set(FILES)
    assert [line.strip() for line in told.stdout.partition("type next:\n")[2].splitlines()] == [
        "cd deep/mine",
        "esb check",
        "esb demo",
        "pytest",
        "esb serve",
        "",
        "or see it in the browser, and reload after every edit:",
        "esb dev",
        "",
        "and write a component: esb new component demo hello",
    ]


def test_check_and_demo_are_content_with_it(made: tuple[Path, Finished]) -> None:
    folder, _ = made
    checked, shown = run("check", folder=folder), run("demo", folder=folder)
    assert (checked.code, checked.stdout, checked.stderr) == (0, "ok: 4 components\n", "")
    assert (shown.code, shown.stderr) == (0, "")
    assert "arrived in WeChat, for zhangsan" in shown.stdout
    assert secret_in(folder) not in shown.stdout


def test_its_test_passes_and_is_typed(made: tuple[Path, Finished]) -> None:
    folder, _ = made
    done = pytest_of(folder)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    mypy_of(folder)


def test_a_component_that_is_added_is_included_at_once(made: tuple[Path, Finished], tmp_path: Path) -> None:
    run("init", folder=tmp_path)
    told = run("new", "component", "demo", "hello", folder=tmp_path)
    assert (told.code, told.stderr) == (0, "")
    assert "add this line" not in told.stdout
    assert run("check", folder=tmp_path).stdout == "ok: 5 components\n"


def test_an_editor_finds_the_schema(made: tuple[Path, Finished]) -> None:
    folder, _ = made
    modeline = (folder / "esb.yaml").read_text().splitlines()[0]
    assert modeline == "# yaml-language-server: $schema=esb.schema.json"
    schema = json.loads((folder / "esb.schema.json").read_text())
    assert set(yaml.safe_load((folder / "esb.yaml").read_text())) <= set(schema["properties"])


def test_the_secret_is_another_one_each_time(made: tuple[Path, Finished], tmp_path: Path) -> None:
    run("init", folder=tmp_path)
    secrets = {secret_in(made[0]), secret_in(tmp_path)}
    assert len(secrets) == 2
    assert all(len(secret) >= 32 for secret in secrets)


def test_a_configuration_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text("mine")
    told = run("init", folder=tmp_path)
    assert (told.code, told.stdout) == (1, "")
    assert told.stderr == "Error: esb.yaml is there already; nothing has been written\n"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("esb.yaml", "mine")]


@pytest.mark.parametrize("kept", [name for name in FILES if name != "esb.yaml"])
def test_what_else_is_there_stays_and_is_named(kept: str, tmp_path: Path) -> None:
    (tmp_path / kept).parent.mkdir(exist_ok=True)
    (tmp_path / kept).write_text("# mine\n")
    told = run("init", folder=tmp_path)
    assert told.code == 0, told.stderr
    assert f"\n{kept} was there already and stays as it is\n" in told.stdout
    assert (tmp_path / kept).read_text() == "# mine\n"
    assert all((tmp_path / name).is_file() for name in FILES)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    told = run("init", "/proc/mine", folder=tmp_path)
    assert (told.code, told.stdout) == (1, "")
    assert told.stderr == "Error: cannot write /proc/mine: No such file or directory\n"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    told = run("init", "mine", folder=tmp_path)
    assert told.code == 2
    assert "Directory 'mine' is a file" in told.stderr


# Without a configuration


def test_the_demonstration_needs_no_configuration(tmp_path: Path) -> None:
    shown = run("demo", folder=tmp_path)
    assert shown.code == 0, shown.stderr
    assert "arrived in WeChat, for zhangsan" in shown.stdout
    assert shown.stderr == "there is no esb.yaml here, so one of ours does for now; `esb init` writes one of yours\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_now_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    code = "import tempfile; tempfile.tempdir = '/nowhere'; from esb.cli.main import main; main(['demo'])"
    done = python("-c", code, folder=tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: cannot write a configuration for now: No such file or directory"


def test_development_needs_no_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    with running("dev", "--port", "0", folder=folder, log=tmp_path / "log", TMPDIR=str(tmp_path)) as gateway:
        assert exchange(gateway.url + SEND_WEIXIN, NOTICE).body["result"] is True
        (for_now,) = tmp_path.glob("esb-*/esb.yaml")
        gateway.stop()
        assert gateway.finish().code == 0
    assert not for_now.parent.exists()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("command", "code"), [("serve", 78), ("check", 1), ("components", 1), ("openapi", 1)])
def test_other_commands_say_how_to_get_one(command: str, code: int, tmp_path: Path) -> None:
    told = run(command, folder=tmp_path)
    assert told.code == code
    hint = "there is neither esb.yaml nor conf/esb.yaml here: `esb init` writes one, -c FILE names another"
    assert told.stderr.splitlines()[0] == hint
    assert "conf/esb.yaml:1: file: cannot be read: No such file or directory" in told.stdout + told.stderr


def test_what_works_without_says_nothing(tmp_path: Path) -> None:
    told = run("schema", folder=tmp_path)
    assert (told.code, told.stderr) == (0, "")


def test_esb_yaml_here_comes_before_that_of_conf(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "esb.yaml").write_text("version: 1\ncomponents: []\n")
    assert run("check", folder=tmp_path).stdout == "ok: 0 components\n"
    run("init", folder=tmp_path)
    assert run("check", folder=tmp_path).stdout == "ok: 4 components\n"


def test_a_demonstration_never_sends_to_the_real_wechat(tmp_path: Path) -> None:
    run("init", folder=tmp_path)
    stanza = tmp_path / "components" / "cmsi_send_weixin.yaml"
    stanza.write_text(stanza.read_text().replace("${sandbox}", "https://qyapi.weixin.qq.com"))
    shown = run("demo", folder=tmp_path)
    assert (shown.code, shown.stdout) == (1, "")
    assert shown.stderr.startswith("Error: components/cmsi_send_weixin.yaml:3: /cmsi/send_weixin/ does not send to ${s")
