"""Distributions: what those of the gateway hold; and plugins of others, found by their entry points once installed."""

import configparser
import json
import re
import shutil
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from esb._version import __version__
from tests.support.documentation import PAGES, text
from tests.support.processes.command_line import NOTICE, exchange, run, running
from tests.support.processes.distributions import install, pip
from tests.support.processes.interpreter import pytest_of, python
from tests.support.repository import ROOT

DINGTALK = ROOT / "examples" / "esb-dingtalk"
STANZA = """\
version: 1
components:
  - path: /chat/send_dingtalk/
    methods: [POST]
    use: dingtalk_robot
    config: {access_token: t0ken, secret: s3cret}
"""
SETUP = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "esb-house-rules"
version = "1.0"

[project.entry-points."esb.components"]
house_word = "esb_house_rules:Word"
[project.entry-points."esb.middlewares"]
house_rule = "esb_house_rules:Rule"
[project.entry-points."esb.services"]
house_login = "esb_house_rules:Login"

[tool.setuptools]
py-modules = ["esb_house_rules"]
"""
MODULE = """\
from esb import Component, ConfigModel, EsbError


class Config(ConfigModel):
    word: str


class Word(Component):
    config_type = Config

    async def handle(self, call, params):
        return {"word": self.config.word, "user": call.user.username}


class Rule:
    config_type = Config

    def __init__(self, config, services):
        self.config = config

    async def __call__(self, call, handler):
        if self.config.word in call.args:
            raise EsbError("house rule: no {word}", word=self.config.word)
        return await handler(call)


class Login:
    service = "login"
    config_type = Config

    def __init__(self, config, services):
        self.config = config

    async def username(self, call, bk_token):
        return f"{self.config.word}-{bk_token}"

    async def close(self):
        pass
"""
HOUSE = """\
version: 1
services:
  apps: {use: static, config: {apps: [{code: esb_demo, secrets: [demo-secret]}]}}
  login: {use: house_login, config: {word: user}}
middlewares:
  - {use: house_rule, config: {word: smoking}}
  - {use: app_auth}
  - {use: user_auth}
components:
  - {path: /house/word/, use: house_word, config: {word: welcome}}
"""
NOT_OURS = ("PKG-INFO", "setup.cfg", "esb_gateway.egg-info/*")
"""Names of files that setuptools adds to an sdist."""
ANNOTATIONS = {"types-cachetools", "types-jsonschema", "types-pyyaml", "types-regex"}
"""Requirements that only the type checker reads, in their newest versions."""
SHIPPED = {".mo", ".py", ".txt", ".typed", ".html", ".css", ".js", ".svg"}
"""Suffixes of the files of esb/ that the wheel needs; an .po is for translators."""


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository as it is cloned: without what git ignores."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    copy = tmp_path_factory.mktemp("source") / "esb"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", *ignored))
    for name in NOT_OURS:
        (copy / name).unlink(missing_ok=True)  # if this is an sdist already
    return copy


@pytest.fixture(scope="module")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(source, folder / "source")
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    done = python("-c", code, folder=folder / "source", PYTHONWARNINGS="")
    assert done.returncode == 0, done.stderr
    [archive] = folder.glob("esb_gateway-*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> zipfile.ZipFile:
    """The wheel, built from the sdist as everybody else builds it."""
    pip("wheel", "--wheel-dir", str(sdist.parent), str(sdist), folder=sdist.parent)
    [archive] = sdist.parent.glob("esb_gateway-*.whl")
    return zipfile.ZipFile(archive)


def test_the_sdist_holds_all_of_the_repository(source: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert {name for name in names if not any(Path(name).match(added) for added in NOT_OURS)} == files_of(source)


def test_the_wheel_holds_the_package_and_nothing_else(source: Path, wheel: zipfile.ZipFile) -> None:
    package = {f"esb/{name}" for name in files_of(source / "esb") if Path(name).suffix in SHIPPED}
    assert {"esb/py.typed", "esb/locale/zh_Hans/LC_MESSAGES/esb.mo", "esb/cli/templates/query.py.txt"} <= package
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == package


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    about = {name.partition(".dist-info/")[2]: name for name in wheel.namelist() if ".dist-info/" in name}
    metadata = wheel.read(about["METADATA"]).decode()
    points = configparser.ConfigParser()
    points.read_string(wheel.read(about["entry_points.txt"]).decode())

    assert "licenses/LICENSE" in about
    assert "\nDescription-Content-Type: text/markdown\n" in metadata
    assert "\nProject-URL: " in metadata
    assert f"pkg:pypi/esb-gateway@{__version__}" in wheel.read(about["sboms/esb-gateway.cdx.json"]).decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert dict(points["console_scripts"]) == {"esb": "esb.cli.main:main"}
    assert dict(points["pytest11"]) == {"esb": "esb.pytest_plugin"}


def test_its_page_reads_without_the_repository(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    page = wheel.read(name).decode().partition("\n\n")[2]
    assert page.startswith("# esb-gateway\n")
    assert [link for link in re.findall(r"\]\(([^)]*)\)", page) if not link.startswith("https://")] == []
    assert "| Calling components (`docs/calling.md`) |" in page


def test_what_the_docs_tell_to_install_is_this_wheel() -> None:
    for page in PAGES:
        shown = re.findall(r"pip install (.*)", text(page))
        assert not [command for command in shown if re.search(r"(^|['\" ])esb-gateway", command)], page
        assert set(re.findall(r"esb_gateway-([\w.]+)-py3", text(page))) <= {__version__}, page


def test_every_requirement_has_the_floor_that_ci_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    written = sum(project["optional-dependencies"].values(), project["dependencies"])
    floors = {re.sub(r"\[.*?\]|[,;].*", "", line).replace(">=", "==").lower() for line in written}
    done = python(str(ROOT / ".ci" / "lowest.py"), folder=ROOT)

    assert set(done.stdout.splitlines()) == {line for line in floors if "==" in line}, done.stderr
    assert {line for line in floors if "==" not in line} == {"esb-gateway", *ANNOTATIONS}


def test_ci_tries_every_extra_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tried = re.findall(r'^    "(\w+)": "\w+",$', (ROOT / ".ci" / "smoke.py").read_text(), re.MULTILINE)

    assert set(tried) == set(project["optional-dependencies"]) - {"test", "dev"}


def check(folder: Path, path: str, **environ: str) -> str:
    """Return the output of `esb check` with this import path."""
    return run("check", "-c", "esb.yaml", folder=folder, PYTHONPATH=path, **environ).stdout


@pytest.fixture(scope="module")
def dingtalk(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dingtalk")
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(DINGTALK, folder / "source", ignore=ignored)
    return install(folder / "source", folder / "target")


def test_one_stanza_is_enough_once_it_is_installed(dingtalk: str, tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(STANZA)
    assert check(tmp_path, dingtalk).splitlines()[-1].startswith("ok: 1 components")
    assert "components[0].use: unknown plugin 'dingtalk_robot'" in check(tmp_path, str(ROOT))


def test_its_config_is_checked_as_any_other(dingtalk: str, tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(STANZA.replace("secret: s3cret", "sekret: s3cret"))
    assert check(tmp_path, dingtalk).splitlines() == [
        "esb.yaml:6: components[0].config.sekret: unknown key (did you mean 'secret'?)",
    ]


def test_its_own_tests_pass(dingtalk: str) -> None:
    done = pytest_of(DINGTALK, PYTHONPATH=dingtalk)
    assert done.returncode == 0, done.stdout
    assert "12 passed" in done.stdout


def test_the_stanza_of_its_readme_has_no_mistakes(dingtalk: str, tmp_path: Path) -> None:
    stanza = (DINGTALK / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "esb.yaml").write_text(f"version: 1\n{stanza}")
    secrets = {"DINGTALK_ACCESS_TOKEN": "t0ken", "DINGTALK_SECRET": "s3cret"}
    assert check(tmp_path, dingtalk, **secrets) == "ok: 1 components\n"


def test_components_middlewares_and_services_come_by_entry_points(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(SETUP)
    (source / "esb_house_rules.py").write_text(MODULE)
    (tmp_path / "esb.yaml").write_text(HOUSE)
    path = install(source, tmp_path / "target")
    who = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_token": "7"}
    arguments = ("serve", "-c", tmp_path / "esb.yaml", "--port", "0")
    with running(*arguments, log=tmp_path / "log", fresh=True, PYTHONPATH=path) as gateway:
        url = f"{gateway.url}/api/c/compapi/house/word/"
        assert exchange(url, who).body["data"] == {"word": "welcome", "user": "user-7"}
        assert exchange(url, {**NOTICE, "smoking": 1}).body["message"] == "house rule: no smoking"


LISTED = """\
[project.entry-points."esb.components"]
fine = "esb_listed:Word"
cmsi_send_sms = "esb_listed:Word"
gone = "esb_gone:Word"
empty = "esb_listed:Nothing"
[project.entry-points."esb.middlewares"]
rule = "esb_listed:Word"
[project.entry-points."esb.services"]
key = "esb_listed:Key"
login = "esb_listed:Login"

[tool.setuptools]
py-modules = ["esb_listed"]
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A distribution of entry points, of which two can be used."""
    source = tmp_path_factory.mktemp("listed")
    (source / "pyproject.toml").write_text(
        SETUP.partition("[project.entry")[0].replace("house-rules", "listed") + LISTED
    )
    more = 'class Key(Login):\n    service = "keys"\n'
    (source / "esb_listed.py").write_text(f"{MODULE}\n\n{more}")
    return install(source, source / "target")


def test_plugins_are_listed_with_their_distribution(listed: str, tmp_path: Path) -> None:
    done = run("plugins", "--format", "json", folder=tmp_path, PYTHONPATH=listed)
    found = {
        (each["kind"], each["service"], each["name"], each["distribution"]): each for each in json.loads(done.stdout)
    }
    theirs = [found["component", "", "fine", "esb-listed"], found["service", "login", "login", "esb-listed"]]
    ours = found["component", "", "cmsi_send_weixin", "esb-gateway"]

    assert (done.code, done.stderr) == (0, "")
    assert [(each["version"], each["module"], each["problem"]) for each in theirs] == [("1.0", "esb_listed", "")] * 2
    assert (ours["version"], ours["module"]) == (__version__, "esb.plugins.cmsi_send_weixin")


def test_entry_points_that_are_broken_are_named(listed: str, tmp_path: Path) -> None:
    done = run("plugins", folder=tmp_path, PYTHONPATH=listed)
    table, *problems = done.stdout.rstrip().split("\n\n")
    keys = "apps, login, users, access_tokens, jwt, store, engine"

    assert done.code == 0, done.stderr
    assert re.search(r"^services.login +login +esb-listed +1.0 +esb_listed$", table, re.MULTILINE)
    assert sorted(problems) == [
        "component cmsi_send_sms of esb-listed cannot be used: a built-in of this name counts",
        "component empty of esb-listed cannot be used: module 'esb_listed' has no class 'Nothing'",
        "component gone of esb-listed cannot be used: there is no module 'esb_gone'",
        "middleware rule of esb-listed cannot be used: 'esb_listed:Word' is no middleware: "
        "it must define async __call__(call, handler)",
        "service key of esb-listed cannot be used: 'esb_listed:Key' names no key of services in `service`; "
        f"those are {keys}",
    ]
