"""wechatpy, a client that nobody here wrote, works against the sandbox: versions 1.8 and 2."""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import pytest
from pytest_aiohttp import AiohttpServer

from esb.sandbox import create_sandbox
from tests.support.wechat_client import AGENTID, APPID, CORP_SECRET, CORPID, MP_SECRET, OPENID, TEMPLATE

pytest.importorskip("wechatpy")
pytest.importorskip("cryptography")

# wechatpy keeps its HTTP session open for the life of the client, and 1.8 parses its own docstrings carelessly.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Run = Callable[[Callable[[str], Any]], Any]


@pytest.fixture
async def run(aiohttp_server: AiohttpServer) -> Run:
    """Run a blocking function in a thread, with the sandbox's URL for its argument."""
    server = await aiohttp_server(create_sandbox())

    async def in_thread(function: Callable[[str], Any]) -> Any:
        return await asyncio.to_thread(function, str(server.make_url("/")).rstrip("/"))

    return in_thread


def official_account(url: str) -> Any:
    """A client with both URLs turned: wechatpy writes the one for tokens into its code."""
    base = importlib.import_module("wechatpy").WeChatClient

    class Client(base):  # type: ignore[misc, valid-type]
        API_BASE_URL = f"{url}/cgi-bin/"

        def fetch_access_token(self) -> Any:
            query = {"grant_type": "client_credential", "appid": self.appid, "secret": self.secret}
            return self._fetch_access_token(url=f"{url}/cgi-bin/token", params=query)

    return Client(APPID, MP_SECRET)


def wecom(url: str) -> Any:
    try:
        base = importlib.import_module("wechatpy.work").WeChatClient
    except ImportError:
        base = importlib.import_module("wechatpy.enterprise").WeChatClient

    class Client(base):  # type: ignore[misc, valid-type]
        API_BASE_URL = f"{url}/cgi-bin/"

        def fetch_access_token(self) -> Any:
            query = {"corpid": CORPID, "corpsecret": CORP_SECRET}
            return self._fetch_access_token(url=f"{url}/cgi-bin/gettoken", params=query)

    return Client(CORPID, CORP_SECRET)


async def test_it_fetches_an_official_account_token(run: Run) -> None:
    reply = await run(lambda url: official_account(url).fetch_access_token())

    assert 7198 <= reply["expires_in"] <= 7200


async def test_it_sends_a_template_message(run: Run) -> None:
    reply = await run(
        lambda url: official_account(url).message.send_template(OPENID, TEMPLATE, {"keyword1": {"value": "你好"}})
    )

    assert reply["errcode"] == 0
    assert reply["msgid"] > 2**53


async def test_it_sends_a_customer_service_message(run: Run) -> None:
    reply = await run(lambda url: official_account(url).message.send_text(OPENID, "你好"))

    assert reply["errcode"] == 0


async def test_it_heals_a_rotated_token_by_itself(run: Run) -> None:
    def send_twice(url: str) -> Any:
        client = official_account(url)
        client.message.send_text(OPENID, "一")
        client._http.post(f"{url}/_sandbox/tokens/rotate")
        return client.message.send_text(OPENID, "二")

    assert (await run(send_twice))["errcode"] == 0


async def test_it_reads_a_refusal(run: Run) -> None:
    exceptions = importlib.import_module("wechatpy.exceptions")

    with pytest.raises(exceptions.WeChatClientException) as caught:
        await run(lambda url: official_account(url).message.send_text("nobody", "你好"))
    assert caught.value.errcode == 40003


async def test_it_fetches_a_wecom_token(run: Run) -> None:
    assert (await run(lambda url: wecom(url).fetch_access_token()))["errcode"] == 0


async def test_it_sends_a_wecom_text(run: Run) -> None:
    reply = await run(lambda url: wecom(url).message.send_text(AGENTID, ["zhangsan", "nobody"], "你好"))

    assert (reply["errcode"], reply["invaliduser"]) == (0, "nobody")


async def test_it_looks_up_a_wecom_member(run: Run) -> None:
    assert (await run(lambda url: wecom(url).user.get("ZhangSan")))["userid"] == "zhangsan"
