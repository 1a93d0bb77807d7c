"""docs/alerts.md: its configuration sends what it says, in the words it shows."""

import json
import shlex
from pathlib import Path

import pytest
import yaml

from esb.config import load
from esb.gateway.app import create_app
from tests.support.documentation import blocks
from tests.support.gateway import Gateway, OpenGateway, Sandbox

PAGES = ["docs/alerts.md", "docs/alerts.zh-CN.md"]


def only(page: str, language: str, beginning: str) -> str:
    (block,) = (block for block in blocks(page, language) if block.text.startswith(beginning))
    return block.text


async def opened(page: str, open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    return await open_gateway(config=only(page, "yaml", "version:"), sandbox_url=sandbox.url)


def path_of(command: str) -> str:
    return shlex.split(command)[1].removeprefix("http://127.0.0.1:8080")


@pytest.mark.parametrize("page", PAGES)
async def test_the_notification_arrives_as_shown(page: str, open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await opened(page, open_gateway, sandbox)
    command, plain = (block.text for block in blocks(page, "bash"))
    response = await gateway.request("POST", path_of(command), data=only(page, "json", "{").encode())
    assert response.status == 200, await response.text()
    (message,) = await sandbox.messages()
    assert message["delivered"] == ["zhangsan", "lisi"]
    assert message["text"].rpartition("\nDate: ")[0] == only(page, "text", "🔥").strip()

    body = shlex.split(plain)[-1]
    assert (await gateway.request("POST", path_of(plain), data=body.encode())).status == 200
    assert (await sandbox.messages())[1]["text"].startswith("🔥 [FIRING] Backup failed\nexit code 2\n")


@pytest.mark.parametrize("page", PAGES)
def test_alertmanager_posts_to_the_path_of_the_stanza(page: str) -> None:
    (receiver,) = yaml.safe_load(only(page, "yaml", "receivers:"))["receivers"]
    (webhook,) = receiver["webhook_configs"]
    assert webhook["url"].endswith(path_of(blocks(page, "bash")[0].text))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("beginning", ["to:", "title:"])
def test_routes_and_templates_that_are_shown_are_sound(page: str, beginning: str, tmp_path: Path) -> None:
    config = {"to": "/cmsi/send_weixin/", **yaml.safe_load(only(page, "yaml", beginning))}
    components = [
        {"path": "/alert/webhook/", "use": "alert_webhook", "config": config},
        {"path": "/cmsi/send_weixin/", "use": "cmsi_send_weixin", "config": {"wx_qy_corpid": "ww1"}},
        {"path": "/cmsi/send_voice_msg/", "use": "cmsi_send_voice_msg"},
    ]
    (tmp_path / "esb.yaml").write_text(json.dumps({"version": 1, "components": components}))
    create_app(load(tmp_path / "esb.yaml", {}))
