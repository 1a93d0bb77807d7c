"""The components as the pages know them: at one address each, found by words of any language, built once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from esb.config import Config, load
from esb.introspect.declared import built
from esb.portal.declarations import CurrentDeclarations, Declarations
from esb.portal.page import Refused
from tests.support.configuration import WECOM

SERVICES = "version: 1\nsandbox: {}\nservices:\n  apps: {use: static, config: {apps: []}}\ncomponents:\n"
PROXY = "{use: http, config: {hosts: ['http://127.0.0.1:9'], path: /}"


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Config]:
    """Return what makes a configuration of these components."""

    def configured(components: str) -> Config:
        file = tmp_path / "esb.yaml"
        file.write_text(SERVICES + components)
        return load(file, sandbox_url="http://127.0.0.1:8089")

    return configured


def test_a_component_is_found_by_its_name_its_path_and_words_of_two_languages(config: Callable[[str], Config]) -> None:
    found = Declarations(built(config(f"{WECOM}  - {PROXY}, path: /cc/search_host/, description: hosts of a set}}\n")))
    assert [each.path for each in found.found("SEND weixin")] == ["/c/cmsi/send_weixin"]
    assert [each.path for each in found.found("http://gw:8080/api/c/compapi/cc/search_host/")] == ["/c/cc/search_host"]
    assert [each.path for each in found.found("hosts set")] == ["/c/cc/search_host"]
    assert [each.path for each in found.found("微信")] == ["/c/cmsi/send_weixin"]
    assert [each.path for each in found.found("receiver__username")] == ["/c/cmsi/send_weixin"]
    assert [each.path for each in found.found("部门")] == ["/c/cmsi/send_weixin"]
    assert found.found("nothing of the kind") == []


def test_a_name_counts_more_than_a_description(config: Callable[[str], Config]) -> None:
    found = Declarations(built(config(f"{WECOM}  - {PROXY}, path: /a/receiver/}}\n")))
    assert [each.name for each in found.found("receiver")] == ["receiver", "send_weixin"]
    assert [each.name for each in found.found("", "cmsi")] == ["send_weixin"]


def test_components_of_one_name_have_an_address_each(config: Callable[[str], Config]) -> None:
    lines = "".join(
        f"  - {PROXY}, path: {path}, methods: [{method}]}}\n"
        for path, method in (("/cc/host/", "GET"), ("/cc/host/", "POST"), ("/cc/host-2/", "GET"))
    )
    found = Declarations(built(config(lines)))
    assert [each.path for each in found] == ["/c/cc/host", "/c/cc/host-3", "/c/cc/host-2"]
    assert found.at("cc", "host-3").declared.stanza.methods == ("POST",)
    with pytest.raises(Refused):
        found.at("cc", "host-4")


async def test_they_are_built_once_for_each_configuration(config: Callable[[str], Config]) -> None:
    configs = [config(WECOM)]
    current = CurrentDeclarations(lambda: configs[-1])
    first = await current.get()
    assert await current.get() is first
    configs.append(config(f"{WECOM}  - {PROXY}, path: /cc/host/}}\n"))
    assert len(await current.get()) == 2


async def test_what_cannot_be_built_any_more_is_refused(config: Callable[[str], Config]) -> None:
    current = CurrentDeclarations(lambda: config("  - {use: gone, path: /a/b/}\n"))
    with pytest.raises(Refused) as raised:
        await current.get()
    assert raised.value.status == 503
