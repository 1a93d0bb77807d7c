"""Two languages: Blueking-Language decides, for each call by itself, over real HTTP."""

import asyncio
from typing import Any

import pytest

from esb import Call, Component, Envelope, EsbError, Message, Params
from esb.core.i18n import Catalogues
from esb.gateway.app import GATEWAY
from tests.support.configuration import DEMO, MESSAGE, WECOM
from tests.support.gateway import Gateway, OpenGateway

CHINESE = {"Blueking-Language": "zh-hans"}
ENGLISH = {"Blueking-Language": "en"}
REQUIRED = {"en": "This field is required.", "zh": "这个字段是必填项。"}

ROOMS = """\
  - {path: /test/told/, use: "tests.core.test_i18n:Told"}
  - {path: /test/enveloped/, use: "tests.core.test_i18n:Enveloped"}
  - {path: /test/refused/, use: "tests.core.test_i18n:Refused"}
  - {path: /test/crash/, use: "tests.support.components:Crash"}
  - {path: /test/hang/, timeout: 0.05, use: "tests.support.components:Hang"}
  - {path: /test/off/, active: false, use: "tests.support.components:Echo"}
"""
HUGE = 2**70
"""A whole number that orjson does not write, so the standard library writes the answer."""


class Told(Component[Any, Params]):
    """Succeeds, with texts for people in its data."""

    async def handle(self, call: Call, params: Params) -> Any:
        return {"hint": Message("wechat receiver"), "failed": [{"errmsg": Message(REQUIRED["en"]), "receiver": "{x}"}]}


class Enveloped(Component[Any, Params]):
    """Makes an envelope of its own; its data is big."""

    async def handle(self, call: Call, params: Params) -> Any:
        return Envelope(result=False, code=7, message=Message(REQUIRED["en"]), data={"n": HUGE, "t": [Message("CC")]})


class Refused(Component[Any, Params]):
    """Fails with a text that is in no catalogue, and with braces where a caller's own text stands."""

    async def handle(self, call: Call, params: Params) -> Any:
        hint = Message("{label} [{name}] {problem}", {"label": Message("sender"), "name": "a{b}", "problem": "{0}"})
        raise EsbError("My own text about {what}", {"hint": hint}, what="{braces}")


@pytest.fixture
async def rooms(open_gateway: OpenGateway) -> Gateway:
    return await open_gateway(ROOMS, more="middlewares: []\nserver: {max_body: 1000}\n")


async def envelope_in(gateway: Gateway, path: str, language: dict[str, str], **options: Any) -> dict[str, Any]:
    response = await gateway.request("POST", f"/api/c/{path}", headers=language, **options)
    envelope: dict[str, Any] = await response.json()
    return envelope


@pytest.mark.parametrize("language", ["zh-hans", "zh-cn", "zh", "zh_hans", "zh_CN", "ZH-Hans", " zh-hans ", "zh-TW"])
def test_all_names_of_chinese_are_chinese(language: str) -> None:
    assert Catalogues().translate(language)(REQUIRED["en"]) == REQUIRED["zh"]


@pytest.mark.parametrize("language", ["", "en", "en-us", "fr", "z", "zhuang", "hans", "*", "zh;q=1"])
def test_all_other_languages_are_english(language: str) -> None:
    assert Catalogues().translate(language)(REQUIRED["en"]) == REQUIRED["en"]


def test_a_text_that_is_in_no_catalogue_stays_as_it_is() -> None:
    translate = Catalogues().translate("zh")
    assert translate("My own text about {what}") == "My own text about {what}"


async def test_the_same_call_is_told_what_is_wrong_in_both_languages(gateway: Gateway) -> None:
    body = {**DEMO, "receiver": {"a": 1}, "data": MESSAGE}
    english = await (await gateway.post(body, headers=ENGLISH)).json()
    chinese = await (await gateway.post(body, headers=CHINESE)).json()
    assert english["message"] == "wechat receiver [receiver] Must be the specified parameter data type list"
    assert chinese["message"] == "微信接收者 [receiver] 参数类型必须为 list"
    assert (english["code"], english["result"]) == (chinese["code"], chinese["result"])


@pytest.mark.parametrize(
    ("params", "english", "chinese"),
    [
        (
            {"receiver": "zhangsan"},
            "message data [data] This field is required.",
            "消息数据 [data] 这个字段是必填项。",
        ),
        (
            {"receiver": "zhangsan", "data": {"message": "M"}},
            "notification header text [heading] This field is required.",
            "通知头部文字 [heading] 这个字段是必填项。",
        ),
        (
            {"data": MESSAGE},
            "WeChat receiver [receiver, receiver__username] shall not be empty at the same time",
            "微信接收者 [receiver, receiver__username] 不能同时为空",
        ),
        (
            {"receiver": "@all", "data": MESSAGE},
            "wechat receiver [receiver] @all is not allowed here, unless the operator sets wx_qy_allow_all",
            "微信接收者 [receiver] 不允许使用 @all，除非运维人员设置了 wx_qy_allow_all",
        ),
        (
            {"receiver__username": "nobody", "data": MESSAGE},
            "All users message failed to be sent. The following users are not blueking users: nobody",
            "所有用户的消息都发送失败。以下用户不是蓝鲸用户：nobody",
        ),
    ],
)
async def test_labels_and_problems_are_translated_apart(
    gateway: Gateway, params: dict[str, Any], english: str, chinese: str
) -> None:
    assert (await gateway.call(**params))["message"] == english
    told = await (await gateway.post({**DEMO, **params}, headers=CHINESE)).json()
    assert told["message"] == chinese


async def test_who_may_not_call_is_told_in_its_language(gateway: Gateway) -> None:
    wrong = {**DEMO, "bk_app_secret": "wrong"}
    english, chinese = [await (await gateway.post(wrong, headers=each)).json() for each in (ENGLISH, CHINESE)]
    assert english["message"].startswith("APP Secret verification failed, pelase confirm")
    assert chinese["message"] == "APP Secret 校验失败，请确认 APP Secret 与 APP Code [bk_app_code=esb_demo] 是否匹配"


async def test_hints_in_the_data_of_a_failure_are_translated(gateway: Gateway) -> None:
    nobody = {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret", "bk_username": "admin"}
    english, chinese = [await (await gateway.post(nobody, headers=each)).json() for each in (ENGLISH, CHINESE)]
    assert english["data"]["hint"].startswith("this app may not name this user by bk_username: ")
    assert chinese["data"]["hint"].startswith("该应用不能用 bk_username 指定此用户：")


async def test_what_failed_for_a_receiver_is_translated(gateway: Gateway) -> None:
    body = {**DEMO, "receiver__username": "admin,nobody,without", "data": MESSAGE}
    english, chinese = [await (await gateway.post(body, headers=each)).json() for each in (ENGLISH, CHINESE)]
    assert [each["errmsg"] for each in english["data"]["failed"]] == [
        "not a blueking user",
        "contact format is incorrect",
    ]
    assert [each["errmsg"] for each in chinese["data"]["failed"]] == ["不是蓝鲸用户", "联系方式格式不正确"]


@pytest.mark.parametrize(
    ("path", "options", "english", "chinese"),
    [
        ("compapi/no/such/", {}, "The content does not exist", "请求的内容不存在"),
        ("self-service-api/x/", {}, "Not found, inactive buffet component", "未找到，自助接入组件未启用"),
        ("compapi/test/off/", {}, "Not found, inactive channel", "未找到，组件未启用"),
        (
            "compapi/test/told/",
            {"data": b"{no json"},
            "Request JSON string is wrong in format, which cannot be analyzed.",
            "请求的 JSON 字符串格式错误，无法解析。",
        ),
        (
            "compapi/test/told/",
            {"data": b"x" * 1001},
            "The request body is too large, the limit is 1000 bytes",
            "请求体过大，上限为 1000 个字节",
        ),
        (
            "compapi/test/told/?a=%ff",
            {"data": {"a": b"\xff".decode("latin-1") * 3}},
            "Parameters error, the query string cannot be read: it must be UTF-8 and have at most 1000 fields",
            "参数错误，无法解析查询参数：必须是 UTF-8 编码，且最多 1000 个字段",
        ),
        (
            "compapi/test/crash/",
            {},
            "Component error, please contact the component developer to handle it.",
            "组件执行出错，请联系组件开发者处理。",
        ),
        (
            "compapi/test/hang/",
            {},
            "Component request third-party system [test] interface [hang] error: "
            "Third-party system interface response time exceeds 0.05 seconds, "
            "please try again later or contact component developer to handle this",
            "组件请求第三方系统 [test] 接口 [hang] 出错：第三方系统接口响应时间超过 0.05 秒，"
            "请稍后重试或联系组件开发者处理",
        ),
    ],
)
async def test_what_fails_before_and_beyond_a_component_is_translated_too(
    rooms: Gateway, path: str, options: dict[str, Any], english: str, chinese: str
) -> None:
    assert (await envelope_in(rooms, path, {}, **options))["message"] == english
    assert (await envelope_in(rooms, path, CHINESE, **options))["message"] == chinese


async def test_a_draining_gateway_says_so_in_both_languages(rooms: Gateway) -> None:
    rooms.app[GATEWAY].ingress.draining = True
    assert (await envelope_in(rooms, "compapi/test/told/", CHINESE))["message"] == "网关正在停止或尚未就绪，请稍后重试"


async def test_texts_in_the_data_of_a_success_are_translated(rooms: Gateway) -> None:
    english = await envelope_in(rooms, "compapi/test/told/", ENGLISH)
    chinese = await envelope_in(rooms, "compapi/test/told/", CHINESE)
    assert english["data"] == {
        "hint": "wechat receiver",
        "failed": [{"errmsg": REQUIRED["en"], "receiver": "{x}"}],
    }
    assert chinese["data"] == {"hint": "微信接收者", "failed": [{"errmsg": REQUIRED["zh"], "receiver": "{x}"}]}
    assert chinese["message"] == "OK"


async def test_a_components_own_envelope_is_translated_even_where_orjson_gives_up(rooms: Gateway) -> None:
    envelope = await envelope_in(rooms, "compapi/test/enveloped/", CHINESE)
    assert (envelope["code"], envelope["message"]) == (7, REQUIRED["zh"])
    assert envelope["data"] == {"n": HUGE, "t": ["抄送人"]}


async def test_a_callers_own_text_is_never_taken_for_a_template(rooms: Gateway) -> None:
    envelope = await envelope_in(rooms, "compapi/test/refused/", CHINESE)
    assert envelope["message"] == "My own text about {braces}"
    assert envelope["data"]["hint"] == "发件人 [a{b}] {0}"


async def test_calls_at_the_same_time_keep_their_languages_apart(gateway: Gateway) -> None:
    async def ask(chinese: bool) -> bool:
        body = {**DEMO, "receiver": "zhangsan"}
        envelope = await (await gateway.post(body, headers=CHINESE if chinese else ENGLISH)).json()
        return bool(envelope["message"].endswith(REQUIRED["zh" if chinese else "en"]))

    assert all(await asyncio.gather(*(ask(number % 2 == 0) for number in range(60))))


async def test_one_failure_that_two_calls_wait_for_is_told_to_each_in_its_language(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(WECOM, sandbox_url="http://127.0.0.1:9")  # both wait for one token, which fails
    body = {**DEMO, "receiver": "zhangsan", "data": MESSAGE}
    responses = await asyncio.gather(*(gateway.post(body, headers=each) for each in (ENGLISH, CHINESE)))
    english, chinese = [(await response.json())["message"] for response in responses]
    assert "error: the connection could not be established, please try again later" in english
    assert "出错：无法建立连接，请稍后重试" in chinese
