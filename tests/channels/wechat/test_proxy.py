"""A forward proxy on the way to WeChat: every request of a channel takes it, or none does."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.support.configuration import OPENID
from tests.support.gateway import OpenGateway, Sandbox
from tests.support.send_weixin import MP, MP_SEND, MP_TOKEN, QY, SEND, TOKEN, reached, stanza
from tests.support.servers.forward_proxy import ForwardProxy
from tests.support.servers.raw_server import raw_server


@pytest.mark.parametrize(
    ("config", "receiver", "paths"),
    [(QY, "zhangsan", [TOKEN, SEND]), (MP, OPENID, [MP_TOKEN, MP_SEND])],
    ids=["WeCom", "official account"],
)
async def test_token_and_message_take_the_proxy_that_is_configured(
    open_gateway: OpenGateway,
    sandbox: Sandbox,
    opened: AsyncExitStack,
    config: dict[str, Any],
    receiver: str,
    paths: list[str],
) -> None:
    proxy = ForwardProxy("user", "word")
    server = await opened.enter_async_context(raw_server(proxy))
    address = server.url.replace("http://", "http://user:word@")
    gateway = await open_gateway(stanza({**config, "wx_proxy": address}), sandbox_url=sandbox.url)
    assert reached(await gateway.send(receiver)) == ([receiver], [], [])
    assert [line.split(" ")[1].partition("?")[0] for line in proxy.requests] == [sandbox.url + path for path in paths]

    direct = await open_gateway(stanza(config), sandbox_url=sandbox.url)
    assert reached(await direct.send(receiver)) == ([receiver], [], [])
    assert len(proxy.requests) == len(paths)
