"""`esb docs`: the contract of every component with its callers, in two languages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import esb.core.errors
from esb.cli.main import main
from esb.core.i18n import Catalogues
from esb.introspect.caller_contract import CODES
from tests.support.databases import stanza

CONFIG = """\
version: 1
components:
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: {wx_qy_corpid: ww0000000000000001}
  - {path: /cmsi/send_mail/, use: cmsi_send_mail}
  - {path: /cmsi/send_voice_msg/, use: cmsi_send_voice_msg}
  - {path: /cmsi/get_msg_type/, methods: [GET], use: cmsi_get_msg_type}
  - {path: "/tasks/{id}/", methods: [GET], use: http, config: {hosts: ["http://a"], path: "/{id}"}}
  - {path: "/files/{id}/", methods: [GET], use: http, config: {hosts: ["http://a"], path: "/{id}", response: raw}}
"""
PROMISED = """\
bk_app_code | string | 是
bk_app_secret | string | 是
bk_token | string | 否
bk_username | string | 否
receiver | string | 否
receiver__username | string | 否
data | dict | 是
wx_qy_agentid | string | 否
wx_qy_corpsecret | string | 否
heading | string | 是
message | string | 是
date | string | 否
remark | string | 否
is_message_base64 | bool | 否
result | bool
code | int
message | string
"""
"""Parameters and answer keys in BlueKing's own document of send_weixin."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "esb.yaml"
    path.write_text(CONFIG)
    return path


def docs(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["docs", "-c", str(config), *arguments])


def document(config: Path, component: str, language: str = "en", system: str = "cmsi") -> str:
    done = docs(config, system, component, "--language", language)
    assert done.exit_code == 0, done.output
    return done.output


def describe(config: Path) -> Any:
    return json.loads(CliRunner().invoke(main, ["openapi", "-c", str(config)]).output)


def section(text: str, title: str) -> str:
    """Return the text below a heading, up to the next one of its rank or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[2]


def test_send_weixin_has_the_form_of_the_api_document(config: Path) -> None:
    text = document(config, "send_weixin", "zh-hans")

    assert re.findall(r"^#{2,3} (.*)", text, re.MULTILINE) == [
        "cmsi/send_weixin", "请求方法", "请求地址", "通用参数", "功能描述", "请求参数", "请求参数示例", "返回结果示例",
        "返回结果参数说明", "返回码", "组件配置",
    ]  # fmt: skip
    assert "#### 接口参数" in text
    assert "#### data 参数包含内容" in text
    assert section(text, "请求方法").strip() == "POST"
    assert section(text, "请求地址").split() == [
        "/api/c/compapi/cmsi/send_weixin/",
        "/api/c/compapi/v2/cmsi/send_weixin/",
    ]
    assert "发送微信消息，支持微信公众号消息，及微信企业号消息" in section(text, "功能描述")


@pytest.mark.parametrize("row", PROMISED.splitlines())
def test_every_parameter_that_was_promised_is_there(config: Path, row: str) -> None:
    assert f"| {row} | " in document(config, "send_weixin", "zh-hans")


def test_the_examples_are_json_and_those_of_the_api_document(config: Path) -> None:
    request, answer = re.findall(r"```json\n(.*?)```", document(config, "send_weixin"), re.DOTALL)

    assert json.loads(request) == {
        "bk_app_code": "esb_test",
        "bk_app_secret": "xxx",
        "bk_token": "xxx",
        "receiver": "xxx",
        "data": {
            "heading": "blueking alarm",
            "message": "This is a test.",
            "date": "2017-02-22 15:36",
            "remark": "This is a test!",
        },
    }
    assert {**json.loads(answer), "data": None, "request_id": ""} == {
        "result": True, "code": 0, "message": "OK", "data": None, "request_id": ""
    }  # fmt: skip
    assert json.loads(answer)["data"] == {"accepted": ["xxx"], "failed": [], "unknown": [], "msgids": ["1"]}


def test_both_languages_say_the_same_and_nothing_is_left_in_english(config: Path) -> None:
    english, chinese = docs(config, "--language", "en").output, docs(config, "--language", "zh-hans").output

    def form(text: str) -> list[str]:
        cells = re.findall(r"^\| ([^|]*) \| ", text, re.MULTILINE)
        return [cell for cell in cells if cell.isascii() and cell not in {"field", "code", "header"}]

    assert form(english) == form(chinese)
    assert english.isascii() or set(re.findall(r"[^\x00-\x7f]", english)) <= set("×…")
    prose = re.findall(r"^\|.* \| ([^|]*) \|$", chinese, re.MULTILINE)
    assert [cell for cell in prose if cell.isascii() and cell not in {"---", ""}] == []


def test_headers_are_those_that_the_component_heeds(config: Path) -> None:
    sending = section(document(config, "send_weixin"), "Request parameters")
    asking = section(document(config, "get_msg_type"), "Request parameters")

    for header in ("X-Bkapi-Authorization", "Blueking-Language", "X-Bkapi-Request-Id"):
        assert f"| {header} |" in sending
        assert f"| {header} |" in asking
    for header in ("Idempotency-Key", "X-Dry-Run", "X-Use-Test-Env"):
        assert f"| {header} |" in sending
        assert f"| {header} |" not in asking


def test_lists_of_mappings_have_tables_of_their_own(config: Path) -> None:
    mail, voice = document(config, "send_mail"), document(config, "send_voice_msg")

    assert "| filename | string | yes | file name |" in section(mail, "Contents of attachments")
    assert "| mobile_phone | string | no |" in section(voice, "Contents of user_list_information")
    assert "| is_active | bool |" in document(config, "get_msg_type")


def test_what_another_system_answers_is_told_so(config: Path) -> None:
    completed, raw = document(config, "tasks", system="tasks"), document(config, "files", system="files")

    assert "completed with what is missing of these" in completed
    assert "status, headers and body" in raw
    for text in (completed, raw):
        assert "### Answer example" not in text
        assert "| id | string | yes | part of the address |" in section(text, "Path variables")


DESCRIBED = """\
version: 1
components:
  - path: /tasks/list/
    use: http
    description: |
      查询任务 / The tasks of a business.

      One page
      at a time.
    config: {hosts: ["http://a"], path: /}
  - {path: /tasks/silent/, use: "silent:Silent"}
"""
SILENT = """\
from esb import Component

class Silent(Component):
    async def handle(self, call, params): ...
"""


def test_a_stanza_may_say_what_its_component_does(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(DESCRIBED, encoding="utf-8")
    (tmp_path / "silent.py").write_text(SILENT)
    for language, title in (("en", "Description"), ("zh-hans", "功能描述")):
        text = document(path, "list", language, "tasks")
        assert section(text, title).strip() == "查询任务 / The tasks of a business.\n\nOne page at a time."
        assert section(document(path, "silent", language, "tasks"), title).strip() == ""
    operations = [each["get"] for each in describe(path)["paths"].values()]
    assert [(each["summary"], each["description"]) for each in operations] == [
        ("查询任务 / The tasks of a business.", "One page at a time."),
        ("silent", ""),
    ]


def test_operators_find_the_keys_of_config(config: Path) -> None:
    keys = section(document(config, "send_weixin"), "Configuration")

    assert "| wx_qy_corpid | string | yes | WeCom: id of the corporation |" in keys
    assert "#### Contents of wx_template_keys" in document(config, "send_weixin")
    assert "### Configuration" not in document(config, "get_msg_type")


def test_every_code_has_its_meaning(config: Path) -> None:
    classes = [found for found in vars(esb.core.errors).values() if isinstance(found, type)]

    assert {found.code for found in classes if issubclass(found, esb.core.errors.EsbError)} | {0} == CODES.keys()
    for code in CODES:
        assert f"| {code} | " in document(config, "get_msg_type")


def test_one_system_or_all_can_be_asked_for(config: Path) -> None:
    def titles(*arguments: str) -> list[str]:
        return re.findall(r"^## (.*)", docs(config, *arguments).output, re.MULTILINE)

    assert titles() == [
        "cmsi/send_weixin", "cmsi/send_mail", "cmsi/send_voice_msg", "cmsi/get_msg_type", "tasks/tasks", "files/files",
    ]  # fmt: skip
    assert titles("tasks") == ["tasks/tasks"]
    assert titles("cmsi", "send_mail") == ["cmsi/send_mail"]


def test_a_component_that_is_not_there_is_told_so(config: Path) -> None:
    done = docs(config, "cmsi", "send_wiexin")

    assert done.exit_code == 1
    assert "no such component: cmsi/send_wiexin" in done.output


def test_documents_are_written_a_file_each(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "documents"

    done = docs(config, "-o", str(folder))

    assert (folder / "cmsi" / "send_weixin.md").read_text("utf-8") == document(config, "send_weixin")
    assert sorted(Path(line) for line in done.output.splitlines()) == sorted(folder.rglob("*.md"))


def test_an_index_leads_to_every_document(config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text() + "  - {path: /old/thing/, use: cmsi_get_msg_type, active: false}\n")
    docs(config, "-o", str(tmp_path), "--language", "zh-hans")

    text = (tmp_path / "README.md").read_text("utf-8")

    links = re.findall(r"^\| \[(.*)\]\((.*)\) \| (.+) \|$", text, re.MULTILINE)
    assert [name for name, _, _ in links][:2] == ["cmsi/send_weixin", "cmsi/send_mail"]
    assert {address for _, address, _ in links} == {
        str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*/*.md")
    }  # fmt: skip
    assert re.findall(r"^#+ (.*)", text, re.MULTILINE) == ["组件", "cmsi", "tasks", "files", "old"]
    assert "已停用" in {name: words for name, _, words in links}["old/thing"]


TYPED = """\
from enum import StrEnum
from typing import Annotated, Literal
from pydantic import BaseModel, Field
from esb import Component, Label, NoConfig, Params, Text

class Level(StrEnum):
    LOW = "low"
    HIGH = "high"

class TypedParams(Params):
    named: Annotated[Text, Label("shown name")] = ""
    level: Level = Level.LOW
    mode: Literal["fast", "slow"] = Field("fast", description="how: fast or slow")
    size: int = Field(1, ge=1, lt=100, description="size")
    names: list[Annotated[str, Field(max_length=9)]] = Field([], max_length=5)
    code: str = Field("", pattern="^[a-z]+$", max_length=8)

class Answer(BaseModel):
    names: list[str]
    grid: list[list[int]] = []

class Typed(Component[NoConfig, TypedParams]):
    params_type = TypedParams
    answer_type = Answer
    async def handle(self, call, params): ...
"""


def test_choices_limits_items_and_labels_are_told(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED)
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents: [{path: /typed/thing/, use: 'typed:Typed'}]\n")

    text = docs(path).output

    for row in (
        "named | string | no | shown name",
        "level | string | no | one of: low, high; default low",
        "mode | string | no | how: fast or slow; default fast",
        "size | int | no | size; at least 1; less than 100; default 1",
        "names | list[string] | no | at most 5 items",
        "code | string | no | at most 8 characters; of the form ^[a-z]+$",
        "grid | list[list[int]] | ",
        "retry_after | float | seconds until the same call may work; null if nobody knows",
    ):
        assert f"| {row} |" in text or (row.endswith(" ") and f"| {row}" in text), row


def test_a_failure_has_a_table_of_its_own_where_the_data_is_a_list(config: Path) -> None:
    text = document(config, "get_msg_type")

    assert "| is_active | bool |" in section(text, "Contents of data")
    assert "| hint | string |" in section(text, "Contents of data of a failure")
    sending = document(config, "send_weixin")
    assert "Contents of data of a failure" not in sending
    assert "| hint | string |" in section(sending, "Answer fields")


def test_a_table_stays_one_whatever_a_plugin_writes(tmp_path: Path) -> None:
    (tmp_path / "odd_channel.py").write_text(
        "from typing import Any\nfrom pydantic import Field\nfrom esb import Component, NoConfig, Params\n"
        "class P(Params):\n    a: Any = Field(None, description='one | other\\nline')\n    b: int = 3\n"
        "class Odd(Component[NoConfig, P]):\n    params_type = P\n"
        "    async def handle(self, call, params):\n        return None\n"
    )
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents: [{path: /odd/channel/, use: 'odd_channel:Odd'}]\n")

    text = docs(path).output

    assert "| a | any | no | one \\| other line |" in text
    assert "| b | int | no | default 3 |" in text
    assert Catalogues().translate("zh-hans")("") not in text


def test_the_parameters_of_an_asynchronous_call_are_told_where_there_are_some(config: Path, tmp_path: Path) -> None:
    assert "Parameters of an asynchronous call" not in document(config, "send_weixin")
    added = f"deliveries: {{}}\nservices:\n{stanza(f'sqlite:///{tmp_path}/esb.db')}components:\n"
    config.write_text(CONFIG.replace("components:\n", added))
    found = section(document(config, "send_weixin"), "Parameters of an asynchronous call")
    names = re.findall(r"^\| (\w+) \|", found, re.MULTILINE)
    assert names[1:] == ["async", "deliver_at", "expires", "callback", "priority"]
    assert "Parameters of an asynchronous call" not in document(config, "get_msg_type")
