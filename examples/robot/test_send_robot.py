"""The robot channel, from HTTP to the group."""

from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from esb.config import load
from esb.gateway.app import create_app
from esb.sandbox import create_sandbox

CONFIG = Path(__file__).with_name("esb.yaml")
CREDENTIALS = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}


async def send(**parameters: str) -> tuple[dict[str, Any], list[str]]:
    """The answer to a call, and the texts that arrived."""
    async with TestClient(TestServer(create_sandbox())) as wechat:
        gateway = create_app(load(CONFIG, {}, sandbox_url=str(wechat.make_url("")).rstrip("/")))
        async with TestClient(TestServer(gateway)) as client:
            response = await client.post("/api/c/compapi/chat/send_robot/", json=CREDENTIALS | parameters)
            answer = await response.json()
        inbox = await (await wechat.get("/_sandbox/messages")).json()
        return answer, [message["text"] for message in inbox["messages"]]


async def test_a_text_arrives_in_the_group() -> None:
    answer, arrived = await send(content="Disk is full")

    assert (answer["result"], answer["message"]) == (True, "OK")
    assert arrived == ["Disk is full"]


async def test_a_missing_text_is_told_and_nothing_is_sent() -> None:
    answer, arrived = await send()

    assert answer["message"] == "message content [content] This field is required."
    assert arrived == []
