"""README and docs: what they show is run, what exists is documented, and both languages say the same."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from click import Command, Context, Group, Option
from click.testing import CliRunner
from pydantic import BaseModel

import esb.core.errors
from esb.channels.wechat.notice import Notice
from esb.cli.main import main
from esb.config import ComponentKeys, DatabaseConfig, DocumentKeys, Sandbox, Server, ServicesKeys
from esb.gateway.plugin_loader import PROTOCOLS, built_in, find
from tests.support import openapi_client
from tests.support.documentation import FENCE, PAGES, WHOLE_CONFIGS, Block, blocks, text
from tests.support.processes.command_line import exchange, running
from tests.support.processes.interpreter import Done, pytest_of, python
from tests.support.repository import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
READMES = ("README.md", "README.zh-CN.md")
CALLING = ("docs/calling.md", "docs/calling.zh-CN.md")
CONFIGURATION = ("docs/configuration.md", "docs/configuration.zh-CN.md")
COMMAND_LINE = ("docs/cli.md", "docs/cli.zh-CN.md")
PAIRS = [READMES, *((f"docs/{path.name}", f"docs/{path.stem}.zh-CN.md") for path in (ROOT / "docs").glob("[a-z]*.md"))]
PAIRS = [(english, chinese) for english, chinese in PAIRS if not english.endswith(".zh-CN.md")]
READY = "http://127.0.0.1:8080"
ROBOT = ROOT / "examples" / "robot"


def only(page: str, language: str, beginning: str) -> str:
    """The one block of a page that begins so."""
    (block,) = (block for block in blocks(page, language) if block.text.startswith(beginning))
    return block.text


def commands(group: Group) -> dict[str, Command]:
    context = Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


COMMANDS = commands(main)
GROUPS = [("components", ""), ("middlewares", ""), *(("services", service) for service in PROTOCOLS)]
BUILT_IN = {(group, service, name) for group, service in GROUPS for name in built_in(group, service)}


# Both languages


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_have_the_same_parts(english: str, chinese: str) -> None:
    """Headings, tables with as many rows and columns, and lists."""

    def parts(page: str) -> list[str]:
        found = re.findall(r"^(#+ |\d+\. |- |\|.*)", FENCE.sub("", text(page)), re.MULTILINE)
        return ["|" * part.count("|") if part.startswith("|") else part for part in found]

    assert parts(english) == parts(chinese)
    assert [block.language for block in blocks(english)] == [block.language for block in blocks(chinese)]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_show_the_same_code(english: str, chinese: str) -> None:
    for one, other in zip(blocks(english), blocks(chinese), strict=True):
        if one.language == "yaml":  # its comments are translated
            assert yaml.safe_load(one.text) == yaml.safe_load(other.text), other.place
        elif english != "docs/sandbox.md":
            assert one.text == other.text, other.place


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_name_the_same_things(english: str, chinese: str) -> None:
    def names(page: str) -> set[str]:
        return set(re.findall(r"`([A-Za-z0-9_./:-]+)`", FENCE.sub("", text(page))))

    assert names(english) == names(chinese)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall(FENCE.sub("", text(page))):
        if not link.startswith(("http://", "https://")):
            path, _, anchor = link.partition("#")
            target = (ROOT / page).parent / path if path else ROOT / page
            assert target.exists(), f"{page}: {link}"
            assert not anchor or anchor in anchors(target), f"{page}: {link}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", READMES)
def test_a_readme_has_150_lines_at_most(page: str) -> None:
    assert len(text(page).splitlines()) <= 150, "reference belongs in docs"


# What is shown is run


@pytest.mark.parametrize("block", WHOLE_CONFIGS, ids=lambda block: block.place)
def test_a_whole_configuration_has_no_mistakes(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(block.text)
    for name in re.findall(r"\$\{file:([^}]+)\}", block.text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("secret\n")
    for name in re.findall(r"\$\{(\w+)\}", block.text):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    checked = CliRunner().invoke(main, ["check", "-c", str(path)])

    assert checked.exit_code == 0
    assert checked.output.splitlines()[-1].startswith(f"ok: {block.text.count('- path:')} components")


@pytest.mark.parametrize("page", PAGES)
def test_every_yaml_block_is_yaml_and_every_json_line_is_json(page: str) -> None:
    for block in blocks(page, "yaml"):
        assert yaml.safe_load(block.text), block.place
    for block in blocks(page, "json"):
        try:
            json.loads(block.text)
        except ValueError:
            assert [json.loads(line) for line in block.text.splitlines()], block.place


def test_the_call_of_the_readme_gets_the_answer_of_the_readme(tmp_path: Path) -> None:
    command = shlex.split(only("README.md", "bash", "curl "))
    shown = json.loads(only("README.md", "json", "{"))
    url, body = command[1], json.loads(command[command.index("-d") + 1])
    assert url.startswith(READY)

    with running("serve", "-c", _on_free_ports(tmp_path), log=tmp_path / "log") as gateway:
        answer = exchange(gateway.url + url.removeprefix(READY), body)

    assert answer.status == 200
    assert steady(answer.body) == steady(shown)


def test_the_sdk_example_sends(tmp_path: Path) -> None:
    pytest.importorskip("bkapi_component")
    example = only(CALLING[0], "python", "from bkapi_component")

    with running("serve", "-c", _on_free_ports(tmp_path), log=tmp_path / "log") as gateway:
        alone = "import sys; sys.modules['django'] = None\n"  # where Django is, the SDK wants to read its settings
        program = alone + example.replace(READY, gateway.url) + "print(answer['result'])\n"
        done = python("-c", program, folder=tmp_path)

    assert done.stdout == "True\n", done.stderr


PRINTED = [
    r"\('zhangsan',\) \('.+',\) [0-9a-f]{32}\n",
    r"\('zhangsan',\)\n",
    r"1306000 .*\nhas it: \('zhangsan',\)\nhas it not: nobody \S+ receiver\nmay have it: \(\)\n",
    r"weixin True\n(.+ (True|False)\n)+\('zhangsan',\) .*95%.*\n",
    r"True \['zhangsan'\]\n",
]
"""The form of what the programs in docs/client.md print, in their order."""


def test_the_programs_of_the_client_page_do_what_they_say(tmp_path: Path) -> None:
    shipped = _on_free_ports(tmp_path)
    openapi_client.generate(json.loads(CliRunner().invoke(main, ["openapi", "-c", str(shipped)]).output), tmp_path)
    programs = blocks("docs/client.md", "python")

    with running("serve", "-c", shipped, log=tmp_path / "log") as gateway:
        for program, printed in zip(programs, PRINTED, strict=True):
            done = python("-c", program.text.replace(READY, gateway.url), folder=tmp_path)
            assert re.fullmatch(printed, done.stdout), f"{program.place}: {done.stdout}{done.stderr}"


def test_the_plugin_of_the_readme_is_the_example() -> None:
    for page in READMES:
        assert only(page, "python", '"""chat/send_robot') == (ROBOT / "send_robot.py").read_text("utf-8")
        (shown,) = yaml.safe_load(only(page, "yaml", "- path: /chat/send_robot/"))
        (stanza,) = yaml.safe_load((ROBOT / "esb.yaml").read_text("utf-8"))["components"]
        assert shown.keys() == stanza.keys()
        assert {**shown, "config": None} == {**stanza, "config": None}


def test_the_example_passes_its_own_test() -> None:
    done = pytest_of(ROOT, str(ROBOT))

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_comparison_finds_what_differs_and_nothing_else(tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(block.text for block in blocks("docs/migrating.md", "json")))
    other = tmp_path / "other.yaml"
    other.write_text("version: 1\nserver: {port: 0}\ncomponents: [{path: /cmsi/send_msg/, use: cmsi_send_msg}]\n")

    def compare(one: str, two: str) -> Done:
        return python(str(ROOT / "examples" / "compare.py"), one, two, str(requests), folder=tmp_path)

    with (
        running("serve", "-c", _on_free_ports(tmp_path), log=tmp_path / "log") as gateway,
        running("serve", "-c", other, log=tmp_path / "other.log") as different,
    ):
        same = compare(gateway.url, gateway.url)
        differing = compare(gateway.url, different.url)

    assert (same.returncode, same.stdout) == (0, "3 requests, 0 answered differently\n")
    assert differing.returncode == 1
    assert "line 1: v2/cmsi/send_weixin/" in differing.stdout


# What exists is documented, and what is documented exists


def test_the_commands_that_are_shown_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    for page in PAGES:
        content = text(page)
        shown = re.findall(r"(?:^|`)make ([a-z]+)", content, re.MULTILINE)
        assert set(shown) <= targets, page
        assert set(re.findall(r"(?:^(?:\$ )?|`)esb ([a-z]+)", content, re.MULTILINE)) <= set(COMMANDS), page


@pytest.mark.parametrize("page", COMMAND_LINE)
def test_every_command_is_in_the_table(page: str) -> None:
    assert re.findall(r"^\| `esb (\w+)", text(page), re.MULTILINE) == [
        "init",
        "check",
        "doctor",
        "serve",
        "deliver",
        "config",
        "diff",
        "explain",
        "components",
        "plugins",
        "sandbox",
        "demo",
        "docs",
        "openapi",
        "schema",
        "dev",
        "new",
        "call",
        *["import"] * 2,
        "app",
        "grant",
        "impersonation",
        "apply",
        "history",
        *["delivery"] * 2,
        "key",
        "admin",
        *["db"] * 4,
    ]
    assert set(COMMANDS) == set(re.findall(r"^\| `esb (\w+)", text(page), re.MULTILINE))


@pytest.mark.parametrize("page", COMMAND_LINE)
def test_every_option_is_in_the_table_with_its_commands(page: str) -> None:
    rows = re.findall(r"^\| (`-.*?) \| (.*?) \|", text(page), re.MULTILINE)
    documented = {
        (command, option)
        for options, names in rows
        for option in re.findall(r"`(.+?)`", options)
        for command in re.findall(r"`(.+?)`", names)
    }

    assert documented == {(name, opt) for name, option in all_options(main) for opt in option.opts if name}
    assert {opt for name, option in all_options(main) for opt in option.opts if not name} == {"--version"}


@pytest.mark.parametrize("page", COMMAND_LINE)
def test_every_environment_variable_of_an_option_is_documented(page: str) -> None:
    variables = {str(option.envvar) for _, option in all_options(main) if option.envvar}

    assert set(re.findall(r"`(ESB_\w+)`", text(page))) == {*variables, "ESB_LOG", "ESB_ADMIN_TOKEN"}


def all_options(command: Command, path: str = "") -> Iterator[tuple[str, Option]]:
    """The options of a command and of those below it, each with its command's name; "" for `esb` itself."""
    for param in command.params:
        if isinstance(param, Option):
            yield path, param
    if isinstance(command, Group):
        for name, below in commands(command).items():
            yield from all_options(below, f"{path} {name}".strip())


@pytest.mark.parametrize("page", CONFIGURATION)
def test_every_name_for_use_is_documented(page: str) -> None:
    for _, _, name in BUILT_IN:
        assert f"`{name}`" in text(page), name


@pytest.mark.parametrize("page", CONFIGURATION)
def test_every_key_is_documented(page: str) -> None:
    configs = [find(group, name, service).config_type for group, service, name in BUILT_IN]
    for model in (DocumentKeys, ServicesKeys, ComponentKeys, Server, Sandbox, DatabaseConfig, *configs):
        for key in names_in(model):
            assert f"`{key}`" in text(page), f"{key} of {model.__name__}"


@pytest.mark.parametrize("page", CALLING)
def test_every_parameter_is_documented(page: str) -> None:
    params = [find(group, name).params_type for group, _, name in BUILT_IN if group == "components"]
    for model in (Notice, *params):
        for name in names_in(model):
            assert f"`{name}`" in text(page), f"{name} of {model.__name__}"


def names_in(kind: Any) -> set[str]:
    """The names of a model's fields, and of the models inside it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields
        return set(fields).union(*(names_in(field.annotation) for field in fields.values()))
    return set().union(*(names_in(part) for part in get_args(kind)))


@pytest.mark.parametrize("page", CALLING)
def test_every_component_is_documented_for_its_callers(page: str) -> None:
    for group, _, name in BUILT_IN:
        if group == "components" and name != "http":
            assert re.search(rf"\b{name.replace('_', '/', 1)}\b", text(page)), name


@pytest.mark.parametrize("page", CALLING)
def test_every_code_is_documented(page: str) -> None:
    classes = [found for found in vars(esb.core.errors).values() if isinstance(found, type)]
    codes = {found.code for found in classes if issubclass(found, esb.core.errors.EsbError)} | {0}

    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text(page), re.MULTILINE)} == codes


def _on_free_ports(folder: Path) -> Path:
    """The shipped configuration, but for its ports."""
    path = folder / "esb.yaml"
    path.write_text(text("conf/esb.yaml").replace("port: 8080", "port: 0").replace("port: 8089", "port: 0"))
    return path


def steady(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what is new in every answer; where it stands is kept."""
    data = answer["data"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer["request_id"])
    return {**answer, "request_id": "", "data": {**data, "msgids": ["" for _ in data["msgids"]]}}
