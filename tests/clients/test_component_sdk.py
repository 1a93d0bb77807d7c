"""bkapi-component-open, BlueKing's present SDK: headers carry the credentials, and the default path has a /v2."""

import asyncio
from typing import Any

import pytest
from bkapi_client_core.exceptions import HTTPResponseError
from bkapi_component.open.shortcuts import get_client_by_request, get_client_by_user, get_client_by_username
from django.test.utils import override_settings

from tests.support.bk_clients import APP, in_a_thread, last_call, web_request
from tests.support.gateway import Gateway, Sandbox
from tests.support.servers.smtp_server import Inbox

NOTICE = {"receiver": "zhangsan", "data": {"heading": "告警", "message": "磁盘满", "date": "D"}}
TEXT = "告警\n磁盘满\nDate: D"


@pytest.fixture
def client(gateway: Gateway) -> Any:
    return get_client_by_username("admin", endpoint=gateway.url, **APP)


@pytest.mark.parametrize(("version", "path"), [("v2", "/v2/cmsi/send_weixin/"), ("", "/cmsi/send_weixin/")])
async def test_a_message_arrives_by_either_path(
    client: Any, gateway: Gateway, sandbox: Sandbox, version: str, path: str
) -> None:
    client.set_bk_api_ver(version)

    response = await in_a_thread(client.cmsi.send_weixin.request, NOTICE)

    assert response.request.path_url == f"/api/c/compapi{path}"
    answer = client.parse_response(client.cmsi.send_weixin, response)
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    assert answer["data"]["accepted"] == ["zhangsan"]
    assert [message["text"] for message in await sandbox.messages()] == [TEXT]
    assert (last_call(gateway).app, last_call(gateway).user) == ("esb_demo", "admin")
    assert last_call(gateway).user_source == "bk_username"


async def test_the_default_path_is_the_one_with_v2(client: Any) -> None:
    response = await in_a_thread(client.cmsi.send_weixin.request, NOTICE)

    assert response.request.path_url == "/api/c/compapi/v2/cmsi/send_weixin/"


@pytest.mark.parametrize(
    ("language", "labels"),
    [
        ("en", ["weixin", "mail", "sms", "voice"]),
        ("en-us", ["weixin", "mail", "sms", "voice"]),
        ("zh-hans", ["微信", "邮件", "短信", "语音"]),
    ],
)
async def test_types_of_messages_by_get(gateway: Gateway, language: str, labels: list[str]) -> None:
    client = get_client_by_username("admin", endpoint=gateway.url, accept_language=language, **APP)

    answer = await in_a_thread(client.cmsi.get_msg_type)

    assert answer["result"] is True
    assert [kind["label"] for kind in answer["data"]] == labels
    assert [kind["is_active"] for kind in answer["data"]] == [True, True, True, False]


async def test_the_language_of_django_is_the_language_of_the_answer(gateway: Gateway) -> None:
    with override_settings(LANGUAGE_CODE="zh-hans"):  # what a request without a language of its own has
        client = get_client_by_username("admin", endpoint=gateway.url, **APP)

    answer = await in_a_thread(client.cmsi.send_weixin, {"receiver": "zhangsan"})

    assert answer["message"] == "消息数据 [data] 这个字段是必填项。"


@pytest.mark.parametrize(
    ("credentials", "parameters", "code", "message"),
    [
        ({"bk_app_secret": "wrong"}, NOTICE, 1306000, "APP Secret verification failed, pelase confirm"),
        ({"bk_app_code": "ghost"}, NOTICE, 1306000, "Invalid APP Code [bk_app_code=ghost]"),
        (
            {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret"},
            NOTICE,
            1306000,
            "User authentication failed",
        ),
        ({"bk_app_code": "no_rights", "bk_app_secret": "no-rights-secret"}, NOTICE, 1306403, "APP permission is"),
        ({}, {"receiver": "zhangsan"}, 1306000, "message data [data] This field is required."),
        ({}, {**NOTICE, "receiver": "nobody"}, 1306000, "WeChat message sending failed, invalid user: nobody"),
    ],
)
async def test_a_refusal_is_an_answer_and_no_exception(
    gateway: Gateway, credentials: dict[str, str], parameters: Any, code: int, message: str
) -> None:
    client = get_client_by_username("admin", endpoint=gateway.url, **{**APP, **credentials})

    response = await in_a_thread(client.cmsi.send_weixin.request, parameters)

    answer = client.parse_response(client.cmsi.send_weixin, response)
    assert (answer["result"], answer["code"]) == (False, code)
    assert answer["message"].startswith(message)
    assert "X-Bkapi-Error-Code" not in response.headers, "the SDK would raise"
    assert response.headers["X-Bkapi-Request-Id"] == answer["request_id"]


async def test_an_operation_that_is_not_declared_is_an_http_error_which_names_the_request(client: Any) -> None:
    with pytest.raises(HTTPResponseError) as raised:
        await in_a_thread(client.cmsi.send_rtx, NOTICE)

    assert raised.value.response.status_code == 404
    answer = raised.value.response.json()
    assert (answer["code"], answer["message"]) == (1306404, "The content does not exist")
    assert answer["request_id"] in str(raised.value)


async def test_a_channel_that_is_off_says_so(client: Any) -> None:
    answer = await in_a_thread(client.cmsi.send_voice_msg, {"auto_read_message": "x"})

    assert (answer["code"], answer["message"]) == (1306405, "Not found, inactive channel")


async def test_a_mail_arrives(client: Any, inbox: Inbox) -> None:
    mail = {"receiver__username": "admin", "title": "磁盘满", "content": "<b>满</b>", "cc": "a@x.com"}

    answer = await in_a_thread(client.cmsi.send_mail, mail)

    assert (answer["result"], answer["data"]["accepted"]) == (True, ["admin", "a@x.com"])
    assert str(inbox.only()["Subject"]) == "磁盘满"
    assert str(inbox.only()["To"]) == "admin@example.com"


async def test_a_channel_without_a_config_says_so(client: Any) -> None:
    answer = await in_a_thread(client.cmsi.send_sms, {"receiver": "13800000000", "content": "x"})

    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"].startswith("Unfinished interface shall be improved by the component developer")


async def test_one_form_for_every_channel(client: Any, sandbox: Sandbox, inbox: Inbox) -> None:
    message = {"receiver__username": "admin", "title": "告警", "content": "磁盘满"}

    with client:  # keeps its connection from call to call
        by_weixin = await in_a_thread(client.cmsi.send_msg, {**message, "msg_type": "weixin", "date": "D"})
        by_mail = await in_a_thread(client.cmsi.send_msg, {**message, "msg_type": "mail"})
        by_rtx = await in_a_thread(client.cmsi.send_msg, {**message, "msg_type": "rtx"})

    assert (by_weixin["data"]["accepted"], by_mail["data"]["accepted"]) == (["admin"], ["admin"])
    assert [sent["text"] for sent in await sandbox.messages()] == [TEXT]
    assert str(inbox.only()["Subject"]) == "告警"
    assert by_rtx["message"].startswith("Unsupported type of msg type")


async def test_the_test_environment_is_asked_for_by_the_client(client: Any, sandbox: Sandbox) -> None:
    client.set_use_test_env(True)

    refused = await in_a_thread(client.cmsi.send_sms, {"receiver": "13800000000", "content": "x"})
    unready = await in_a_thread(client.cmsi.send_weixin, NOTICE)

    assert (refused["code"], refused["message"]) == (
        1306206,
        "Error, the component does not support access third-party test environment",
    )
    assert unready["result"] is False, "test_config overrides the secret"
    assert await sandbox.messages() == []


async def test_the_user_of_a_web_request_is_known_by_the_login_cookie(gateway: Gateway) -> None:
    client = get_client_by_request(web_request("lisi", bk_token="demo-token"), endpoint=gateway.url, **APP)
    client.update_bkapi_authorization(access_token=None)  # an app without bkoauth

    answer = await in_a_thread(client.cmsi.send_weixin, NOTICE)

    assert answer["result"] is True
    assert (last_call(gateway).user, last_call(gateway).user_source) == ("admin", "bk_token")


async def test_address_and_credentials_may_stand_in_the_settings_of_django(gateway: Gateway) -> None:
    with override_settings(BK_COMPONENT_API_URL=gateway.url):
        client = get_client_by_user(web_request("lisi").user)

    answer = await in_a_thread(client.cmsi.send_weixin, NOTICE)

    assert (answer["result"], last_call(gateway).user) == (True, "lisi")


async def test_twenty_threads_send_at_once_with_one_token(gateway: Gateway, sandbox: Sandbox) -> None:
    clients = [get_client_by_username("admin", endpoint=gateway.url, **APP) for _ in range(20)]

    answers = await asyncio.gather(*(in_a_thread(client.cmsi.send_weixin, NOTICE) for client in clients))

    assert all(answer["result"] for answer in answers)
    assert (len(await sandbox.messages()), await sandbox.calls("/cgi-bin/gettoken")) == (20, 1)
