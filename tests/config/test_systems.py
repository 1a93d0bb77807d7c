"""What the components of one system have in common, where they are `use: http`."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from esb.config import Config, load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.gateway import OpenGateway, OpenServer

SYSTEMS = """\
version: 1
systems:
  cc:
    hosts: ["{url}"]
    headers: {{X-Key: "${{KEY:-system-key}}"}}
    timeout: {timeout}
middlewares: []
components:
  - {{path: /v2/cc/search_host/, use: http, config: {{path: /hosts/}}}}
  - {{path: /cc/own/, use: http, timeout: 7, config: {{path: /own/, headers: {{X-Own: mine}}, timeout: {{query: 3}}}}}}
  - {{path: /gse/other/, use: http, config: {{path: /other/, hosts: ["{url}"]}}}}
  - {{path: /cc/echo/, use: "tests.support.components:Echo"}}
  - {{path: /x/y/, name: cc.named, use: http, config: {{path: /named/}}}}
"""


@pytest.fixture
async def upstream(open_server: OpenServer) -> str:
    async def answer(request: web.Request) -> web.Response:
        own = {name: value for name, value in request.headers.items() if name.startswith("X-") and "Bk" not in name}
        return web.json_response({"code": 0, "result": True, "data": {"path": request.path, "headers": own}})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    return await open_server(app)


def written(folder: Path, text: str) -> Config:
    (folder / "esb.yaml").write_text(text)
    return load(folder / "esb.yaml", {})


def by_path(config: Config) -> dict[str, Any]:
    return {stanza.path: stanza for stanza in config.components}


async def test_a_component_has_what_its_system_says_and_its_stanza_leaves_out(
    open_gateway: OpenGateway, upstream: str
) -> None:
    gateway = await open_gateway(config=SYSTEMS.format(url=upstream, timeout=5))
    found = {}
    for component in ("v2/cc/search_host", "cc/own", "gse/other", "x/y"):
        found[component] = (await gateway.call(component))["data"]
    assert {name: (data["path"], data["headers"]) for name, data in found.items()} == {
        "v2/cc/search_host": ("/hosts/", {"X-Key": "system-key"}),
        "cc/own": ("/own/", {"X-Own": "mine"}),
        "gse/other": ("/other/", {}),
        "x/y": ("/named/", {"X-Key": "system-key"}),
    }
    assert (await gateway.call("cc/echo"))["code"] == 0  # which no such key would fit


def test_a_number_is_the_time_for_the_whole_call(tmp_path: Path) -> None:
    stanzas = by_path(written(tmp_path, SYSTEMS.format(url="http://cc", timeout=5)))
    assert [stanzas[path].timeout for path in ("/v2/cc/search_host/", "/cc/own/", "/gse/other/", "/cc/echo/")] == [
        *(5.0, 7.0, 30.0, 30.0)
    ]


def test_a_mapping_is_the_time_for_one_attempt(tmp_path: Path) -> None:
    config = written(tmp_path, SYSTEMS.format(url="http://cc", timeout="{query: 2, operate: 4}"))
    stanzas = by_path(config)
    assert config.mistakes == []
    assert stanzas["/v2/cc/search_host/"].timeout == 30.0
    assert stanzas["/v2/cc/search_host/"].config.value["timeout"] == {"query": 2, "operate": 4}
    assert stanzas["/cc/own/"].config.value["timeout"] == {"query": 3}


def test_a_mistake_in_a_default_is_told_once_and_at_the_line_of_the_system(tmp_path: Path) -> None:
    config = written(tmp_path, SYSTEMS.format(url="cc:8000", timeout=5).replace('hosts: ["cc:8000"]}', "hosts: []}"))
    with pytest.raises(ConfigError) as caught:
        create_app(config)
    told = [(mistake.line, mistake.key) for mistake in caught.value.mistakes]
    assert told == [(4, "systems.cc.hosts[0]"), (11, "components[2].config.hosts")]


def test_without_a_system_the_component_lacks_its_hosts(tmp_path: Path) -> None:
    config = written(tmp_path, SYSTEMS.format(url="http://cc", timeout=5).replace("\n  cc:\n", "\n  ccc:\n"))
    with pytest.raises(ConfigError) as caught:
        create_app(config)
    assert [(mistake.line, mistake.text[:7]) for mistake in caught.value.mistakes] == [
        (9, "missing"),
        (10, "missing"),
        (13, "missing"),
    ]


@pytest.mark.parametrize("systems", ["null", "{}", "{cc: {hosts: ['http://cc']}}"])
def test_a_component_that_says_all_itself_needs_no_system(tmp_path: Path, systems: str) -> None:
    stanza = "{path: /cc/a/, use: http, config: {path: /a/, hosts: ['http://own']}}"
    config = written(tmp_path, f"version: 1\nsystems: {systems}\ncomponents: [{stanza}]\n")
    create_app(config)
    assert config.components[0].config.value["hosts"] == ["http://own"]


def test_a_component_in_an_included_file_has_the_defaults_of_its_system(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("components: [{path: /cc/a/, use: http, config: {path: /a/}}]")
    config = written(tmp_path, "version: 1\nsystems: {cc: {hosts: ['http://cc']}}\ninclude: [more.yaml]\n")
    create_app(config)
    assert config.components[0].config.value["hosts"] == ["http://cc"]


@pytest.mark.parametrize("timeout", ["soon", "-1", "true"])
def test_a_timeout_that_is_none_is_one_mistake(tmp_path: Path, timeout: str) -> None:
    config = written(tmp_path, SYSTEMS.format(url="http://h", timeout=timeout))
    assert {mistake.key for mistake in config.mistakes} == {"systems.cc.timeout"}
    assert by_path(config)["/v2/cc/search_host/"].timeout == 30
