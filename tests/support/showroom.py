"""A portal in which every page has something to show: texts of a test's choice wherever somebody can write one."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from aiohttp import web
from playwright.async_api import Page
from sqlalchemy import insert

from esb.core.clock import SystemClock
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database import holds
from esb.database.callback_events import events_for
from esb.database.deliveries import CONTENT
from esb.database.engine import Database
from esb.portal.app import routes
from esb.portal.login_states import LoginStates
from esb.portal.parts import Parts
from esb.portal.sessions import Sessions
from tests.support.delivery_rows import NOW, add_delivery
from tests.support.portal import COMPONENTS, Portal, open_portal
from tests.support.processes.deployment import ADMIN_TOKEN
from tests.support.registry import switch_off
from tests.support.use import write_use

DEVELOPER = "demo-token"
"""The login state of the developer who owns the apps."""
LONG = "a-text-that-is-longer-than-a-narrow-window-is-wide-and-has-no-blank-at-which-a-line-could-end"
PARTS = ("/live", ".json")
"""Ends of addresses of what is no page, but a part of one."""
PLUGIN = """\
from typing import Annotated, Any

from pydantic import Field

from esb import Call, Component, ConfigModel, EsbError, Label, Params, RequiredText

TEXT = {text!r}


class ShowParams(Params):
    name: Annotated[RequiredText, Label(TEXT)]
    kind: Annotated[str, Field(description=TEXT, examples=[TEXT])] = TEXT


class Show(Component[ConfigModel, ShowParams]):
    async def handle(self, call: Call, params: ShowParams) -> Any:
        raise EsbError("{{text}}", text=TEXT)


Show.__doc__ = TEXT
"""
"""A plugin that an operator has from somewhere."""


@dataclass
class Showroom:
    """A portal, and what there is in it."""

    portal: Portal
    text: str
    code: str
    deliveries: list[str] = field(default_factory=list)

    @property
    def sandbox_url(self) -> str:
        """The address of its sandbox."""
        assert self.portal.deployment.sandbox is not None
        return self.portal.deployment.sandbox.url

    async def log_in(self, page: Page, language: str = "en") -> None:
        """Let an operator, who is a developer too, log in with a browser that wants this language."""
        await page.context.add_cookies([{"name": "bk_token", "value": DEVELOPER, "url": self.portal.url}])
        await page.goto(f"{self.portal.url}/login?lang={language}")
        await page.locator("input[name=token]").fill(ADMIN_TOKEN)
        await page.locator("main form button").click()

    async def fault(self, path: str, **action: Any) -> None:
        """Let the sandbox answer like this at a path; with nothing: behave again, wherever that is."""
        method, body = ("POST", {"match": {"path": path}, "action": action}) if action else ("DELETE", None)
        url = f"{self.sandbox_url}/_sandbox/faults"
        async with self.portal.browser.request(method, url, json=body) as response:
            assert response.status < 400, await response.text()

    def paths(self) -> list[str]:
        """Return an address of every page of the portal, and one for each thing that pages of one kind show."""
        code = [quote(self.code, safe=""), "esb_demo"]
        given = {"code": code, "id": self.deliveries, "form": ["owners"], "row": [""]}
        components = (("cmsi", "send_weixin"), ("show", "show"), ("cmsi", "send_sms"))
        found = []
        for path, names in pages():
            if names == ["system", "component"]:
                found += [path.format(system=system, component=name) for system, name in components]
            else:
                choices = product(*(given[name] for name in names))
                found += [path.format(**dict(zip(names, chosen, strict=True))) for chosen in choices]
        return found

    def contents(self) -> dict[str, tuple[str, ...]]:
        """Return texts that stand in pages, by their paths."""
        return {
            "/": ("cmsi", "send_weixin"),
            "/c/cmsi/send_weixin": ("receiver__username", "bk_app_code", "curl", "1306406"),
            "/c/cmsi/send_weixin/try": ("Dry run", "Send for real"),
            "/reference": ("openapi.json",),
            f"/mine/apps/{self.code}": ("cmsi.*",),
            "/apps": (self.code, "esb_demo"),
            f"/apps/{self.code}": ("cmsi.*", "done", "number"),
            f"/apps/{self.code}/use": ("cmsi.send_weixin", "12"),
            "/history": ("app.create", "grant.add"),
            "/deliveries": ("dead", "held", self.code),
            f"/deliveries/{self.deliveries[0]}": ("60020", "dead"),
            "/health": ("sqlite",),
            "/config": ("cmsi.send_weixin", "W107"),
        }


def pages() -> list[tuple[str, list[str]]]:
    """Return all pages of the portal, as `esb.portal.app` has them: forms of addresses, and the names in each."""

    def nothing() -> Any:
        raise AssertionError("pages are not made before somebody asks")

    parts = Parts(nothing, None, nothing, None)  # type: ignore[arg-type]  # nobody asks
    dispatcher, found = web.UrlDispatcher(), []
    for route in routes(parts, Sessions(SystemClock()), LoginStates(nothing)):
        if route.method == "GET" and not route.path.endswith(PARTS):
            info = dispatcher.add_resource(route.path).get_info()
            found.append(
                (info.get("path") or info["formatter"], [*info["pattern"].groupindex] if "pattern" in info else [])
            )
    return found


@asynccontextmanager
async def open_showroom(folder: Path, text: str = LONG, code: str = "monitor") -> AsyncIterator[Showroom]:
    """A portal with this text wherever a caller, an upstream or an operator can write one, and an app of this code."""
    plugin = f"shown_{uuid4().hex}"  # a module of its own in each
    (folder / f"{plugin}.py").write_text(PLUGIN.format(text=text))
    written = json.dumps(text)  # which YAML reads as it is
    more = (
        f"  - {{path: /show/show/, use: {plugin}:Show, description: {written}}}\n"
        f"  - {{path: /cmsi/send_sms/, use: cmsi_send_sms, description: {written},"
        " config: {dest_url: '${sandbox}/sms'}}\n"
    )
    async with open_portal(folder, COMPONENTS + more) as portal, portal.database() as database:
        shown = Showroom(portal, text, code)
        await _apps(portal, database, text, code)
        shown.deliveries = await _deliveries(database, text, code)
        await _messages(portal, text)
        yield shown


async def _apps(portal: Portal, database: Database, text: str, code: str) -> None:
    """Make an app with a right, a setting, a callback and a use of each kind, and a history."""
    address = f"https://example.com/{quote(text, safe='')}"
    app = {
        "code": code,
        "owners": ["admin", text.replace(",", "").replace(";", "")],
        "settings": {text: text, "number": 1},
        "callbacks": {"done": address, text[:64]: address},
    }
    path = f"/-/apps/{quote(code, safe='')}"
    await portal.administer("POST", "/-/apps", app)
    await portal.administer("POST", f"{path}/grants", {"pattern": "cmsi.*", "until": "90d", "reason": text})
    await portal.administer("POST", f"{path}/grants", {"pattern": "show.*", "since": "9d", "reason": text})
    await portal.administer("POST", f"{path}/impersonations", {"users": "*", "reason": text})
    await portal.administer("POST", f"{path}/secrets", {"until": "30d"})
    await switch_off(database, code, "done")
    today = int(time.time()) // 86_400
    await write_use(
        database,
        {(code, today, 1, "cmsi.send_weixin"): 12, (code, today, 1, text): 3, (code, today - 1, 1, "show.show"): 4},
        {(code, text, today * 24, "cmsi.send_weixin"): 5},
    )


async def _deliveries(database: Database, text: str, code: str) -> list[str]:
    """Write deliveries in several states, a hold, and an event; return their ids."""
    named: dict[str, Any] = {"app": code, "username": text, "callback": "done"}
    many: list[tuple[str, ReceiverState]] = [(f"{state.word} {text}", state) for state in ReceiverState]
    dead = await add_delivery(
        database,
        many,
        refusal=("60020", f"not allow to access from your ip, from ip: 10.1.2.3 {text}"),
        state=DeliveryState.DEAD,
        failure="config",
        msgids=[text],
        **named,
    )
    unknown: dict[str, Any] = {"state": DeliveryState.DEAD, "failure": text[:16], "component": text, "credential": text}
    held: dict[str, Any] = {"state": DeliveryState.HELD, "component": "cmsi.send_sms", "expires": 2 * NOW}
    other = await add_delivery(database, many[5:], refusal=(text[:64], text), **unknown, **named)
    waiting = await add_delivery(database, [(text, ReceiverState.QUEUED)], **held, **named)
    async with database.writing() as connection:
        await connection.execute(insert(CONTENT).values(delivery=dead, sealed=b"sealed", purge=0))
        await events_for(connection, database.keys, [dead], NOW)
        await holds.hold(connection, "cmsi.send_sms", NOW, text)
        await holds.hold(connection, text, NOW, text)
    return [dead, other, waiting]


async def _messages(portal: Portal, text: str) -> None:
    """Let a caller send this text."""
    answer = await portal.send(data={"heading": text, "message": text, "date": text, "remark": text})
    assert answer["result"], answer
