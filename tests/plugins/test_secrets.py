"""No secret gets out, whatever an upstream does: one test over every component that there is, with its cases."""

import gc
import io
import json
import logging
import pkgutil
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

import esb.plugins
from esb.contracts.component import Component
from esb.gateway.app import GATEWAY
from esb.telemetry import logs
from tests.support.gateway import Gateway, OpenGateway
from tests.support.ports import free_port
from tests.support.secret_cases import AUTH, CASES, CONFIG, MARK, Case, Witness, forms_of_the_mark, secret
from tests.support.servers.forward_proxy import ForwardProxy
from tests.support.servers.raw_server import Peer, Script, answering, raw_server, reset_after_request, silent

PLUGINS = sorted(found.name for found in pkgutil.iter_modules(esb.plugins.__path__) if not found.name.startswith("_"))
DECLARED = [pytest.param(name, key, id=f"{name} {key}") for name in PLUGINS for key in CASES.get(name, {})]
OVER_HTTP = [item for item in DECLARED if "smtp" not in str(item.id)]


def test_every_component_has_a_stanza_here() -> None:
    assert [name for name in PLUGINS if name not in CASES] == [], "write a stanza for them in CASES"


# What upstreams do


def echo_of(request: bytes) -> str:
    """All that an upstream saw of us, as it may put it into its answer."""
    head, _, body = request.decode().partition("\r\n\r\n")
    line, *headers = head.split("\r\n")
    method, target, _ = line.split(" ")
    host = next((name.partition(": ")[2] for name in headers if name.lower().startswith("host:")), "")
    return f"cannot {method} {target} at http://{host}{target} with {body} and {headers}"


def refusing(request: bytes) -> bytes:
    """A refusal in the words of every upstream that there is, with all that it saw."""
    echo = echo_of(request)
    return json.dumps(
        {
            "errcode": 40058,
            "errmsg": echo,
            "result": False,
            "code": echo,
            "message": echo,
            "data": {"echo": echo},
            "Response": {"Error": {"Code": echo, "Message": echo}, "RequestId": echo},
        },
        ensure_ascii=False,
    ).encode()


async def refusal(peer: Peer, request: bytes) -> None:
    await peer.answer(refusing(request))


async def status_500(peer: Peer, request: bytes) -> None:
    await peer.answer(refusing(request), "500 Oops")


async def html(peer: Peer, request: bytes) -> None:
    await peer.answer(f"<html><body>{echo_of(request)}</body></html>".encode(), headers="Content-Type: text/html\r\n")


async def redirect(peer: Peer, request: bytes) -> None:
    target = request.split(b" ")[1].decode()
    await peer.answer(b"", "302 Found", f"Location: http://127.0.0.1:9{target}\r\n")


async def reset(peer: Peer, request: bytes) -> None:
    peer.reset()


async def timeout(peer: Peer, request: bytes) -> None:
    await peer.gone()


FAULTS = [refusal, status_500, html, redirect, reset, timeout]
SOON = 0.05
"""The deadline of a call whose upstream never answers."""


def upstream(fault: Any, *, gives_token: bool) -> Script:
    """An upstream to which this happens: at once, or only after it has given out an access token."""
    token = {"errcode": 0, "errmsg": "ok", "access_token": secret("access-token"), "expires_in": 7200}

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            if gives_token and request.split(b" ")[1].partition(b"?")[0].endswith(b"token"):
                await peer.answer(json.dumps(token).encode())
            else:
                await fault(peer, request)

    return script


async def smtp(peer: Peer) -> None:
    """A mail server that refuses whatever it hears, and repeats it."""
    await peer.send(b"220 ready\r\n")
    while line := (await peer.reader.readline()).strip():
        if line.upper().startswith(b"EHLO"):
            await peer.send(b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
        else:
            await peer.send(b"535 5.7.8 cannot " + line + b"\r\n")


# What gets out


def written(gateway: Gateway) -> str:
    """The log of a gateway in both its forms."""
    text = ""
    for environ in ({"ESB_LOG": "text"}, {"ESB_LOG": "json"}):
        stream = io.StringIO()
        write = logs.listener(environ, stream)
        for event in gateway.events:
            write(event)
        text += stream.getvalue()
    assert "component=" in text
    return text


class Scene:
    """A gateway with one component, and all that came out of it."""

    def __init__(self, open_gateway: OpenGateway, caplog: pytest.LogCaptureFixture) -> None:
        self._open_gateway = open_gateway
        self._caplog = caplog
        Witness.seen.clear()
        caplog.set_level(logging.DEBUG)

    async def gateway(self, name: str, case: Case, port: int, proxy: str = "") -> Gateway:
        return await self._open_gateway(config=CONFIG + self._stanzas(name, case, port, proxy))

    async def play(self, name: str, case: Case, port: int, proxy: str = "") -> None:
        """Call the component with this upstream, and look for secrets in all that comes out."""
        gateway = await self.gateway(name, case, port, proxy)
        path, auth = name.replace("_", "/", 1), AUTH if not case.token else {}
        response = await gateway.post({**auth, **case.params}, f"{path}/{case.token}".rstrip("/"))
        envelope = await response.json()
        assert envelope["result"] is not case.asks_upstream, envelope
        assert "Component error" not in envelope["message"]
        logged = [f"{record.getMessage()} {record.exc_info}" for record in self._caplog.records]
        told = {
            "answer": await response.text() + str(response.headers),
            "events": repr(gateway.events),
            "log": written(gateway),
            "library logs": "\n".join(logged),
            "errors": "\n".join(Witness.seen),
        }
        assert [place for place, text in told.items() if any(form in text for form in forms_of_the_mark())] == []
        for place in ("events", "log", "errors") if case.passes_on else ("answer", "events", "log", "errors"):
            assert f"http://127.0.0.1:{port}" not in told[place], place
            assert "access_token=" not in told[place].replace("access_token=***", ""), place
        if case.asks_upstream and not case.passes_on:
            assert "Traceback" in told["errors"]

    def _stanzas(self, name: str, case: Case, port: int, proxy: str) -> str:
        config = json.dumps(
            {**case.config, **({case.proxy_key: proxy} if proxy and case.proxy_key else {})}, ensure_ascii=False
        )
        config = config.replace("{upstream}", f"http://127.0.0.1:{port}").replace('"{port}"', str(port))
        path = name.replace("_", "/", 1)
        tokens = f", tokens: [{{app: esb_demo, token: {case.token}}}]" if case.token else ""
        place = f'"/{path}/{{token}}/"' if case.token else f"/{path}/"
        text = f"  - {{path: {place}, use: {name}, timeout: {case.timeout}, config: {config}{tokens}}}\n"
        if not case.calls:
            return text
        called = replace(next(iter(CASES[case.calls].values())), timeout=case.timeout)
        return text + self._stanzas(case.calls, called, port, "")


@pytest.fixture
def scene(open_gateway: OpenGateway, caplog: pytest.LogCaptureFixture) -> Scene:
    return Scene(open_gateway, caplog)


@pytest.mark.parametrize(("name", "key"), OVER_HTTP)
@pytest.mark.parametrize("gives_token", [False, True], ids=["at once", "after the token"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_upstream_that_fails_brings_no_secret_out(
    scene: Scene, opened: AsyncExitStack, name: str, key: str, fault: Any, gives_token: bool
) -> None:
    server = await opened.enter_async_context(raw_server(upstream(fault, gives_token=gives_token)))
    case = CASES[name][key]
    await scene.play(name, replace(case, timeout=SOON) if fault is timeout else case, server.port)


@pytest.mark.parametrize(("name", "key"), DECLARED)
async def test_an_upstream_that_is_not_there_brings_no_secret_out(scene: Scene, name: str, key: str) -> None:
    await scene.play(name, CASES[name][key], free_port())


@pytest.mark.parametrize(("name", "key"), DECLARED)
async def test_what_a_debugger_prints_of_a_component_shows_no_secret(scene: Scene, name: str, key: str) -> None:
    case = CASES[name][key]
    left = gc.get_objects()  # by other tests, which may mark what is no secret; held, so that no new one gets an old id
    known = set(map(id, left))
    gateway = await scene.gateway(name, case, free_port(), f"http://user:{MARK}-proxy@127.0.0.1:1")
    ours = {Component, BaseModel}  # isinstance would wake lazy things
    new = (thing for thing in gc.get_objects() if id(thing) not in known)
    alive = [thing for thing in new if not ours.isdisjoint(type(thing).__mro__)]
    assert any(isinstance(thing, Component) for thing in alive)
    texts = [f"{thing!r} {thing}" for thing in [*alive, gateway.app[GATEWAY].config]]
    assert [text for text in texts if MARK in text] == []


@pytest.mark.parametrize(("name", "key"), [item for item in DECLARED if item not in OVER_HTTP])
@pytest.mark.parametrize("script", [smtp, silent, reset_after_request])
async def test_a_mail_server_that_fails_brings_no_secret_out(
    scene: Scene, opened: AsyncExitStack, name: str, key: str, script: Script
) -> None:
    server = await opened.enter_async_context(raw_server(script))
    case = CASES[name][key]
    await scene.play(name, case if script is smtp else replace(case, timeout=SOON), server.port)


PROXIED = [item for item in DECLARED if CASES[str(item.values[0])][str(item.values[1])].proxy_key]
PROXIES: dict[str, Script | None] = {
    "not there": None,
    "refusing": ForwardProxy("somebody", "else"),
    "resetting": reset_after_request,
    "silent": silent,
    "no proxy": answering(b"<html>what?</html>", "400 Bad Request"),
}


@pytest.mark.parametrize(("name", "key"), PROXIED)
@pytest.mark.parametrize("kind", PROXIES)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_forward_proxy_that_fails_brings_no_secret_out(
    scene: Scene, opened: AsyncExitStack, name: str, key: str, kind: str, scheme: str
) -> None:
    script = PROXIES[kind]
    port = free_port() if script is None else (await opened.enter_async_context(raw_server(script))).port
    case = CASES[name][key]
    hosts = {
        option: str(value).replace("http:", f"{scheme}:") for option, value in case.config.items() if "host" in option
    }
    limit = SOON if script is silent else case.timeout
    changed = replace(case, config={**case.config, **hosts}, timeout=limit)
    await scene.play(name, changed, free_port(), f"http://user:{MARK}-proxy@127.0.0.1:{port}")
