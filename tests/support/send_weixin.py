"""send_weixin on both of WeChat's platforms: its stanzas, the sandbox's seed and faults, and what an answer tells."""

import json
from typing import Any

from tests.support.configuration import OPENID
from tests.support.gateway import Sandbox

TOKEN, SEND = "/cgi-bin/gettoken", "/cgi-bin/message/send"
MP_TOKEN, MP_SEND = "/cgi-bin/stable_token", "/cgi-bin/message/template/send"
TEMPLATE = 43 * "T"
PATHS = {"qy": (TOKEN, SEND), "mp": (MP_TOKEN, MP_SEND)}
OPENIDS = [f"o{number:027}" for number in range(5)]

QY = {
    "wx_type": "qy",
    "wx_qy_corpid": "ww0000000000000001",
    "wx_qy_corpsecret": "corp-secret",
    "wx_qy_agentid": 1000002,
    "wx_qy_member_per_minute": 0,
    "wx_qy_host": "${sandbox}",
}
MP = {
    "wx_type": "mp",
    "wx_app_id": "wx0000000000000001",
    "wx_secret": "mp-secret",
    "wx_template_id": TEMPLATE,
    "wx_mp_host": "${sandbox}",
}
CONFIGS: dict[str, dict[str, Any]] = {"qy": QY, "mp": MP}


def stanza(config: dict[str, Any], timeout: float = 30) -> str:
    """A list item of `components`."""
    return (
        f"  - {{path: /cmsi/send_weixin/, methods: [POST], use: cmsi_send_weixin, timeout: {timeout},\n"
        f"     config: {json.dumps(config)}}}\n"
    )


def seed(
    *,
    openids: list[Any] | None = None,
    members: list[Any] | None = None,
    knobs: dict[str, Any] | None = None,
    keys: dict[str, str] | None = None,
    account: dict[str, Any] | None = None,
    app: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The seed of a sandbox which knows these configurations and a robot, with changes."""
    return {
        "mp": [
            {
                "appid": "wx0000000000000001",
                "secret": "mp-secret",
                "openids": openids or [OPENID, *OPENIDS],
                "templates": {TEMPLATE: keys or {}},
                **(account or {}),
            }
        ],
        "qy": [
            {
                "corpid": "ww0000000000000001",
                "members": members or ["zhangsan", "lisi", "wangwu"],
                "apps": [
                    {"agentid": 1000002, "secret": "corp-secret", **(app or {})},
                    {"agentid": 1000003, "secret": "second-secret"},
                ],
            }
        ],
        "robots": ["bot-key"],
        "knobs": knobs or {},
    }


def data_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The data, which has the form of every sending answer."""
    data: dict[str, Any] = answer["data"]
    assert {"accepted", "failed", "unknown", "msgids", "username_check"} <= set(data)
    assert all({"receiver", "errcode", "errmsg"} <= set(entry) for entry in data["failed"])
    assert all(isinstance(msgid, str) and msgid for msgid in data["msgids"])
    return data


def reached(answer: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Return the receivers that accepted, that failed, and of which it is not known."""
    data = data_of(answer)
    return data["accepted"], [entry["receiver"] for entry in data["failed"]], data["unknown"]


async def fault(sandbox: Sandbox, path: str, action: dict[str, Any], times: int = 0, **more: Any) -> None:
    """Let the sandbox do this to calls of an endpoint; `times` 0 is always."""
    match = {"path": path, **more.pop("match", {})}
    await sandbox.post("faults", {"match": match, "action": action, "times": times, **more})
