"""A demonstration: the documented example through a real gateway, and the message as it arrived in WeChat."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from esb.cli.pages import inbox_line, portal_line, with_portal_alone
from esb.config import Config, ConfigSource
from esb.config.component_paths import ROOT
from esb.core.errors import GatewayError
from esb.gateway.app import GATEWAY, Gateway, create_app
from esb.gateway.reload import Reloader
from esb.server.deployment import ANY_SANDBOX, Rereader
from esb.server.listener import listening
from esb.server.operators import operating
from esb.server.process_status import SingleProcess
from esb.server.sandbox import sandbox
from esb.server.serve import announce, stop_signal
from esb.telemetry.metrics import Tally

COMPONENT = "/cmsi/send_weixin/"
PATH = f"{ROOT}{COMPONENT}"
SECRETS = ("bk_app_secret", "bk_token")
DEMO_APP = {"code": "esb_demo", "secrets": ["demo-secret"]}
"""The app that calls if no app stands in esb.yaml itself."""
STAYS = " while this runs; `esb demo --portal` goes on until you stop it"


class LeavesTheMachine(GatewayError):
    """A demonstration that would send to the real WeChat."""


def example(config: Config) -> dict[str, Any]:
    """Return the request of the API document, with the first app and the first login that the configuration knows."""
    app = next(iter(_static(config, "apps").get("apps") or ()), DEMO_APP)
    token = next(iter(_static(config, "login").get("tokens") or ()), None)
    return {
        "bk_app_code": app["code"],
        "bk_app_secret": app["secrets"][0],
        **({"bk_token": token} if token else {"bk_username": "admin"}),
        "receiver": "zhangsan",
        "data": {
            "heading": "blueking alarm",
            "message": "This is a test.",
            "date": "2017-02-22 15:36",
            "remark": "This is a test!",
        },
    }


def _static(config: Config, key: str) -> Mapping[str, Any]:
    """Return what a service of the configuration holds if it stands in esb.yaml itself."""
    stanza = config.services.get(key)
    return stanza.config.value if stanza is not None and stanza.use == "static" else {}


def _check_nothing_leaves(config: Config, wechat: str) -> None:
    """Raise LeavesTheMachine if the component that the example calls sends elsewhere than to this sandbox."""
    for stanza in config.components:
        called = stanza.active and COMPONENT in (stanza.path, *stanza.aliases)
        if called and wechat not in json.dumps(stanza.config.value):
            raise LeavesTheMachine(
                f"{stanza.section.file}:{stanza.section.line}: {COMPONENT} does not send to ${{sandbox}}, so the "
                "demonstration sends nothing; in an empty folder it has a configuration of its own"
            )


async def demonstrate(path: str, environ: Mapping[str, str], *, stay: bool = False) -> bool:
    """Print the request, the answer and the inbox; return True if the message arrived. `stay` until TERM or INT.

    ConfigError, CannotListen, or LeavesTheMachine before anything is sent.
    """
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(sandbox(ANY_SANDBOX))
        wechat = address.url
        source = ConfigSource(path, environ)
        config = source.resolve(sandbox=address)
        if stay:
            config = with_portal_alone(config)
        tally = Tally()
        app = create_app(config, listeners=[tally] if stay else [])
        _check_nothing_leaves(config, wechat)
        gateway = await stack.enter_async_context(listening(app, "127.0.0.1", 0))
        request = example(config)
        _show(f"POST {gateway}{PATH}", {name: "***" if name in SECRETS else value for name, value in request.items()})
        _say(f"{inbox_line(wechat)}{'' if stay else STAYS}\n")
        answer = await asyncio.to_thread(_exchange, gateway + PATH, request)
        _show("answer", answer)
        inbox = await asyncio.to_thread(_exchange, wechat + "/_sandbox/messages")
        messages = inbox["messages"]
        for message in messages:
            _show("arrived in WeChat, for " + ", ".join(message["delivered"]), message["text"])
        if stay:
            reread = Rereader(source, source.path, address, with_portal_alone)
            async with _portal(app[GATEWAY], tally, gateway, reread, wechat) as portal:
                stop = stop_signal()
                _say(portal_line(portal))
                announce(gateway)
                await stop.wait()
        return answer.get("result") is True and any("zhangsan" in message["delivered"] for message in messages)


def _portal(
    gateway: Gateway, tally: Tally, gateway_url: str, reread: Rereader, sandbox_url: str
) -> AbstractAsyncContextManager[str | None]:
    """Serve the portal of this gateway, and yield its URL; None without its library."""
    reloader = Reloader(gateway.config, reread, gateway.reload, gateway.observer)
    return operating(SingleProcess(gateway, tally), reloader, None, lambda: gateway_url, sandbox_url)


def _show(title: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
    _say(f"== {title}\n{text}\n")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what a demonstration is for


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
