"""One gateway with both of WeChat's platforms and a robot, and what a situation asks about it."""

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from esb.telemetry import logs
from tests.support import send_weixin
from tests.support.clock import Clock
from tests.support.configuration import DEMO, MESSAGE, OPENID, SERVICES
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.send_weixin import TEMPLATE

CORPID, APPID = "ww0000000000000001", "wx0000000000000001"
SECRETS = ("corp-secret", "second-secret", "mp-secret", "bot-key", "a-wrong-secret", "demo-secret")

LONG_TEXT = "磁盘告警" * 417  # 5004 bytes, which WeCom takes in three pages
PAGE_NUMBER = re.compile(r"\((\d)/(\d)\)\n")

PLATFORMS = ("qy", "mp")
PATHS = {**send_weixin.PATHS, "robot": ("", "/cgi-bin/webhook/send")}
COMPONENTS = {"qy": "cmsi/send_weixin", "mp": "cmsi/send_mp_weixin", "robot": "cmsi/send_wecom_robot"}
PARAMS: dict[str, dict[str, Any]] = {
    "qy": {"receiver": "zhangsan", "data": MESSAGE},
    "mp": {"receiver": OPENID, "data": MESSAGE},
    "robot": {"content": "C"},
}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "qy": (
        "cmsi_send_weixin",
        {
            "wx_qy_corpid": CORPID,
            "wx_qy_corpsecret": "corp-secret",
            "wx_qy_agentid": 1000002,
            "wx_qy_member_per_minute": 0,
            "wx_qy_host": "${sandbox}",
        },
    ),
    "mp": (
        "cmsi_send_mp_weixin",
        {"wx_app_id": APPID, "wx_secret": "mp-secret", "wx_template_id": TEMPLATE, "wx_mp_host": "${sandbox}"},
    ),
    "robot": ("cmsi_send_wecom_robot", {"webhook_key": "bot-key", "wx_qy_host": "${sandbox}"}),
}


class SharedClock(Clock):
    """A clock that the sandbox follows, too."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox

    async def sleep(self, seconds: float) -> None:
        await self.pass_by(seconds)

    async def pass_by(self, seconds: float) -> None:
        self.now += seconds
        await self._sandbox.post("clock", {"advance": seconds})


@dataclass
class World:
    """The gateway of a situation, the sandbox behind it, and all that was answered."""

    gateway: Gateway
    sandbox: Sandbox
    clock: SharedClock
    answers: list[dict[str, Any]] = field(default_factory=list)

    async def send(
        self, platform: str = "qy", headers: Mapping[str, str] | None = None, **params: Any
    ) -> dict[str, Any]:
        """The answer to a message by this platform."""
        body = {**DEMO, **PARAMS[platform], **params}
        response = await self.gateway.post(body, COMPONENTS[platform], dict(headers or {}))
        answer: dict[str, Any] = await response.json()
        self.answers.append(answer)
        return answer

    async def fetches(self, platform: str = "qy") -> int:
        """Return the number of token fetches at WeChat."""
        return await self.sandbox.calls(PATHS[platform][0])

    async def sends(self, platform: str = "qy") -> int:
        """Return the number of sends at WeChat."""
        return await self.sandbox.calls(PATHS[platform][1])

    async def inbox(self) -> list[dict[str, Any]]:
        """Return the messages that arrived, without the repetitions that WeChat dropped."""
        return [message for message in await self.sandbox.messages() if message["duplicate_of"] is None]

    async def fault(self, platform: str, action: dict[str, Any], *, times: int = 1, **more: Any) -> None:
        """Let the sandbox do this to sends; with `fetching`, to token fetches."""
        path = PATHS[platform][0 if more.pop("fetching", False) else 1]
        match = {"path": path, **more.pop("match", {})}
        await self.sandbox.post("faults", {"match": match, "action": action, "times": times, **more})

    async def heal(self) -> None:
        """Remove all faults."""
        async with self.sandbox.http.delete(f"{self.sandbox.url}/_sandbox/faults"):
            pass

    async def until(self, reached: Callable[[], Any], most: float = 120.0) -> None:
        """Wait until the sandbox shows this; TimeoutError after `most` seconds."""
        async with asyncio.timeout(most):
            while not await reached():  # noqa: ASYNC110 - the sandbox tells by its numbers only
                await asyncio.sleep(0.01)

    def output(self) -> str:
        """Return answers, events, and the log in both its forms, as one text."""
        text = json.dumps(self.answers, ensure_ascii=False) + repr(self.gateway.events)
        for environ in ({"ESB_LOG": "text"}, {"ESB_LOG": "json"}):
            stream = io.StringIO()
            write = logs.listener(environ, stream)
            for event in self.gateway.events:
                write(event)
            text += stream.getvalue()
        return text


OpenWorld = Callable[..., Awaitable[World]]


def stanzas(configs: Mapping[str, Mapping[str, Any]], timeout: float) -> str:
    """All three components; `configs` are changes by platform."""
    return "".join(
        f"  - {{path: /{COMPONENTS[platform]}/, methods: [POST], use: {use}, timeout: {timeout}, "
        f"config: {json.dumps({**config, **configs.get(platform, {})})}}}\n"
        for platform, (use, config) in CONFIGS.items()
    )


async def make_world(
    open_gateway: OpenGateway,
    sandbox: Sandbox,
    *,
    timeout: float = 30,
    more: str = "",
    sandbox_url: str | None = None,
    components: str = "",
    **configs: Mapping[str, Any],
) -> World:
    clock = SharedClock(sandbox)
    text = f"{SERVICES}{more}components:\n{stanzas(configs, timeout)}{components}"
    return World(await open_gateway(config=text, sandbox_url=sandbox_url or sandbox.url, clock=clock), sandbox, clock)


def reached(answer: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Return the receivers that accepted, that failed, and of which it is not known."""
    data = answer["data"]
    return data["accepted"], [entry["receiver"] for entry in data["failed"]], data["unknown"]


def everybody(answer: dict[str, Any]) -> list[str]:
    """All receivers that the answer accounts for; whoever stands in it twice, twice."""
    return [name for names in reached(answer) for name in names]
