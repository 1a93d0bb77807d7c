"""A real gateway around one component, middleware or back end, over HTTP on loopback."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from aiohttp import ClientError, ClientResponse, ClientSession, web

from esb.config import load
from esb.config.component_paths import ROOT
from esb.core.clock import Clock
from esb.core.errors import ConfigError
from esb.core.events import Crashed, Event, Listener
from esb.gateway.app import create_app
from esb.server.listener import listening
from esb.telemetry import logs, tracebacks
from esb.testing.echo import Echo

APP, SECRET, USER = "test_app", "test-app-secret", "admin"
"""The default caller of tests; the app may call everything for everybody."""
PATH = "/test/component/"
CHAIN = ("app_auth", "user_auth", "permission")
"""The default chain of middlewares."""
NOT_ASCII = re.compile(r"[^\x20-\x7e]")


class PluginCrashed(AssertionError):
    """A plugin crashed, and the test did not expect it; or it expected a crash that did not come."""


@dataclass
class Gateway:
    """A gateway under test. `events`: those that it emitted so far; `answers`: its answers, as text.

    A crash of a plugin fails the test, with the traceback: at the call, or else at the end of the test; not so inside
    `expects_crash`.
    """

    url: str
    app: web.Application
    http: ClientSession
    path: str
    events: list[Event] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    """The log, in both of its forms, text and JSON."""
    answers: list[str] = field(default_factory=list)
    caller: tuple[str, str] = (APP, SECRET)
    """Code and secret of the app that calls."""
    _crashes: list[tuple[Crashed, BaseException]] = field(default_factory=list)
    _expecting: bool = False

    @contextmanager
    def expects_crash(self, kind: type[BaseException] = Exception) -> Iterator[list[BaseException]]:
        """Expect that a plugin crashes inside: `with opened.expects_crash(KeyError) as errors: answer = await call()`.

        Yields the list to which the errors are added. PluginCrashed if there is none, or another one than of `kind`.
        """
        __tracebackhide__ = True
        self.raise_crashes()
        errors: list[BaseException] = []
        self._expecting = True
        try:
            yield errors
        finally:
            self._expecting = False
        errors += [error for _, error in self._crashes]
        if not errors:
            raise PluginCrashed("the test expects that a plugin crashes, and none did")
        if all(isinstance(error, kind) for error in errors):
            self._crashes.clear()
        self.raise_crashes()

    def raise_crashes(self) -> None:
        """Raise PluginCrashed, once, if a plugin crashed and the test does not expect it."""
        __tracebackhide__ = True
        if self._crashes and not self._expecting:
            told = "\n".join(tracebacks.of_plugin(event, error) for event, error in self._crashes)
            self._crashes.clear()
            raise PluginCrashed(f"{told}\nIf the test expects it: `with opened.expects_crash(): …`") from None

    def crashed(self, event: Crashed, error: BaseException) -> None:
        """Take note of a crash: the gateway tells."""
        self._crashes.append((event, error))

    async def call(self, params: Mapping[str, Any] | None = None, /, user: str = USER, **more: Any) -> dict[str, Any]:
        """POST these parameters as `caller` for `user`; return the envelope."""
        __tracebackhide__ = True
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
        """Request the component, or another path; return the response. `options` are those of aiohttp's client.

        A header X-Forwarded-For names the client's address: the gateway takes the test for its proxy.
        """
        __tracebackhide__ = True
        code, secret = self.caller
        identity = {"bk_app_code": code, "bk_app_secret": secret, "bk_username": user}
        sent = {"X-Bkapi-Authorization": json.dumps(identity), **(headers or {})}
        url = f"{self.url}{ROOT}{path or self.path}"
        try:
            async with self.http.request(method, url, headers=sent, **options) as response:
                body = await response.read()
        except ClientError:
            self.raise_crashes()  # an answer that breaks off because of one
            raise
        self.raise_crashes()
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
        middlewares: Sequence[Mapping[str, Any]] | None = None,
        services: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        caller: tuple[str, str] = (APP, SECRET),
        **stanza: Any,
    ) -> Gateway:
        """Open it. `config` and the keys of `stanza` (timeout, methods, test_config, …) are the component's stanza.

        `users` are people whom the directory knows; `also` are further stanzas; `middlewares` and `services` stand in
        esb.yaml under these keys, but the default chain, a directory of apps that knows `caller`, and one of people
        do if they are left out; `clock` drives every expiry; `caller` is code and secret of the app that calls.
        """
        ...


class OpenMiddleware(Protocol):
    """A function that opens a gateway with a middleware: `use` names it, or is its class."""

    async def __call__(
        self,
        use: str | type,
        config: Mapping[str, Any] | None = None,
        *,
        after: Sequence[str] = CHAIN,
        **gateway: Any,
    ) -> Gateway:
        """Open it behind the middlewares of `after`, before a component that answers `app`, `user` and `args`.

        `gateway` are keywords of `OpenGateway`.
        """
        ...


class OpenService(Protocol):
    """A function that opens a gateway with a back end of services.KEY: `use` names it, or is its class."""

    async def __call__(
        self, key: str, use: str | type, config: Mapping[str, Any] | None = None, **gateway: Any
    ) -> Gateway:
        """Open it around a component that answers `app`, `user` and `args`. `gateway` are keywords of `OpenGateway`."""
        ...


class CallComponent(Protocol):
    """A function that calls the component of the gateway that was opened last, and returns the envelope."""

    async def __call__(
        self, params: Mapping[str, Any] | None = None, /, user: str = USER, **more: Any
    ) -> dict[str, Any]: ...


def listeners_of(gateway: Gateway) -> list[Listener]:
    """Return the listeners by which a gateway keeps its events, and its log in both forms."""
    forms = (logs.TEXT, logs.JSON)
    return [gateway.events.append, *(logs.listener({"ESB_LOG": form}, gateway.log) for form in forms)]


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
        middlewares: Sequence[Mapping[str, Any]] | None = None,
        services: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        caller: tuple[str, str] = (APP, SECRET),
        **stanza: Any,
    ) -> Gateway:
        __tracebackhide__ = True
        document: dict[str, Any] = {
            "version": 1,
            "server": {"trusted_proxies": ["127.0.0.1"]},
            "services": {**_services(caller, users), **(services or {})},
            "components": [{"path": path, **_stanza(use, config), **stanza}, *also],
        }
        if middlewares is not None:
            document["middlewares"] = list(middlewares)
        file = self._scratch / f"esb{len(self.opened)}.yaml"
        file.write_text(_yaml(document))
        gateway = Gateway("", web.Application(), await self._client(), path, caller=caller)
        try:
            loaded = replace(load(file, {}), folder=self._folder)
            gateway.app = create_app(loaded, listeners=listeners_of(gateway), clock=clock, author=gateway.crashed)
        except ConfigError as error:  # its text says all, and our own frames would hide it
            raise error.with_traceback(None) from error.__cause__
        gateway.url = await self._stack.enter_async_context(listening(gateway.app, "127.0.0.1", 0))
        self.opened.append(gateway)
        return gateway

    async def open_middleware(
        self,
        use: str | type,
        config: Mapping[str, Any] | None = None,
        *,
        after: Sequence[str] = CHAIN,
        **gateway: Any,
    ) -> Gateway:
        __tracebackhide__ = True
        chain = [*({"use": name} for name in after), _stanza(use, config)]
        return await self.open(Echo, middlewares=chain, **gateway)

    async def open_service(
        self, key: str, use: str | type, config: Mapping[str, Any] | None = None, **gateway: Any
    ) -> Gateway:
        __tracebackhide__ = True
        services = {**gateway.pop("services", {}), key: _stanza(use, config)}
        return await self.open(Echo, services=services, **gateway)

    async def call(self, params: Mapping[str, Any] | None = None, /, user: str = USER, **more: Any) -> dict[str, Any]:
        __tracebackhide__ = True
        if not self.opened:
            raise RuntimeError("open a gateway first: await gateway(...)")
        return await self.opened[-1].call(params, user, **more)

    async def _client(self) -> ClientSession:
        return await self._stack.enter_async_context(ClientSession())


def _stanza(use: str | type, config: Mapping[str, Any] | None) -> dict[str, Any]:
    named = use if isinstance(use, str) else f"{use.__module__}:{use.__qualname__}"
    return {"use": named, "config": dict(config or {})}


def _services(caller: tuple[str, str], users: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the stanzas of a directory of apps that knows this one, and of a directory of these people."""
    code, secret = caller
    app = {"code": code, "secrets": [secret], "impersonate": ["*"]}
    return {
        "apps": {"use": "static", "config": {"apps": [app]}},
        "users": {"use": "static", "config": {"users": list(users)}},
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
