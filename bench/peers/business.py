"""The work of every peer on a call: check caller, user and parameters, make WeChat's request, read its answer.

The least that a relay can do, the same for all of them, so that what differs is how they speak HTTP.
"""

import os
from typing import Any

import orjson

APPS = {"bench": "bench-secret"}
USERS = {"admin": "zhangsan", "lisi": "lisi"}
UPSTREAM = os.environ.get("UPSTREAM", "")
TOKEN_URL = f"{UPSTREAM}/cgi-bin/gettoken?corpid=ww0000000000000001&corpsecret=corp-secret"
SEND_URL = f"{UPSTREAM}/cgi-bin/message/send?access_token="
RELAY_URL = f"{UPSTREAM}/relay/"
PATH = "/api/c/compapi/cmsi/send_weixin/"
RELAY_PATH = "/api/c/compapi/bench/relay/"
JSON = "application/json; charset=utf-8"


class Refused(Exception):
    """The message that the caller gets instead of an answer."""


def check(authorization: str) -> None:
    """Refused if the caller is wrong."""
    claims = orjson.loads(authorization)
    if APPS.get(claims.get("bk_app_code")) != claims.get("bk_app_secret"):
        raise Refused("App authentication failed")
    if claims.get("bk_username") not in USERS:
        raise Refused("User authentication failed")


def message(authorization: str, raw: bytes) -> bytes:
    """The body of the message to WeChat. Refused if the caller or the parameters are wrong."""
    check(authorization)
    parameters = orjson.loads(raw)
    receivers, data = parameters.get("receiver__username"), parameters.get("data")
    if not isinstance(receivers, list) or not isinstance(data, dict):
        raise Refused("Parameters error")
    users = [USERS[name] for name in receivers if name in USERS]
    heading, text, date = data.get("heading"), data.get("message"), data.get("date")
    if not users or not (isinstance(heading, str) and isinstance(text, str) and isinstance(date, str)):
        raise Refused("Parameters error")
    content = f"{heading}\n{text}\nDate: {date}"
    return orjson.dumps(
        {"touser": "|".join(users), "msgtype": "text", "agentid": 1000002, "text": {"content": content}}
    )


def envelope(answer: bytes) -> bytes:
    """The caller's answer to what WeChat said."""
    said: dict[str, Any] = orjson.loads(answer)
    accepted = said["errcode"] == 0
    data = {"msgids": [said["msgid"]]} if accepted else {"errcode": said["errcode"], "errmsg": said["errmsg"]}
    return _envelope(accepted, "OK" if accepted else said["errmsg"], data)


def refusal(reason: Refused) -> bytes:
    return _envelope(False, str(reason), None)


def token(answer: bytes) -> str:
    """The access token that WeChat gave."""
    value = orjson.loads(answer)["access_token"]
    assert isinstance(value, str)
    return value


def _envelope(result: bool, text: str, data: Any) -> bytes:
    code = 0 if result else 1306000
    request_id = os.urandom(16).hex()
    return orjson.dumps({"result": result, "code": code, "message": text, "data": data, "request_id": request_id})
