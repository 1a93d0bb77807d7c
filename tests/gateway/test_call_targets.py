"""Components that call others: each path leads to one that is declared, and none in a circle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from esb import Call, Component, ConfigModel, Params
from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app


class CallerConfig(ConfigModel):
    to: str | None = None
    many: tuple[str, ...] = ()


class Caller(Component[CallerConfig, Params]):
    """Calls what its config names."""

    config_type = CallerConfig

    async def handle(self, call: Call, params: Params) -> Any: ...

    def calls(self) -> Mapping[tuple[str | int, ...], str]:
        many: dict[tuple[str | int, ...], str] = {("many", index): path for index, path in enumerate(self.config.many)}
        return many | ({("to",): self.config.to} if self.config.to else {})


def mistakes(folder: Path, *configs: str) -> list[str]:
    path = folder / "esb.yaml"
    use = f'use: "{__name__}:Caller"'
    stanzas = (
        f"  - {{path: /x/{name}/, aliases: [/y/{name}/], methods: [{method}], {use}, config: {{{config}}}}}\n"
        for name, method, config in zip("abcd", ("POST", "POST", "POST", "GET"), configs, strict=False)
    )
    path.write_text(f"version: 1\ncomponents:\n{''.join(stanzas)}")
    try:
        create_app(load(path, {}))
    except ConfigError as error:
        return [f"{mistake.line}: {mistake.key}: {mistake.text}" for mistake in error.mistakes]
    return []


def test_a_way_that_ends_is_sound(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "to: /x/b/, many: [/x/c/, /y/b/]", "to: /x/c/", "") == []


def test_what_is_not_declared_or_takes_no_post_is_told(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "to: /x/bb/, many: [/x/b/, /nowhere/]", "", "", "") == [
        "3: components[0].config.many[1]: no component is declared at /nowhere/, for POST; `esb components` lists them",
        "3: components[0].config.to: no component is declared at /x/bb/, for POST (did you mean '/x/b/'?)",
    ]
    (told,) = mistakes(tmp_path, "to: /x/d/", "", "", "")
    assert "no component is declared at /x/d/, for POST" in told


@pytest.mark.parametrize(
    ("configs", "lines"),
    [
        (["to: /x/a/"], [3]),
        (["to: /y/a/"], [3]),
        (["to: /x/b/", "to: /x/c/", "to: /x/a/"], [3, 4, 5]),
        (["to: /x/b/", "to: /x/c/", "to: /x/b/"], [4, 5]),
    ],
)
def test_a_circle_is_told_at_each_part_of_it(tmp_path: Path, configs: list[str], lines: list[int]) -> None:
    found = mistakes(tmp_path, *configs)
    assert [int(mistake.partition(":")[0]) for mistake in found] == lines
    assert all(mistake.endswith("it leads back to this component") for mistake in found)
