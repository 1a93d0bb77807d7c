"""A bare client of the sandbox."""

from io import BytesIO
from json import dumps
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from tests.support.clock import Clock

APPID, MP_SECRET, OPENID, TEMPLATE = "wx0000000000000001", "mp-secret", "o" + "A" * 27, "T" * 43
CORPID, CORP_SECRET, AGENTID, ROBOT = "ww0000000000000001", "corp-secret", 1000002, "bot-key"
QY_APP = f"{CORPID}/{AGENTID}"

TEMPLATE_SEND = "/cgi-bin/message/template/send"
BIZSEND = "/cgi-bin/message/subscribe/bizsend"
CUSTOM_SEND = "/cgi-bin/message/custom/send"
MESSAGE_SEND = "/cgi-bin/message/send"
WEBHOOK_SEND = "/cgi-bin/webhook/send"


class WeChat:
    """The calls that most tests make, returning the decoded JSON."""

    def __init__(self, http: TestClient[Request, Application], clock: Clock) -> None:
        self.http = http
        self.clock = clock

    async def raw(self, method: str, path: str, json: object = None, **arguments: Any) -> ClientResponse:
        if json is not None:
            arguments["data"] = BytesIO(dumps(json).encode())
        return await self.http.request(method, path, allow_redirects=False, **arguments)

    async def call(self, method: str, path: str, json: object = None, **arguments: Any) -> dict[str, Any]:
        response = await self.raw(method, path, json, **arguments)
        reply = await response.json(content_type=None)
        assert isinstance(reply, dict)
        return reply

    async def control(self, method: str, name: str, json: object = None) -> dict[str, Any]:
        response = await self.raw(method, f"/_sandbox/{name}", json)
        reply = await response.json()
        assert response.status == 200, reply
        assert isinstance(reply, dict)
        return reply

    async def seed(self, **parts: object) -> None:
        await self.control("POST", "seed", parts)

    async def turn(self, **knobs: object) -> None:
        """Set knobs of the running world: `mp_overlap_s` for `mp.overlap_s`."""
        await self.control("PATCH", "knobs", {name.replace("_", ".", 1): value for name, value in knobs.items()})

    async def messages(self) -> list[dict[str, Any]]:
        found = (await self.control("GET", "messages"))["messages"]
        assert isinstance(found, list)
        return found

    async def fault(self, path: str | None, action: dict[str, Any], **rule: Any) -> int:
        match = {**rule.pop("match", {}), **({"path": path} if path else {})}
        return int((await self.control("POST", "faults", {"match": match, "action": action, **rule}))["id"])

    async def fetch_plain(self, **changes: str) -> dict[str, Any]:
        query = {"grant_type": "client_credential", "appid": APPID, "secret": MP_SECRET, **changes}
        return await self.call("GET", "/cgi-bin/token", params=query)

    async def fetch_stable(self, **changes: object) -> dict[str, Any]:
        body = {"grant_type": "client_credential", "appid": APPID, "secret": MP_SECRET, **changes}
        return await self.call("POST", "/cgi-bin/stable_token", body)

    async def fetch_wecom(self, **changes: str) -> dict[str, Any]:
        query = {"corpid": CORPID, "corpsecret": CORP_SECRET, **changes}
        return await self.call("GET", "/cgi-bin/gettoken", params=query)

    async def mp(self, path: str, token: str, **body: object) -> dict[str, Any]:
        return await self.call("POST", path, body, params={"access_token": token})

    async def template(self, token: str, **changes: object) -> dict[str, Any]:
        body = {"touser": OPENID, "template_id": TEMPLATE, "data": {"keyword1": {"value": "你好"}}, **changes}
        return await self.mp(TEMPLATE_SEND, token, **body)

    async def custom(self, token: str, content: str = "你好") -> dict[str, Any]:
        return await self.mp(CUSTOM_SEND, token, touser=OPENID, msgtype="text", text={"content": content})

    async def send(self, token: str, **changes: object) -> dict[str, Any]:
        """A WeCom message; a change to None leaves the key out."""
        body = {"touser": "zhangsan", "agentid": AGENTID, "msgtype": "text", "text": {"content": "你好"}, **changes}
        body = {key: value for key, value in body.items() if value is not None}
        return await self.call("POST", MESSAGE_SEND, body, params={"access_token": token})

    async def robot(self, content: str = "你好", key: str = ROBOT) -> dict[str, Any]:
        return await self.robot_body({"msgtype": "text", "text": {"content": content}}, key)

    async def robot_body(self, body: object, key: str = ROBOT) -> dict[str, Any]:
        return await self.call("POST", WEBHOOK_SEND, body, params={"key": key})

    async def plain_token(self) -> str:
        return str((await self.fetch_plain())["access_token"])

    async def stable_token(self) -> str:
        return str((await self.fetch_stable())["access_token"])

    async def wecom_token(self, **changes: str) -> str:
        return str((await self.fetch_wecom(**changes))["access_token"])
