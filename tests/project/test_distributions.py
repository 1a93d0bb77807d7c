"""Plugins of other distributions, found by their entry points once pip has installed them."""

import shutil
from pathlib import Path

import pytest

from tests.support.processes.command_line import NOTICE, exchange, run, running
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


def install(source: Path, target: Path) -> str:
    """Install a distribution as pip does, without a network; return the import path."""
    arguments = ["install", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check", "--quiet"]
    done = python("-m", "pip", *arguments, "--target", str(target), str(source), folder=source, PYTHONWARNINGS="")
    assert done.returncode == 0, done.stderr
    return f"{target}:{ROOT}"


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
    assert check(tmp_path, dingtalk) == "ok: 1 components\n"
    assert "components[0].use: unknown plugin 'dingtalk_robot'" in check(tmp_path, str(ROOT))


def test_its_config_is_checked_as_any_other(dingtalk: str, tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(STANZA.replace("secret: s3cret", "sekret: s3cret"))
    assert check(tmp_path, dingtalk).splitlines() == [
        "esb.yaml:6: components[0].config.secret: missing; expected a string",
        "esb.yaml:6: components[0].config.sekret: unknown key (did you mean 'secret'?)",
    ]


def test_its_own_tests_pass(dingtalk: str) -> None:
    done = pytest_of(DINGTALK, PYTHONPATH=dingtalk)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


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
