"""bkoauth beside the SDK: an app with it shows an access token, and nothing else."""

import json
from typing import Any

from bkapi_component.open.shortcuts import get_client_by_request, get_client_by_username

from tests.support.bk_clients import APP, TokenService, in_a_thread, last_call, web_request
from tests.support.gateway import Gateway

NOTICE = {"receiver": "zhangsan", "data": {"heading": "H", "message": "M", "date": "D"}}


def by_request(gateway: Gateway) -> Any:
    return get_client_by_request(web_request("admin", bk_token="demo-token"), endpoint=gateway.url, **APP)


def by_username(gateway: Gateway) -> Any:
    return get_client_by_username("admin", endpoint=gateway.url, **APP)


async def test_an_access_token_alone_names_app_and_user(gateway: Gateway) -> None:
    client = await in_a_thread(by_request, gateway)

    response = await in_a_thread(client.cmsi.send_weixin.request, NOTICE)

    assert json.loads(response.request.headers["X-Bkapi-Authorization"]) == {"access_token": "token-0"}
    assert response.json()["result"] is True
    call = last_call(gateway)
    assert (call.app, call.user, call.user_source) == ("esb_demo", "admin", "access_token")


async def test_the_token_is_kept_for_work_in_the_background(gateway: Gateway, token_service: TokenService) -> None:
    await in_a_thread(by_request, gateway)
    client = await in_a_thread(by_username, gateway)

    answer = await in_a_thread(client.cmsi.get_msg_type)

    assert answer["result"] is True
    assert last_call(gateway).user_source == "access_token"
    assert list(token_service.issued) == ["token-0"]


async def test_without_a_token_the_name_is_shown_as_ever(gateway: Gateway) -> None:
    client = await in_a_thread(by_username, gateway)

    assert (await in_a_thread(client.cmsi.get_msg_type))["result"] is True
    assert last_call(gateway).user_source == "bk_username"


async def test_a_token_that_the_service_does_not_know_is_refused(gateway: Gateway, token_service: TokenService) -> None:
    client = await in_a_thread(by_request, gateway)
    token_service.issued.clear()

    answer = await in_a_thread(client.cmsi.send_weixin, NOTICE)

    assert (answer["result"], answer["code"]) == (False, 1306000)
    assert answer["message"] == "verify access_token failed, please check if the access_token is valid"
