"""A demonstration: the documented example through a real gateway, and the message as it arrived in WeChat."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from esb.config import load
from esb.config.component_paths import ROOT
from esb.gateway.app import create_app
from esb.server.deployment import sandbox
from esb.server.listener import listening

PATH = f"{ROOT}/cmsi/send_weixin/"


def example(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the request of the API document, with the app and the user that conf/esb.yaml knows."""
    return {
        "bk_app_code": "esb_demo",
        "bk_app_secret": environ.get("ESB_DEMO_SECRET") or "demo-secret",
        "bk_token": "demo-token",
        "receiver": "zhangsan",
        "data": {
            "heading": "blueking alarm",
            "message": "This is a test.",
            "date": "2017-02-22 15:36",
            "remark": "This is a test!",
        },
    }


async def demonstrate(path: str, environ: Mapping[str, str]) -> bool:
    """Print the request, the answer and the inbox; return True if the message arrived."""
    async with AsyncExitStack() as stack:
        wechat = await stack.enter_async_context(sandbox(0))
        config = load(path, environ, sandbox_url=wechat)
        gateway = await stack.enter_async_context(listening(create_app(config), "127.0.0.1", 0))
        request = example(environ)
        _show(f"POST {gateway}{PATH}", {**request, "bk_app_secret": "***", "bk_token": "***"})
        answer = await asyncio.to_thread(_exchange, gateway + PATH, request)
        _show("answer", answer)
        inbox = await asyncio.to_thread(_exchange, wechat + "/_sandbox/messages")
        messages = inbox["messages"]
        for message in messages:
            _show("arrived in WeChat, for " + ", ".join(message["delivered"]), message["text"])
        return answer.get("result") is True and any("zhangsan" in message["delivered"] for message in messages)


def _show(title: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
    print(f"== {title}\n{text}\n", flush=True)  # noqa: T201 - what a demonstration is for


def _exchange(url: str, body: Any = None) -> dict[str, Any]:
    """Return the JSON of any HTTP status. Directly: a proxy of the machine leads away from loopback."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - our own servers
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        response = opener.open(request, timeout=30)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        answer: dict[str, Any] = json.load(response)
        return answer
