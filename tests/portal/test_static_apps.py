"""Apps of esb.yaml as pages show them: whatever back end they stand in, and nothing that is secret."""

from pathlib import Path

import pytest

from esb.config import load
from esb.portal.static_apps import static_apps

APPS = """[
  {code: shop, secrets: [hunter2], components: ["cmsi.*"], owners: [li], impersonate: ["ops-*"], disabled: true,
   settings: {region: south, api_key: hunter2}, callbacks: {done: "https://shop.example.com/?key=hunter2"}},
  {code: billing, secrets: [hunter2], expires: 2027-12-31,
   grants: [{components: [cc.search_host], until: 2027-06-30}]}
]"""
STATIC = f"{{use: static, config: {{apps: {APPS}}}}}"
CHAIN = f"{{use: chain, config: {{backends: [{STATIC}]}}}}"


@pytest.mark.parametrize("apps", [STATIC, CHAIN])
def test_apps_are_shown_in_the_order_of_their_codes_without_their_secrets(tmp_path: Path, apps: str) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(f"version: 1\nservices: {{apps: {apps}}}\ncomponents: []\n")
    billing, shop = static_apps(load(str(file)))
    assert "hunter2" not in f"{billing} {shop}"
    assert shop["settings"]["region"] == "south"
    assert (shop["components"], shop["impersonate"], shop["owners"]) == (["cmsi.*"], ["ops-*"], ["li"])
    assert (shop["disabled"], shop["callbacks"]) == (True, ["done"])
    assert (billing["code"], billing["components"], billing["disabled"]) == ("billing", [], False)
    assert billing["grants"][0]["components"] == ["cc.search_host"]


@pytest.mark.parametrize("services", ["{}", "{apps: {use: bk_auth, config: {bk_auth_host: 'https://x.example.com'}}}"])
def test_a_configuration_without_such_apps_has_none(tmp_path: Path, services: str) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(f"version: 1\nservices: {services}\ncomponents: []\n")
    assert static_apps(load(str(file))) == []
