"""The world of the soak: a gateway, and a sandbox whose every answer may go wrong."""

import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from soak_clock import LoopClock

from esb.config import load
from esb.gateway.app import create_app
from esb.sandbox import create_sandbox
from esb.server.listener import listening
from esb.telemetry import logs

DEADLINE = 6
MEMBERS = [f"member{number:03}" for number in range(300)]
OPENIDS = [f"o{number:027}" for number in range(300)]
APPS = {1000001 + number: f"corp-secret-{number}" for number in range(3)}
ACCOUNTS = {f"wx000000000000000{number}": f"mp-secret-{number}" for number in range(2)}
ROBOTS = [f"robot-key-{number:02}" for number in range(40)]
TEMPLATE = 43 * "T"
CORPID = "ww0000000000000001"
APP_SECRET = "the-callers-secret"
SECRETS = [*APPS.values(), *ACCOUNTS.values(), *ROBOTS, APP_SECRET]


SEED = {
    "mp": [
        {"appid": appid, "secret": secret, "openids": OPENIDS[:-20], "templates": {TEMPLATE: {}}}
        for appid, secret in ACCOUNTS.items()
    ],
    "qy": [
        {
            "corpid": CORPID,
            "members": MEMBERS[:-20],
            "apps": [{"agentid": agentid, "secret": secret} for agentid, secret in APPS.items()],
        }
    ],
    "robots": ROBOTS,
    "knobs": {
        "token.ttl_s": 30,
        "stable.renew_window_s": 5,
        "robot.per_minute": 20,
        "qy.member_per_minute": 30,
        "qy.text_over": "40058",
        "qy.markdown_over": "40058",
        "qy.early_expire_prob": 0.001,
        "mp.new_token_lag_ms": 200,
    },
}

SENDS = ("/cgi-bin/message/send", "/cgi-bin/message/template/send", "/cgi-bin/webhook/send")
FETCHES = ("/cgi-bin/gettoken", "/cgi-bin/stable_token")
HALF_READ = json.dumps({"errcode": 0, "errmsg": "ok. Warning: wrong json format. "})
BOTH = ("before", "after")
ON_SEND: list[tuple[float, dict[str, Any], tuple[str, ...]]] = [
    (0.02, {"errcode": -1}, ("before",)),
    (0.01, {"errcode": 45033}, ("before",)),
    (0.005, {"errcode": 40014}, ("before",)),
    (0.005, {"errcode": 40001}, ("before",)),
    (0.005, {"errcode": 42001}, ("before",)),
    (0.005, {"errcode": 40003}, ("before",)),
    (0.005, {"errcode": 40058}, ("before",)),
    (0.005, {"errcode": 99999}, ("before",)),
    (0.002, {"errcode": 60020}, ("before",)),
    (0.0001, {"errcode": 45011}, ("before",)),
    (0.005, {"tokens": "rotate"}, BOTH),
    (0.005, {"tokens": "expire"}, BOTH),
    (0.01, {"tokens": "rotate", "reset": "head"}, ("after",)),
    (0.01, {"status": 502, "body": "<html>Bad Gateway</html>"}, BOTH),
    (0.01, {"status": 503}, BOTH),
    (0.005, {"status": 429}, BOTH),
    (0.01, {"reset": "head"}, BOTH),
    (0.01, {"reset": "body"}, BOTH),
    (0.01, {"close": True}, BOTH),
    (0.005, {"cut": 12}, BOTH),
    (0.005, {"body": "<html>not JSON</html>"}, BOTH),
    (0.005, {"body": '["a list"]'}, BOTH),
    (0.003, {"body": HALF_READ}, BOTH),
    (0.002, {"redirect": "https://127.0.0.1:9/elsewhere"}, ("before",)),
    (0.001, {"hang": True}, BOTH),
    (0.001, {"slow": 5}, BOTH),
    (0.0005, {"huge": 9 * 2**20}, BOTH),
    (0.05, {"latency_ms": 30}, BOTH),
    (0.02, {"content_type": "text/plain"}, BOTH),
]
"""Faults of sends: probability, action, and the moments (before or after the message is recorded) to choose from."""
ON_TEMPLATE_SEND = [(0.005, {"errcode": 40252}), (0.005, {"errcode": 43108}), (0.005, {"errcode": 43004})]
"""Codes of official accounts only, before anything is recorded: 40252 promises to deliver later."""
ON_FETCH: list[tuple[float, dict[str, Any]]] = [
    (0.05, {"errcode": -1}),
    (0.05, {"status": 502, "body": "<html>Bad Gateway</html>"}),
    (0.05, {"close": True}),
    (0.05, {"body": '{"errcode": 0, "errmsg": "ok"}'}),
    (0.02, {"hang": True}),
    (0.001, {"errcode": 45009}),
]


@dataclass
class World:
    """The servers and files of a soak. `tokens`: those that requests to WeChat carried."""

    gateway: str
    sandbox: str
    http: ClientSession
    log: io.StringIO
    tokens: set[str]


@asynccontextmanager
async def opened(seed: int) -> AsyncIterator[World]:
    """The gateway and the sandbox, with all faults set up."""
    log, tokens = io.StringIO(), set[str]()
    library_logs = logging.StreamHandler(log)
    logging.getLogger().addHandler(library_logs)
    async with AsyncExitStack() as stack:
        stack.callback(logging.getLogger().removeHandler, library_logs)
        http = await stack.enter_async_context(ClientSession(connector=TCPConnector(limit=0)))
        clock = LoopClock()
        app = create_sandbox(clock=clock.since_1970)
        app.middlewares.append(_watching(tokens))
        sandbox = await stack.enter_async_context(listening(app, "127.0.0.1", 0))
        folder = stack.enter_context(TemporaryDirectory())
        config = Path(folder) / "esb.yaml"
        config.write_text(json.dumps(configuration(sandbox)))  # JSON is YAML
        listeners = [logs.listener(environ, log) for environ in ({"ESB_LOG": "text"}, {"ESB_LOG": "json"})]
        gateway = create_app(load(config, {}), listeners=listeners, clock=clock)
        url = await stack.enter_async_context(listening(gateway, "127.0.0.1", 0))
        await _set_up(http, sandbox, seed)
        yield World(url, sandbox, http, log, tokens)


def _watching(tokens: set[str]) -> Any:
    @web.middleware
    async def watch(request: web.Request, handler: Any) -> web.StreamResponse:
        tokens.add(request.query.get("access_token", ""))
        response: web.StreamResponse = await handler(request)
        return response

    return watch


async def _set_up(http: ClientSession, sandbox: str, seed: int) -> None:
    rules = [
        (chance / len(when), path, action, moment)
        for chance, action, when in ON_SEND
        for moment in when
        for path in SENDS
    ]
    rules += [(chance, SENDS[1], action, "before") for chance, action in ON_TEMPLATE_SEND]
    rules += [(chance, path, action, "before") for chance, action in ON_FETCH for path in FETCHES]
    documents: list[tuple[str, Any]] = [("seed", SEED)]
    for number, (chance, path, action, moment) in enumerate(rules):
        match = {"path": path, "probability": chance, "seed": seed * 1000 + number}
        documents.append(("faults", {"match": match, "action": action, "when": moment, "times": 0}))
    for path, document in documents:
        async with http.post(f"{sandbox}/_sandbox/{path}", json=document) as response:
            assert response.status == 200, await response.text()


def configuration(sandbox: str) -> dict[str, Any]:
    """esb.yaml: a component for each app, account and robot."""
    app = {"code": "soak", "secrets": [APP_SECRET], "impersonate": ["*"]}
    wecom = {"wx_qy_corpid": CORPID, "wx_qy_host": sandbox}
    stanzas: list[tuple[str, str, dict[str, Any]]] = [
        *(
            (f"/qy/{agentid}/", "cmsi_send_weixin", {**wecom, "wx_qy_agentid": agentid, "wx_qy_corpsecret": secret})
            for agentid, secret in APPS.items()
        ),
        *(
            (
                f"/mp/{appid}/",
                "cmsi_send_mp_weixin",
                {"wx_app_id": appid, "wx_secret": secret, "wx_template_id": TEMPLATE, "wx_mp_host": sandbox},
            )
            for appid, secret in ACCOUNTS.items()
        ),
        *(
            (f"/robot/{number}/", "cmsi_send_wecom_robot", {"webhook_key": key, "wx_qy_host": sandbox})
            for number, key in enumerate(ROBOTS)
        ),
    ]
    components = [
        {"path": path, "use": use, "timeout": DEADLINE, "methods": ["POST"], "config": config}
        for path, use, config in stanzas
    ]
    return {"version": 1, "services": {"apps": {"use": "static", "config": {"apps": [app]}}}, "components": components}
