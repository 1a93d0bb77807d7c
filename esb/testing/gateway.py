"""A real gateway around one component, over HTTP on loopback."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from aiohttp import ClientResponse, ClientSession, web

from esb.config import load
from esb.config.component_paths import ROOT
from esb.core.clock import Clock
from esb.core.events import Event
from esb.gateway.app import create_app
from esb.server.listener import listening
from esb.telemetry import logs

APP, SECRET, USER = "test_app", "test-app-secret", "admin"
"""The default caller of tests; the app may call everything for everybody."""
PATH = "/test/component/"
NOT_ASCII = re.compile(r"[^\x20-\x7e]")


@dataclass
class Gateway:
    """A gateway under test. `events`: those that it emitted so far; `answers`: its answers, as text."""

    url: str
    app: web.Application
    http: ClientSession
    path: str
    events: list[Event] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    """The log, in both of its forms, text and JSON."""
    answers: list[str] = field(default_factory=list)

    async def call(self, params: Mapping[str, Any] | None = None, /, user: str = USER, **more: Any) -> dict[str, Any]:
        """POST these parameters as the default app for `user`; return the envelope."""
        response = await self.request("POST", user=user, json={**(params or {}), **more})
        envelope: dict[str, Any] = await response.json()
        return envelope

    async def request(
        self,
        method: str = "POST",
        *,
        path: str | None = None,
        user: str = USER,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> ClientResponse:
        """Request the component, or another path; return the response. `options` are those of aiohttp's client."""
        identity = {"bk_app_code": APP, "bk_app_secret": SECRET, "bk_username": user}
        sent = {"X-Bkapi-Authorization": json.dumps(identity), **(headers or {})}
        url = f"{self.url}{ROOT}{path or self.path}"
        async with self.http.request(method, url, headers=sent, **options) as response:
            body = await response.read()
        head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        self.answers.append(f"{response.status}\n{head}\n\n{body.decode(errors='replace')}")
        return response


class OpenGateway(Protocol):
    """A function that opens a gateway around a component: `use` names it, or is its class."""

    async def __call__(
        self,
        use: str | type,
        config: Mapping[str, Any] | None = None,
        *,
        path: str = PATH,
        users: Sequence[Mapping[str, Any]] = (),
        also: Sequence[Mapping[str, Any]] = (),
        clock: Clock | None = None,
        **stanza: Any,
    ) -> Gateway:
        """Open it. `config` and the keys of `stanza` (timeout, methods, test_config, …) are the component's stanza.

        `users` are people whom the directory knows; `also` are further stanzas; `clock` drives every expiry.
        """
        ...


class CallComponent(Protocol):
    """A function that calls the component of the gateway that was opened last, and returns the envelope."""

    async def __call__(
        self, params: Mapping[str, Any] | None = None, /, user: str = USER, **more: Any
    ) -> dict[str, Any]: ...


class Gateways:
    """The gateways that a test has opened, in that order."""

    def __init__(self, stack: AsyncExitStack, folder: Path, scratch: Path) -> None:
        """Take two folders: plugins are importable from `folder`, configurations are written to `scratch`."""
        self.opened: list[Gateway] = []
        self._stack = stack
        self._folder = folder
        self._scratch = scratch

    async def open(
        self,
        use: str | type,
        config: Mapping[str, Any] | None = None,
        *,
        path: str = PATH,
        users: Sequence[Mapping[str, Any]] = (),
        also: Sequence[Mapping[str, Any]] = (),
        clock: Clock | None = None,
        **stanza: Any,
    ) -> Gateway:
        named = use if isinstance(use, str) else f"{use.__module__}:{use.__qualname__}"
        first = {"path": path, "use": named, "config": dict(config or {}), **stanza}
        file = self._scratch / f"esb{len(self.opened)}.yaml"
        file.write_text(_yaml(_document([first, *also], users)))
        gateway = Gateway("", web.Application(), await self._client(), path)
        heard = [gateway.events.append, logs.listener({}, gateway.log), logs.listener({"ESB_LOG": "json"}, gateway.log)]
        gateway.app = create_app(replace(load(file, {}), folder=self._folder), listeners=heard, clock=clock)
        gateway.url = await self._stack.enter_async_context(listening(gateway.app, "127.0.0.1", 0))
        self.opened.append(gateway)
        return gateway

    async def call(self, params: Mapping[str, Any] | None = None, /, user: str = USER, **more: Any) -> dict[str, Any]:
        if not self.opened:
            raise RuntimeError("open a gateway first: await gateway(...)")
        return await self.opened[-1].call(params, user, **more)

    async def _client(self) -> ClientSession:
        return await self._stack.enter_async_context(ClientSession())


def _document(components: list[Mapping[str, Any]], users: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    app = {"code": APP, "secrets": [SECRET], "impersonate": ["*"]}
    return {
        "version": 1,
        "services": {
            "apps": {"use": "static", "config": {"apps": [app]}},
            "users": {"use": "static", "config": {"users": list(users)}},
        },
        "components": components,
    }


def _yaml(document: Any) -> str:
    """Return JSON with each character that is not ASCII escaped: some are line breaks or forbidden in YAML."""
    text = json.dumps(_literal(document), ensure_ascii=False)
    return NOT_ASCII.sub(lambda match: f"\\U{ord(match[0]):08x}", text)


def _literal(value: Any) -> Any:
    """Return the value with `${` escaped, so that nothing is filled in: the component gets it as the test wrote it."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: _literal(part) for key, part in value.items()}
    return [_literal(part) for part in value] if isinstance(value, list | tuple) else value
