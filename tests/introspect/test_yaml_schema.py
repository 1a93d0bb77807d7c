"""`esb schema`: what an editor is told of esb.yaml is what the gateway accepts."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from esb.cli.main import main
from esb.config import load
from esb.introspect.yaml_schema import schema_of_esb_yaml
from tests.support.configuration import OFFICIAL_ACCOUNT, SERVICES, WECOM
from tests.support.documentation import WHOLE_CONFIGS, Block
from tests.support.repository import BAD_CONFIGS, ROOT

BAD = BAD_CONFIGS
COMMITTED = ROOT / "conf" / "esb.schema.json"
BEYOND_A_SCHEMA = {
    "apps_include_wrong": "other files",
    "anchor_wrong": "how machines are called",
    "admin_at_the_port_of_calls": "what two listeners have in common",
    "sandbox_at_the_port_of_admin": "what two listeners have in common",
    "app_declared_twice": "what two items have in common",
    "user_declared_twice": "what two items have in common",
    "components_without_permission": "the order of a chain",
    "permission_before_app_auth": "the order of a chain",
    "permission_without_app_auth": "the order of a chain",
    "rate_limit_before_app_auth": "the order of a chain",
    "user_auth_before_app_auth": "the order of a chain",
    "globs_negated": "what a glob means",
    "include_from_no_folder": "other files",
    "include_gbk": "other files",
    "plugin_misspelt": "plugins of third parties",
    "secret_behind_no_blank": "keys of third parties",
    "secret_in_an_address": "what an address is",
    "store_wrong_with_workers": "what a key is",
    "utf16": "how a text is encoded",
    "secret_file_empty": "what a reference becomes",
    "secret_file_gbk": "what a reference becomes",
    "server_host_malformed": "how machines are called",
    "smtp_host_malformed": "how machines are called",
    "upstream_hosts_malformed": "how machines are called",
    "wecom_host_malformed": "how machines are called",
    "variable_empty": "what a reference becomes",
    "variable_empty_in_a_secret": "what a reference becomes",
    "cors_any_origin_and_another": "one value decides about another",
    "cors_any_origin_with_credentials": "one value decides about another",
    "alias_declared_twice": "what two stanzas have in common",
    "alias_with_other_variables": "how aliases and path belong together",
    "duplicate_key": "what YAML drops",
    "include_declares_again": "other files",
    "include_with_other_keys": "other files",
    "include_without_components": "other files",
    "include_without_match": "other files",
    "number_as_key": "types of keys",
    "name_of_two_paths": "what two stanzas have in common",
    "path_declared_twice": "what two stanzas have in common",
    "path_of_variables_only": "what a name needs",
    "path_variable_twice": "repetition in a text",
    "path_with_other_variable_names": "what two stanzas have in common",
    "reference_in_a_default": "what a reference becomes",
    "reference_in_a_key": "keys of mappings that take any",
    "reference_malformed": "what a reference becomes",
    "reference_not_closed": "what a reference becomes",
    "sandbox_missing": "what a reference becomes",
    "secret_file_missing": "what a reference becomes",
    "secret_file_not_text": "what a reference becomes",
    "secret_not_utf8": "what a reference becomes",
    "variable_not_set": "what a reference becomes",
    "variable_not_set_at_a_number": "what a reference becomes",
    "variable_required": "what a reference becomes",
}
"""Bad configuration -> what no schema can know."""


@cache
def validator(path: Path = ROOT / "conf" / "esb.yaml") -> Draft202012Validator:
    schema = schema_of_esb_yaml(load(path, {}))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def mistakes(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(yaml.safe_load(text))]


def test_the_committed_schema_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    printed = CliRunner().invoke(main, ["schema"])

    assert printed.output == COMMITTED.read_text("utf-8"), "run: esb schema > conf/esb.schema.json"


def test_the_shipped_configuration_names_the_schema_and_is_valid() -> None:
    text = (ROOT / "conf" / "esb.yaml").read_text("utf-8")

    assert text.splitlines()[0] == f"# yaml-language-server: $schema={COMMITTED.name}"
    assert mistakes(text) == []


@pytest.mark.parametrize("block", WHOLE_CONFIGS, ids=lambda block: block.place)
def test_the_configurations_of_the_docs_are_valid(block: Block) -> None:
    assert mistakes(block.text) == []


@pytest.mark.parametrize("components", [WECOM, OFFICIAL_ACCOUNT])
def test_the_configurations_of_the_tests_are_valid(components: str) -> None:
    assert mistakes(f"{SERVICES}components:\n{components}") == []


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_a_bad_configuration_is_invalid_where_a_schema_can_tell(name: str) -> None:
    try:
        content = yaml.safe_load((BAD / f"{name}.yaml").read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return  # no YAML, or none that a safe loader takes
    _with_classes_of_its_own(content)

    assert validator().is_valid(content) == (name in BEYOND_A_SCHEMA), BEYOND_A_SCHEMA.get(name, "")


def _with_classes_of_its_own(content: Any) -> None:
    """These files are not about plugins: theirs need not exist."""
    for stanza in content.get("components") or [] if isinstance(content, dict) else []:
        if isinstance(stanza, dict) and isinstance(stanza.get("use"), str) and "$" not in stanza["use"]:
            stanza["use"] = "package.module:Class"


COMPONENT = "version: 1\ncomponents:\n  - {path: /a/b/, use: %s}\n"


@pytest.mark.parametrize(
    "stanza",
    [
        "cmsi_get_msg_type",
        "cmsi_get_msg_type, config: null",
        "package.module:Class, config: {anything: 1}",
        "cmsi_send_weixin, config: {wx_qy_corpid: a}",
        "cmsi_send_weixin, config: {wx_type: mp, wx_app_id: a, wx_secret: b, wx_template_id: c}",
        "cmsi_send_weixin, config: {wx_qy_corpid: a}, test_config: {wx_qy_agentid: 1}",
        "cmsi_send_weixin, config: {wx_qy_corpid: a}, test_config: {}",
        'cmsi_send_weixin, config: {wx_qy_corpid: a, wx_qy_agentid: "${ID}", wx_qy_allow_all: "${ALL:-true}"}',
        'cmsi_send_weixin, config: {wx_type: "${TYPE}", wx_qy_corpid: a}',
        'cmsi_send_weixin, config: "${WHOLE}"',
        "cmsi_send_sms, config: {sdk_app_id: 1400000000}",
        'http, config: {hosts: ["http://${HOST}"], path: /a}',
        'http, config: {hosts: "${HOSTS}", path: /a, timeout: {query: "${T}"}}, timeout: "${T}", methods: [get]',
        "http, config: {hosts: ['http://a'], path: /a, breaker: {failures: 1, seconds: 2.5}}, max_body: null",
    ],
)
def test_what_the_gateway_takes_is_valid(stanza: str) -> None:
    assert mistakes(COMPONENT % stanza) == []


@pytest.mark.parametrize(
    "stanza",
    [
        "cmsi_send_wiexin",
        "cmsi_get_msg_type, config: {anything: 1}",
        "cmsi_send_weixin, config: {wx_type: mq}",
        "cmsi_send_weixin, config: {}",
        "cmsi_send_weixin, config: {wx_type: mp, wx_app_id: a}",
        'cmsi_send_weixin, config: {wx_qy_corpid: a, wx_qy_agentid: "1000002"}',
        'cmsi_send_weixin, config: {wx_qy_corpid: a, wx_qy_agentid: "1${ID}"}',
        "cmsi_send_weixin, config: {wx_qy_corpid: a}, test_config: {wx_qy_agent: 1}",
        "http",
        "http, config: {hosts: [], path: /a}",
        "http, config: {hosts: ['http://a'], path: /a, breaker: {failures: 0, seconds: 1}}",
        "http, config: {hosts: ['http://a'], path: /a, tls: {authority: x}}",
        "user_auth",
    ],
)
def test_what_the_gateway_refuses_is_invalid(stanza: str) -> None:
    assert mistakes(COMPONENT % stanza)


@pytest.mark.parametrize(
    ("services", "valid"),
    [
        ("apps: {use: static, config: {apps: [{code: a, secrets: [b]}]}}", True),
        ("apps: {use: static, config: {apps: [{code: a}]}}", False),
        ("apps: {use: bk_login, config: {url: a, app_token: b}}", False),
        ("login: {use: bk_login, config: {url: a, app_token: b}}", True),
        ("login: {use: bk_login}", False),
        ("store: {use: redis, config: {url: a, encryption_keys: [b]}}", True),
        ("jwt: {use: none}", True),
        ("jwt: null", True),
        ("users: {use: static, config: {users: [{username: a, telephone: 138}]}}", False),
    ],
)
def test_a_service_takes_its_own_back_ends(services: str, valid: bool) -> None:
    text = f"version: 1\nservices:\n  {services}\ncomponents: []\n"

    assert (mistakes(text) == []) is valid


def test_the_plugins_that_a_configuration_uses_are_known(tmp_path: Path) -> None:
    (tmp_path / "own_channel.py").write_text(
        "from pydantic import Field\nfrom esb import Component, ConfigModel, Params\n"
        "class Config(ConfigModel):\n    color: int = Field(description='which')\n"
        "class Own(Component[Config, Params]):\n    config_type = Config\n"
        "    async def handle(self, call, params):\n        return None\n"
    )
    path = tmp_path / "esb.yaml"
    path.write_text(COMPONENT % "own_channel:Own, config: {color: 1}")

    found = validator(path)

    assert found.is_valid(yaml.safe_load(path.read_text()))
    assert not found.is_valid(yaml.safe_load(COMPONENT % "own_channel:Own, config: {color: red}"))


def test_every_key_has_a_description() -> None:
    schema = json.loads(COMMITTED.read_text("utf-8"))
    lacking = [
        f"{name}.{key}"
        for name, model in {"": schema, **schema["$defs"]}.items()
        for key, each in model.get("properties", {}).items()
        if not each.get("description")
    ]

    assert lacking == []


def test_no_secret_of_the_configuration_is_in_it() -> None:
    assert not re.search(r"corp-secret|demo-secret", COMMITTED.read_text("utf-8"))
