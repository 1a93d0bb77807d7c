"""Texts, phone numbers and addresses are in no file of a gateway: not in its database, nor in its log."""

from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from esb.core.delivery_states import ENDED
from tests.support.configuration import DEMO
from tests.support.databases import open_database, stanza
from tests.support.deliveries import Held
from tests.support.gateway import Sandbox
from tests.support.processes.command_line import running
from tests.support.wire import until_found

TEXT, PHONE, ADDRESS, NAME = "sentineltext", "13812345678", "sentinel@example.com", "sentinelname"
CONFIG = """\
version: 1
server: {{port: 0}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
  users: {{use: static, config: {{users: [{{username: {name}, wx_userid: zhangsan, email: {address},
                                          telephone: "{phone}"}}]}}}}
{database}deliveries: {{run: here}}
ledger: {{sync: on, content: 30d}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: &wecom {{wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
                    wx_qy_host: "{sandbox}"}}
  - {{path: /cmsi/send_qy_weixin/, use: cmsi_send_qy_weixin, config: *wecom}}
  - path: /cmsi/send_wecom_robot/
    use: cmsi_send_wecom_robot
    config: {{webhook_key: bot-key, wx_qy_host: "{sandbox}"}}
  - {{path: /cmsi/send_mail/, use: cmsi_send_mail, config: &relay {{dest_url: "http://127.0.0.1:9/hook"}}}}
  - {{path: /cmsi/send_sms/, use: cmsi_send_sms, config: *relay}}
  - {{path: /cmsi/send_voice_msg/, use: cmsi_send_voice_msg, config: *relay}}
  - {{path: /cmsi/send_msg/, use: cmsi_send_msg}}
"""
PEOPLE = [{"username": NAME, "mobile_phone": PHONE}]
NOTICE = {"heading": TEXT, "message": TEXT}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("send_weixin", {"receiver__username": NAME, "data": NOTICE}),
    ("send_weixin", {"receiver": f"zhangsan,{NAME}", "data": NOTICE}),
    ("send_weixin", {"receiver__username": "sentinelnobody", "data": NOTICE}),
    ("send_qy_weixin", {"receiver": NAME, "content": TEXT}),
    ("send_wecom_robot", {"content": TEXT}),
    ("send_mail", {"receiver": ADDRESS, "title": TEXT, "content": TEXT, "sender": ADDRESS}),
    ("send_mail", {"receiver__username": NAME, "title": TEXT, "content": TEXT}),
    ("send_sms", {"receiver": PHONE, "content": TEXT}),
    ("send_sms", {"receiver__username": NAME, "content": TEXT}),
    ("send_voice_msg", {"auto_read_message": TEXT, "user_list_information": PEOPLE}),
    ("send_msg", {"msg_type": "weixin", "receiver__username": NAME, "title": TEXT, "content": TEXT}),
]
"""Component, and its parameters: what reaches somebody, what is refused, and what finds nobody to take it."""


async def everything_tried(held: Held, request_id: str) -> None:
    """Wait until the call of this request is in the ledger, and each delivery has ended or was tried."""

    async def they_are() -> bool:
        rows = await held.rows()
        recorded = any(row.request_id == request_id for row in rows)
        return recorded and all(row.state in ENDED or row.attempts or row.failure for row in rows)

    await until_found(they_are)


async def test_no_text_number_or_address_is_in_the_database_or_the_log(
    http: ClientSession, sandbox: Sandbox, tmp_path: Path
) -> None:
    url, file, log = f"sqlite:///{tmp_path}/data.db", tmp_path / "esb.yaml", tmp_path / "log"
    file.write_text(CONFIG.format(name=NAME, phone=PHONE, address=ADDRESS, database=stanza(url), sandbox=sandbox.url))
    accepted = 0
    async with open_database(url) as database:
        with running("serve", "-c", file, log=log) as gateway:
            for component, params in CALLS:
                for more in ({"async": True}, {}):
                    body = {**DEMO, "bk_username": NAME, **params, **more}
                    async with http.post(f"{gateway.url}/api/c/compapi/cmsi/{component}/", json=body) as response:
                        answer = await response.json()
                        accepted += bool(more and answer["result"])
            await everything_tried(Held(database), answer["request_id"])
            rows = await Held(database).rows()
            names = ("data.db", "data.db-wal", "log")
            files = {name: (tmp_path / name).read_bytes() for name in names}
    assert accepted >= len(CALLS) - 1
    assert {bool(row.synchronous) for row in rows} == {True, False}
    assert b"cmsi.send_sms" in files["data.db"] + files["data.db-wal"]
    for name, content in files.items():
        for word in (TEXT, PHONE, ADDRESS):
            assert word.encode() not in content, (name, word)
