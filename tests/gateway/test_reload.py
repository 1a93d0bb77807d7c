"""A reload in one process: what changes, what stays, and when the old generation closes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from esb.config import Config, ConfigModel, Portal, Server, load
from esb.contracts.component import Component, Reply
from esb.core.call import Call
from esb.core.errors import ConfigError
from esb.core.events import Crashed, Event, GenerationClosed, Observer, Reloaded
from esb.core.params import Params
from esb.gateway import app as app_module
from esb.gateway.app import GATEWAY
from esb.gateway.reload import Reloader
from tests.support.clock import Clock
from tests.support.components import Free
from tests.support.configuration import DEMO, MESSAGE, SERVICES, WECOM
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.identity import USED, WHO, claims, configuration, fetch, with_signature
from tests.support.repository import BAD_CONFIGS, BAD_ENVIRON
from tests.support.wire import until


class WordConfig(ConfigModel):
    word: str


class Word(Component[WordConfig, Free]):
    """Answers its word, when it may; notes whether it is closed."""

    config_type = WordConfig
    params_type = Free
    go_on: asyncio.Event
    closed: list[str]

    async def handle(self, call: Call, params: Free) -> Any:
        if call.args.get("inside"):
            return await self.services.call(call, "/test/word/", {})
        if call.args.get("stream"):
            return Reply(body=self._stream())
        if call.args.get("wait"):
            await self.go_on.wait()
        return self.config.word

    async def _stream(self) -> AsyncIterator[bytes]:
        yield b"begun "
        await self.go_on.wait()
        yield self.config.word.encode()

    async def close(self) -> None:
        self.closed.append(self.config.word)


class FailsToClose(Component[Any, Params]):
    async def handle(self, call: Call, params: Params) -> Any: ...

    async def close(self) -> None:
        raise OSError("disk on fire")


def stanza(word: str) -> str:
    return f'  - {{path: /test/word/, use: "tests.gateway.test_reload:Word", config: {{word: {word}}}}}\n'


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Word, "go_on", asyncio.Event(), raising=False)
    monkeypatch.setattr(Word, "closed", [], raising=False)


@dataclass
class Reloadable:
    """A gateway, and its esb.yaml."""

    gateway: Gateway
    path: Path
    sandbox_url: str | None = None
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def reload(self, components: str, more: str = "") -> None:
        self.path.write_text(f"{SERVICES}{more}components:\n{components}")
        await self.gateway.app[GATEWAY].reload(load(self.path, {}, sandbox_url=self.sandbox_url))

    async def word(self, **params: Any) -> Any:
        return (await self.gateway.call("test/word", **params))["data"]

    async def begin(self, **params: Any) -> "asyncio.Task[Any]":
        """A call that waits inside its component."""
        before = len(self.gateway.app[GATEWAY].ingress.in_flight)
        task = asyncio.create_task(self.word(wait=True, **params))
        await until(lambda: len(self.gateway.app[GATEWAY].ingress.in_flight) > before)
        return task

    def events(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.gateway.events if isinstance(event, kinds)]

    async def closed(self, number: int) -> GenerationClosed:
        """The event that tells of it."""

        def found() -> list[GenerationClosed]:
            closed = (event for event in self.gateway.events if isinstance(event, GenerationClosed))
            return [event for event in closed if event.generation == number]

        await until(lambda: bool(found()))
        return found()[0]


@pytest.fixture
async def reloadable(open_gateway: OpenGateway, tmp_path: Path) -> Reloadable:
    return Reloadable(await open_gateway(stanza("one")), tmp_path / "esb.yaml")


async def test_calls_after_a_reload_are_answered_by_the_new_config(reloadable: Reloadable) -> None:
    assert await reloadable.word() == "one"
    await reloadable.reload(stanza("two"))
    assert await reloadable.word() == "two"
    (event,) = reloadable.events(Reloaded)
    assert isinstance(event, Reloaded)
    assert (event.generation, event.mistakes) == (2, ())


async def test_a_component_may_come_and_go(reloadable: Reloadable) -> None:
    await reloadable.reload(stanza("two").replace("/test/word/", "/test/other/"))
    assert (await reloadable.gateway.call("test/word"))["code"] == 1306404
    assert (await reloadable.gateway.call("test/other"))["data"] == "two"


async def test_a_call_keeps_the_generation_it_started_with(reloadable: Reloadable) -> None:
    old = await reloadable.begin()
    await reloadable.reload(stanza("two"))
    assert await reloadable.word() == "two"
    Word.go_on.set()
    assert await old == "one"


async def test_a_call_inside_a_call_stays_in_its_generation(reloadable: Reloadable) -> None:
    generation = reloadable.gateway.app[GATEWAY].generation
    await reloadable.reload(stanza("two"))
    route = generation.routes.find("/test/word/", "POST")
    assert route is not None
    assert await reloadable.word(inside=True) == "two"


async def test_an_idle_generation_closes_at_once(reloadable: Reloadable) -> None:
    await reloadable.reload(stanza("two"))
    assert (await reloadable.closed(1)).calls == 0
    assert Word.closed == ["one"]


async def test_a_generation_closes_after_its_last_call(reloadable: Reloadable) -> None:
    calls = [await reloadable.begin() for _ in range(3)]
    await reloadable.reload(stanza("two"))
    await reloadable.reload(stanza("three"))
    assert (await reloadable.closed(2)).calls == 0
    assert Word.closed == ["two"]
    assert reloadable.gateway.app[GATEWAY].generation.calls.number == 0
    Word.go_on.set()
    assert await asyncio.gather(*calls) == ["one"] * 3
    await reloadable.closed(1)
    assert Word.closed == ["two", "one"]


async def test_a_generation_closes_after_its_last_stream(reloadable: Reloadable) -> None:
    http, url = reloadable.gateway.http, reloadable.gateway.url + "/api/c/compapi/test/word/"
    async with http.post(url, json={**DEMO, "stream": True}) as response:
        assert await response.content.readany() == b"begun "
        await reloadable.reload(stanza("two"))
        assert await reloadable.word() == "two"
        assert Word.closed == []
        Word.go_on.set()
        assert await response.read() == b"one"
    await reloadable.closed(1)
    assert Word.closed == ["one"]


async def test_a_generation_whose_caller_left_closes_too(reloadable: Reloadable) -> None:
    http, url = reloadable.gateway.http, reloadable.gateway.url + "/api/c/compapi/test/word/"
    async with http.post(url, json={**DEMO, "stream": True}) as response:
        await response.content.readany()
        await reloadable.reload(stanza("two"))
        response.close()
    await reloadable.closed(1)


async def test_a_call_that_does_not_end_keeps_nothing_open_for_ever(
    reloadable: Reloadable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "LAST_CALL_SECONDS", 0.01)
    call = await reloadable.begin()
    await reloadable.reload(stanza("two"))
    assert (await reloadable.closed(1)).calls == 1
    Word.go_on.set()
    assert await call == "one"


async def test_one_that_fails_to_close_is_told_and_keeps_nobody_open(reloadable: Reloadable) -> None:
    await reloadable.reload(stanza("two") + '  - {path: /test/fails/, use: "tests.gateway.test_reload:FailsToClose"}\n')
    await reloadable.reload(stanza("three"))
    await reloadable.closed(2)
    assert "two" in Word.closed
    (crash,) = reloadable.events(Crashed)
    assert isinstance(crash, Crashed)
    assert (crash.doing, crash.kind) == ("closing generation 2", "OSError")


async def test_a_gateway_that_ends_closes_every_generation(open_gateway: OpenGateway, tmp_path: Path) -> None:
    gateway = await open_gateway(stanza("one"))
    reloadable = Reloadable(gateway, tmp_path / "esb.yaml")
    hold = gateway.app[GATEWAY].generation.calls
    hold.__enter__()
    await reloadable.reload(stanza("two"))
    await gateway.app.cleanup()
    assert Word.closed == ["one", "two"]
    assert not gateway.app[GATEWAY]._older


# A bad one changes nothing


async def test_a_bad_config_changes_nothing_and_all_its_mistakes_are_told(reloadable: Reloadable) -> None:
    bad = (
        '  - {path: /a/b/, use: nobody}\n  - {path: /a/c/, use: "tests.gateway.test_reload:Word", config: {wort: x}}\n'
    )
    with pytest.raises(ConfigError) as caught:
        await reloadable.reload(bad, more="server: {port: 9, colour: red}\n")
    keys = {mistake.key for mistake in caught.value.mistakes}
    assert keys == {
        "server.port",
        "server.colour",
        "components[0].use",
        "components[1].config.wort",
    }
    (event,) = reloadable.events(Reloaded)
    assert isinstance(event, Reloaded)
    assert event.generation == 1
    assert event.mistakes == tuple(str(mistake) for mistake in caught.value.mistakes)
    assert await reloadable.word() == "one"
    assert Word.closed == []
    await reloadable.reload(stanza("two"))
    assert reloadable.gateway.app[GATEWAY].generation.number == 2
    assert await reloadable.word() == "two"


async def test_a_reload_says_of_each_wrong_file_what_a_check_says(
    reloadable: Reloadable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD_CONFIGS)
    for path in sorted(BAD_CONFIGS.glob("*.txt")):
        checked = [line for line in path.read_text(encoding="utf-8").splitlines() if ": W" not in line]
        with pytest.raises(ConfigError):
            await reloadable.gateway.app[GATEWAY].reload(load(path.with_suffix(".yaml").name, BAD_ENVIRON))
        event = reloadable.events(Reloaded)[-1]
        assert isinstance(event, Reloaded)
        assert set(checked) <= set(event.mistakes)
    assert len(reloadable.events(Reloaded)) == len([*BAD_CONFIGS.glob("*.txt")])  # one event is one line of the log
    assert await reloadable.word() == "one"


async def test_a_mistake_quotes_no_secret(reloadable: Reloadable, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    with pytest.raises(ConfigError):
        await reloadable.reload(stanza("['${file:secret}']"))
    assert "hunter2" not in repr(reloadable.gateway.events)


# What takes effect


async def test_limits_of_the_server_take_effect(reloadable: Reloadable) -> None:
    assert await reloadable.word(padding="x" * 5000) == "one"
    await reloadable.reload(stanza("two"), more="server: {max_body: 2000, max_in_flight: 1, max_per_target: 3}\n")
    response = await reloadable.gateway.post({**DEMO, "padding": "x" * 5000}, "test/word")
    assert response.status == 413
    assert reloadable.gateway.app[GATEWAY].http.bulkheads.width == 3
    call = await reloadable.begin()
    assert (await reloadable.gateway.call("test/word"))["code"] == 1306429
    Word.go_on.set()
    assert await call == "two"


async def test_limits_of_a_request_take_effect(reloadable: Reloadable) -> None:
    assert await reloadable.word(padding=[1, 2, 3]) == "one"
    await reloadable.reload(stanza("two"), more="server: {limits: {json_nodes: 9}}\n")
    envelope = await reloadable.gateway.call("test/word", padding=[1, 2, 3])
    assert envelope["code"] == 1306406
    assert "the limit is 9 values and names" in envelope["message"]
    assert await reloadable.word(padding=1) == "two"


async def test_trusted_proxies_take_effect(reloadable: Reloadable) -> None:
    forwarded = {"X-Forwarded-For": "1.2.3.4"}
    await reloadable.gateway.post(DEMO, "test/word", headers=forwarded)
    await reloadable.reload(stanza("two"), more="server: {trusted_proxies: [127.0.0.1]}\n")
    await reloadable.gateway.post(DEMO, "test/word", headers=forwarded)
    addresses = [event.client_ip for event in reloadable.gateway.events if hasattr(event, "client_ip")]
    assert addresses == ["127.0.0.1", "1.2.3.4"]


async def test_an_edited_plugin_takes_effect_and_a_broken_one_does_not(
    open_gateway: OpenGateway, tmp_path: Path
) -> None:
    plugin = tmp_path / "reloaded_plugin.py"
    source = """
from esb import Component
class Plugin(Component):
    async def handle(self, call, params):
        return {0!r}
"""
    use = '  - {path: /test/word/, use: "reloaded_plugin:Plugin"}\n'
    plugin.write_text(source.format("one"))
    reloadable = Reloadable(await open_gateway(use), tmp_path / "esb.yaml")
    assert await reloadable.word() == "one"
    plugin.write_text(source.format("two"))
    await reloadable.reload(use)
    assert await reloadable.word() == "two"
    plugin.write_text("broken")
    with pytest.raises(ConfigError, match="'reloaded_plugin:Plugin' failed to import: NameError"):
        await reloadable.reload(use)
    assert await reloadable.word() == "two"


# What outlives a reload


@pytest.fixture
async def wecom(open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path) -> Reloadable:
    gateway = await open_gateway(WECOM, sandbox_url=sandbox.url)
    return Reloadable(gateway, tmp_path / "esb.yaml", sandbox.url)


async def test_tokens_outlive_a_reload(wecom: Reloadable, sandbox: Sandbox) -> None:
    assert (await wecom.gateway.send())["result"]
    await wecom.reload(WECOM)
    assert (await wecom.gateway.send())["result"]
    assert await sandbox.calls("/cgi-bin/gettoken") == 1
    assert len(await sandbox.messages()) == 2


async def test_a_changed_corpsecret_counts_from_the_next_send_on(wecom: Reloadable) -> None:
    assert (await wecom.gateway.send())["result"]
    await wecom.reload(WECOM.replace("corp-secret", "wrong-secret"))
    refused = await wecom.gateway.send()
    assert not refused["result"]
    assert refused["data"]["errcode"] in {40001, 42001, 40091}
    await wecom.reload(WECOM)
    assert (await wecom.gateway.send())["result"]


async def test_a_wrong_corpsecret_that_was_put_right_is_not_refused_for_a_minute(
    open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    gateway = await open_gateway(WECOM.replace("corp-secret", "wrong-secret"), sandbox_url=sandbox.url)
    reloadable = Reloadable(gateway, tmp_path / "esb.yaml", sandbox.url)
    assert not (await gateway.send())["result"]
    await reloadable.reload(WECOM)
    assert (await gateway.call(receiver="zhangsan", data=MESSAGE))["result"]


async def test_nonces_outlive_a_reload(open_gateway: OpenGateway, tmp_path: Path) -> None:
    clock = Clock()
    gateway = await open_gateway(config=configuration(), clock=clock)
    query = with_signature(claims(clock))
    assert (await fetch(gateway, "GET", WHO, query))["result"]
    await gateway.app[GATEWAY].reload(load(tmp_path / "esb.yaml", {}))
    answer = await fetch(gateway, "GET", WHO, query)
    assert (answer["result"], answer["message"]) == (False, USED)


async def test_upstream_connections_outlive_a_reload(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    connections: set[Any] = set()

    async def answer(request: web.Request) -> web.Response:
        connections.add(request.transport)
        return web.json_response({})

    upstream = web.Application()
    upstream.router.add_get("/", answer)
    url = await open_server(upstream)
    gateway = await open_gateway(
        f'  - {{path: /test/relay/, use: "tests.support.components:Relay", config: {{url: "{url}/"}}}}\n'
    )
    await gateway.call("test/relay")
    await gateway.app[GATEWAY].reload(gateway.app[GATEWAY].config)
    await gateway.call("test/relay")
    assert len(connections) == 1


class Sends(Component[Any, Free]):
    """Counts how often it has sent."""

    params_type = Free
    sends = True
    sent: list[str]

    async def handle(self, call: Call, params: Free) -> Any:
        self.sent.append(call.id)
        call.record.sent = True
        await Word.go_on.wait()
        return {"sent": len(self.sent)}


async def test_a_repetition_during_a_reload_waits_for_the_call_that_it_repeats(
    open_gateway: OpenGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sends, "sent", [], raising=False)
    sends = '  - {path: /test/sends/, use: "tests.gateway.test_reload:Sends"}\n'
    gateway = await open_gateway(sends)
    calls = []
    for _ in range(2):
        calls.append(asyncio.create_task(gateway.call("test/sends", idempotency_key="k1")))
        await until(lambda: len(gateway.app[GATEWAY].ingress.in_flight) == len(calls))
        await Reloadable(gateway, tmp_path / "esb.yaml").reload(sends)
    Word.go_on.set()
    answers = [answer["data"] for answer in await asyncio.gather(*calls)]
    answers.append((await gateway.call("test/sends", idempotency_key="k1"))["data"])
    assert [(answer["sent"], answer.get("replayed", False)) for answer in answers] == [(1, False), (1, True), (1, True)]


# Whatever asks for it


class Applied:
    """Applies configurations, each as it is told to; and notes what it was asked."""

    def __init__(self, *errors: Exception | None) -> None:
        self.config = Config(Path("esb.yaml"), Path())
        self.events: list[Event] = []
        self.under_way = self.most_at_once = self.done = 0
        self._errors = list(errors)

    def reloader(self) -> Reloader:
        return Reloader(self.config, lambda: self.config, self.apply, Observer([self.events.append]))

    async def apply(self, config: Config) -> None:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self.done += 1
        if (error := self._errors.pop(0)) is not None:
            raise error


async def test_reloads_that_are_asked_for_at_once_are_done_one_after_another() -> None:
    applied = Applied(None, None, None)
    reloader = applied.reloader()
    await asyncio.gather(*(reloader.reload() for _ in range(3)))
    assert (applied.done, applied.most_at_once) == (3, 1)


async def test_the_configuration_before_is_kept_where_somebody_can_ask_for_it_and_only_there() -> None:
    alone, asked = Applied(None), Applied(None)
    asked.config = replace(asked.config, server=Server(portal=Portal()))
    for applied, is_kept in ((alone, False), (asked, True)):
        reloader = applied.reloader()
        first = reloader.present
        await reloader.reload("admin:ops")
        assert (first.by, reloader.present.by) == ("start", "admin:ops")
        assert (reloader.previous is first) is is_kept


async def test_who_asks_while_the_gateway_starts_is_served_when_it_follows() -> None:
    applied, requested = Applied(None), asyncio.Event()
    requested.set()
    async with applied.reloader().following(requested):
        await until(lambda: applied.done == 1)
    assert not requested.is_set()


@pytest.mark.parametrize("error", [ConfigError([]), ZeroDivisionError()])
async def test_a_reload_that_fails_is_not_the_last_one(error: Exception) -> None:
    applied, requested = Applied(error, None), asyncio.Event()
    async with applied.reloader().following(requested):
        requested.set()
        await until(lambda: applied.done == 1)
        requested.set()
        await until(lambda: applied.done == 2)
    told = [(event.doing, event.kind) for event in applied.events if isinstance(event, Crashed)]
    assert told == ([] if isinstance(error, ConfigError) else [("reloading", "ZeroDivisionError")])
