"""The generated `blueking.component` SDK of blueapps: credentials among the parameters, JSON without a Content-Type."""

import time

import pytest
import requests

from tests.support.bk_clients import in_a_thread, last_call
from tests.support.gateway import Gateway, Sandbox
from tests.support.legacy_sdk import LegacyClient

WEIXIN = "cmsi/send_weixin"
DATA = {"heading": "告警", "message": "磁盘满", "date": "D"}


@pytest.fixture
def client(gateway: Gateway) -> LegacyClient:
    return LegacyClient(gateway.url)


@pytest.fixture
def signing(gateway: Gateway) -> LegacyClient:
    return LegacyClient(gateway.url, signed=True)


def sent(client: LegacyClient) -> requests.PreparedRequest:
    """The request that the client has sent last."""
    assert client.last is not None
    return client.last.request


@pytest.mark.parametrize("version", ["v2", ""])
async def test_a_post_has_its_credentials_in_a_json_body_without_a_type(
    client: LegacyClient, gateway: Gateway, sandbox: Sandbox, version: str
) -> None:
    client.version = version

    answer = await in_a_thread(client.post, WEIXIN, receiver="zhangsan", data=DATA)

    assert "Content-Type" not in sent(client).headers
    assert (answer["result"], answer["message"]) == (True, "OK")
    assert [message["text"] for message in await sandbox.messages()] == ["告警\n磁盘满\nDate: D"]
    assert (last_call(gateway).app, last_call(gateway).user) == ("esb_demo", "admin")


async def test_a_login_state_among_the_parameters_names_the_user(client: LegacyClient, gateway: Gateway) -> None:
    client.common = {"bk_token": "demo-token"}

    assert (await in_a_thread(client.post, WEIXIN, receiver="zhangsan", data=DATA))["result"] is True
    assert (last_call(gateway).user, last_call(gateway).user_source) == ("admin", "bk_token")


@pytest.mark.parametrize("common", [{"username": "admin"}, {"bk_username": "", "username": "admin", "bk_token": ""}])
async def test_the_older_name_of_the_user_is_understood(
    client: LegacyClient, gateway: Gateway, common: dict[str, str]
) -> None:
    client.common = common

    assert (await in_a_thread(client.post, WEIXIN, receiver="zhangsan", data=DATA))["result"] is True
    assert last_call(gateway).user == "admin"


@pytest.mark.parametrize(("language", "label"), [("en", "weixin"), ("zh-hans", "微信"), ("zh-cn", "微信")])
async def test_a_get_has_its_credentials_in_the_query(client: LegacyClient, language: str, label: str) -> None:
    client.language = language

    answer = await in_a_thread(client.get, "cmsi/get_msg_type")

    assert sent(client).body is None
    assert (answer["result"], answer["data"][0]["label"]) == (True, label)


async def test_a_refusal_has_what_the_client_needs(client: LegacyClient) -> None:
    client.app_secret = "wrong"

    answer = await in_a_thread(client.post, WEIXIN, receiver="zhangsan", data=DATA)

    assert answer["result"] is False
    assert answer["message"].startswith("APP Secret verification failed")


async def test_a_path_that_was_never_there_is_read_as_an_answer_too(client: LegacyClient) -> None:
    answer = await in_a_thread(client.post, "cmsi/send_qy_weixin", receiver="zhangsan", content="x")

    assert client.last is not None
    assert client.last.status_code == 404, "it has no alias with /v2, as in the old ESB"
    meant = {"did_you_mean": "/api/c/compapi/v2/cmsi/send_weixin/"}
    assert (answer["message"], answer["data"]) == ("The content does not exist", meant)


async def test_the_deprecated_form_sends_by_its_path_without_v2(client: LegacyClient, sandbox: Sandbox) -> None:
    client.version = ""

    answer = await in_a_thread(client.post, "cmsi/send_qy_weixin", receiver="zhangsan", content="正文")

    assert answer["result"] is True
    assert [message["text"] for message in await sandbox.messages()] == ["正文"]


async def test_the_test_environment_is_asked_for_by_a_header(client: LegacyClient, sandbox: Sandbox) -> None:
    client.use_test_env = True

    answer = await in_a_thread(client.post, "cmsi/send_sms", receiver="13800000000", content="x")

    assert (answer["result"], answer["code"]) == (False, 1306206)
    assert await sandbox.messages() == []


async def test_a_signed_post_is_accepted(signing: LegacyClient, gateway: Gateway, sandbox: Sandbox) -> None:
    answer = await in_a_thread(signing.post, WEIXIN, receiver="zhangsan", data=DATA)

    body = sent(signing).body
    assert isinstance(body, str | bytes)
    assert "secret" not in str(body)
    assert answer["result"] is True
    assert len(await sandbox.messages()) == 1
    assert last_call(gateway).app == "esb_demo"


async def test_a_signed_get_is_accepted(signing: LegacyClient) -> None:
    answer = await in_a_thread(signing.get, "cmsi/get_msg_type", note="磁盘 满&=+%")

    assert answer["result"] is True


async def test_a_signature_counts_for_its_body_and_once(signing: LegacyClient, sandbox: Sandbox) -> None:
    await in_a_thread(signing.post, WEIXIN, receiver="zhangsan", data=DATA)
    url, body = sent(signing).url, sent(signing).body
    assert isinstance(url, str)
    assert body

    replayed = await in_a_thread(requests.post, url, body, timeout=20)
    changed = await in_a_thread(requests.post, url, str(body).replace("zhangsan", "lisi"), timeout=20)

    assert replayed.json()["message"] == "Parameter bk_nonce is illegal, it has been used"
    assert changed.json()["message"].startswith("Signature [bk_signature] verification failed")
    assert len(await sandbox.messages()) == 1


@pytest.mark.parametrize(("seconds", "told"), [(-600, "it has expired"), (600, "it lies too far in the future")])
async def test_a_clock_ten_minutes_off_is_refused(signing: LegacyClient, seconds: float, told: str) -> None:
    signing.clock = lambda: time.time() + seconds

    answer = await in_a_thread(signing.get, "cmsi/get_msg_type")

    assert answer["message"] == f"Parameter bk_timestamp is illegal, because {told}"
