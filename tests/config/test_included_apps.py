"""Apps in files of their own, which `services.apps.config.include` names."""

import json
from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import GATEWAY, create_app
from esb.introspect import config_view
from tests.support.gateway import Gateway, OpenGateway

COMPONENTS = 'components: [{path: /a/echo/, use: "tests.support.components:Echo"}]\nmiddlewares: [{use: app_auth}]\n'
STATIC = "version: 1\nservices: {apps: {use: static, config: {%s}}}\n" + COMPONENTS


def write(folder: Path, **files: str) -> Path:
    """Write files of apps; return where esb.yaml is to be."""
    (folder / "apps").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "apps" / f"{name}.yaml").write_text(text)
    return folder / "esb.yaml"


async def code(gateway: Gateway, app: str, secret: str) -> Any:
    return (await gateway.call("a/echo", {"bk_app_code": app, "bk_app_secret": secret}))["code"]


async def test_apps_of_esb_yaml_and_of_included_files_may_call(open_gateway: OpenGateway, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("wrong")
    write(
        tmp_path,
        one="version: 1\nx-team: a\napps: [{code: one, secrets: [s1]}]",
        two='apps: [{code: two, secrets: ["${file:secret}"]}]',
    )
    (tmp_path / "apps" / "secret").write_text("s2\n")  # beside the file that names it
    own = 'include: ["apps/*.yaml"], apps: [{code: own, secrets: [s0]}]'
    gateway = await open_gateway(config=STATIC % own)
    assert [await code(gateway, *each) for each in (("own", "s0"), ("one", "s1"), ("two", "s2"))] == [0, 0, 0]
    assert await code(gateway, "two", "wrong") == 1306000


async def test_included_files_are_enough(open_gateway: OpenGateway, tmp_path: Path) -> None:
    write(tmp_path, one="apps: [{code: one, secrets: [s1]}]", none="apps: []")
    assert await code(await open_gateway(config=STATIC % 'include: ["apps/*.yaml"]'), "one", "s1") == 0


async def test_a_reload_reads_the_files_again_and_knows_new_ones(open_gateway: OpenGateway, tmp_path: Path) -> None:
    write(tmp_path, one="apps: [{code: one, secrets: [s1]}]")
    gateway = await open_gateway(config=STATIC % 'include: ["apps/*.yaml"]')
    path = write(tmp_path, one="apps: [{code: one, secrets: [new]}]", two="apps: [{code: two, secrets: [s2]}]")
    config = load(path, {})
    assert [file.name for file in config.files] == ["esb.yaml", "one.yaml", "two.yaml"]  # which `esb dev` watches

    await gateway.app[GATEWAY].reload(config)

    calls = (("one", "s1"), ("one", "new"), ("two", "s2"))
    assert [await code(gateway, *each) for each in calls] == [1306000, 0, 0]


@pytest.mark.parametrize("back_end", ["static", "bk_auth"])
def test_an_app_that_stands_twice_is_told_with_both_lines(tmp_path: Path, back_end: str) -> None:
    secrets = ", secrets: [a-secret]" if back_end == "static" else ""
    path = write(
        tmp_path,
        a=f"apps:\n  - {{code: one{secrets}}}\n  - {{code: two{secrets}}}\n",
        b=f"apps:\n  - {{code: three{secrets}}}\n  - {{code: two{secrets}}}\n  - {{code: one{secrets}}}\n",
    )
    remote = {"url": "http://bkauth", "app_code": "esb", "app_secret": "s", "apps": []}
    config = {"include": ["apps/*.yaml"], **(remote if back_end == "bk_auth" else {})}
    stanza = json.dumps({"use": back_end, "config": config})
    path.write_text(f"version: 1\nservices: {{apps: {stanza}}}\n{COMPONENTS}")

    with pytest.raises(ConfigError) as caught:
        create_app(load(path, {}))

    first, second = tmp_path / "apps" / "a.yaml", tmp_path / "apps" / "b.yaml"
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        f"{second}:3: apps[1].code: declared twice: two; it stands at {first}:3 already",
        f"{second}:4: apps[2].code: declared twice: one; it stands at {first}:2 already",
    ]


def test_a_mistake_in_an_included_app_is_told_in_its_file(tmp_path: Path) -> None:
    path = write(tmp_path, one="apps:\n  - {code: one, secrets: [s]}\n  - {code: two, secret: s}\n")
    path.write_text(STATIC % "include: [apps/one.yaml]")
    with pytest.raises(ConfigError) as caught:
        create_app(load(path, {}))
    assert {(mistake.file, mistake.line) for mistake in caught.value.mistakes} == {(str(tmp_path / "apps/one.yaml"), 3)}


def test_no_view_of_the_configuration_shows_a_secret_of_an_included_app(tmp_path: Path) -> None:
    path = write(tmp_path, one="apps: [{code: one, secrets: [hunter2-hunter2]}]")
    path.write_text(STATIC % "include: [apps/one.yaml]")
    shown = config_view.rendered(load(path, {}))["services"]["apps"]["config"]
    assert shown == {"include": ["apps/one.yaml"], "apps": [{"code": "one", "secrets": "***"}]}


@pytest.mark.parametrize("wrong", ["include: apps", "include: [7]", "include: [apps/one.yaml], apps: 7"])
def test_an_include_of_another_form_is_a_mistake(tmp_path: Path, wrong: str) -> None:
    path = write(tmp_path, one="apps: [{code: one, secrets: [s]}]")
    path.write_text(STATIC % wrong)
    with pytest.raises(ConfigError) as caught:
        create_app(load(path, {}))
    assert [(mistake.line, "expected" in mistake.text) for mistake in caught.value.mistakes] == [(2, True)]
